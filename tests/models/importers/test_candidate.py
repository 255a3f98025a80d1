"""Importing a real file: the same answers as its authors' own code, and proposals that a user can correct."""

import argparse
import collections
import copy
import datetime
import fractions
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import BadCheckpoint, BadSetting, UnknownName
from core.image.prepare import prepare
from core.models.checkpoints import card_json
from core.models.findings import CHESTXRAY14, XRAYVISION18
from core.models.importers import ImportCandidate, chosen, corrected, inspect
from core.models.importers.normalisation import NORMALISATIONS
from core.types import Input, Radiograph
from tests.models.importers.files import XRAYVISION_ALL, chexnet, monai, prefixed, state_network, stored

SIDE = 96  # px


def _images(channels: int) -> Tensor:
    return torch.randn(2, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def _same(candidate: ImportCandidate, theirs: nn.Module) -> bool:
    with torch.inference_mode():
        expected = theirs(_images(candidate.channels))
        result = candidate.network()(_images(candidate.channels))
    return bool((result - expected).abs().max() <= 1e-5 * expected.abs().max())


@pytest.fixture
def densenet() -> nn.Module:
    return state_network("densenet121", 14)


def test_a_lightning_checkpoint_gives_its_network_and_says_what_was_stripped(
    densenet: nn.Module, tmp_path: Path
) -> None:
    state = prefixed(densenet.state_dict(), "model.") | {"loss.weight": torch.ones(14)}
    held = {"epoch": 3, "state_dict": state, "optimizer_states": [{"state": {}}], "hyper_parameters": {"lr": 1e-3}}
    candidate = inspect(stored(held, tmp_path / "best.ckpt"))

    assert (candidate.file, candidate.kind, candidate.architecture) == ("best.ckpt", "torch zip", "densenet121")
    assert candidate.findings == CHESTXRAY14
    assert candidate.multi_label
    assert candidate.stripped == ("state_dict", "model")
    assert candidate.left_over == ("loss.weight",)
    assert (candidate.input.size, candidate.channels, candidate.normalisation) == (224, 3, "imagenet")
    assert _same(candidate, densenet)


@pytest.mark.parametrize("ending", ["model.pth.tar", "model.safetensors"])
def test_chexnet_with_the_names_of_its_time_gives_the_same_answers(
    densenet: nn.Module, ending: str, tmp_path: Path
) -> None:
    state = chexnet(densenet.state_dict())
    held: dict[str, Any] = {"epoch": 1, "arch": "DenseNet121", "best_loss": 0.5, "state_dict": state}
    plain = ending.endswith(".safetensors")
    candidate = inspect(stored(state if plain else held, tmp_path / ending, legacy=not plain))

    assert candidate.layout == "CheXNet (DenseNet-121, names of 2017)"
    assert candidate.kind == ("safetensors" if plain else "torch legacy")
    assert candidate.findings == CHESTXRAY14
    assert candidate.stripped[-1] == "module.densenet121"
    assert _same(candidate, densenet)


@pytest.mark.parametrize("name", ["mobilenet-v3-small", "efficientnet-b0", "resnet18"])
def test_half_precision_and_no_names_give_numbered_findings_and_a_question(name: str, tmp_path: Path) -> None:
    theirs = copy.deepcopy(state_network(name, 3))
    state = {
        key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in theirs.state_dict().items()
    }
    candidate = inspect(stored(state, tmp_path / "w.safetensors"))

    assert candidate.findings == ("finding 1", "finding 2", "finding 3")
    assert not candidate.named
    assert not candidate.multi_label
    assert any("does not name its outputs" in note for note in candidate.notes)
    theirs.load_state_dict({key: tensor.float() for key, tensor in state.items()})
    assert _same(candidate, theirs)


def test_findings_that_stand_in_the_file_are_used(tmp_path: Path) -> None:
    held = {
        "model": state_network("resnet18", 2).state_dict(),
        "classes": ["normal", "covid"],
        "labels": ["a", "b", "c"],
    }
    candidate = inspect(stored(held, tmp_path / "w.pt"))

    assert candidate.findings == ("normal", "covid")
    assert candidate.named
    assert "The findings are stored in the file, under classes." in candidate.notes


@pytest.mark.parametrize(
    "words", [["covid", "a" * 61], ["covid", "x\ny"], ["a,b", "c"], ["covid", "covid"], ["covid", " "]]
)
def test_findings_in_the_file_that_cannot_be_names_are_not_used(words: list[str], tmp_path: Path) -> None:
    held = {"model": state_network("resnet18", 2).state_dict(), "classes": words}

    assert inspect(stored(held, tmp_path / "w.pt")).findings == ("finding 1", "finding 2")


def test_a_network_of_one_score_is_a_finding_that_is_there_or_not(tmp_path: Path) -> None:
    candidate = inspect(stored(state_network("mobilenet-v3-small", 1).state_dict(), tmp_path / "w.pt"))

    assert (candidate.findings, candidate.multi_label) == (("finding 1",), True)
    assert corrected(candidate, findings=["pneumonia"]).findings == ("pneumonia",)
    with pytest.raises(BadSetting, match="gives one score, and a softmax over one score is always 1"):
        corrected(candidate, multi_label=False)


def test_a_network_of_imagenet_is_reported_and_names_no_finding(tmp_path: Path) -> None:
    candidate = inspect(stored(state_network("resnet18", 1000).state_dict(), tmp_path / "resnet18-f37072fd.pth"))

    assert candidate.layout == "ResNet-18 of ImageNet"
    assert candidate.findings == ()
    assert any("It has no finding" in note for note in candidate.notes)


def test_inception_gets_the_grey_values_that_torchvision_makes_of_imagenets(tmp_path: Path) -> None:
    candidate = inspect(stored(state_network("inception-v3", 2).state_dict(), tmp_path / "w.pt"))

    assert (candidate.input.size, candidate.normalisation) == (299, "signed")


def _xrayvision(tmp_path: Path, points: tuple[float, ...] | None) -> tuple[nn.Module, ImportCandidate]:
    theirs = state_network("densenet121", 18, channels=1)
    state = dict(theirs.state_dict())
    if points is not None:
        state["op_threshs"] = torch.tensor(points)
    return theirs, inspect(stored(state, tmp_path / "xrv.pt"))


def test_xrayvision_is_known_by_one_channel_and_eighteen_findings(tmp_path: Path) -> None:
    theirs, candidate = _xrayvision(tmp_path, XRAYVISION_ALL)

    assert candidate.layout == "TorchXRayVision (DenseNet-121)"
    assert candidate.findings == XRAYVISION18
    assert (candidate.channels, candidate.input.size, candidate.input.fit, candidate.multi_label) == (
        1,
        224,
        "crop",
        True,
    )
    assert candidate.thresholds == pytest.approx(dict(zip(XRAYVISION18, XRAYVISION_ALL, strict=True)))
    assert candidate.left_over == ()
    assert _same(candidate, theirs)
    renamed = corrected(candidate, findings=[f"f{place}" for place in range(18)])
    assert renamed.thresholds["f3"] == pytest.approx(XRAYVISION_ALL[3])  # an operating point keeps its place


def test_xrayvisions_black_and_white_become_its_own_range(tmp_path: Path, phantom: Radiograph) -> None:
    _, candidate = _xrayvision(tmp_path, None)
    prepared = prepare(phantom, candidate.input)

    assert float(prepared.black) == -1024
    assert float(prepared.white) == 1024
    assert -1024 <= float(prepared.image.min()) < -900
    assert 800 < float(prepared.image.max()) <= 1024
    assert candidate.thresholds == {}
    assert any("no operating points" in note for note in candidate.notes)


def test_a_finding_counts_exactly_where_xrayvision_itself_puts_it_above_a_half() -> None:
    """The card's operating point against torchxrayvision.models.op_norm, at every probability."""
    likely = np.linspace(0.0005, 0.9995, 1999)

    for point in XRAYVISION_ALL:
        bent = np.where(likely < point, likely / (2 * point), 1 - (1 - likely) / (2 * (1 - point)))
        assert ((likely >= point) == (bent >= 0.5)).all()
        assert (np.diff(bent) > 0).all()


def test_outputs_that_xrayvision_never_trained_are_left_out(tmp_path: Path) -> None:
    points = tuple(float("nan") if place >= 14 else point for place, point in enumerate(XRAYVISION_ALL))  # as its "nih"
    theirs, candidate = _xrayvision(tmp_path, points)

    assert candidate.findings == XRAYVISION18[:14]
    assert (candidate.outputs, len(candidate.thresholds)) == (18, 14)
    assert any(
        note.startswith("Left out, as they were never trained: 4 of 18 outputs (Lung Lesion")
        for note in candidate.notes
    )
    with torch.inference_mode():
        assert torch.allclose(candidate.network()(_images(1)), theirs(_images(1))[:, :14], atol=1e-5)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ImportCandidate:
    state = state_network("mobilenet-v3-small", 3).state_dict()
    return inspect(stored(state, tmp_path_factory.mktemp("small") / "w.pt"))


def test_a_person_corrects_findings_labels_size_and_grey_values(small: ImportCandidate) -> None:
    candidate = corrected(
        small,
        findings=[" covid", "pneumonia", "normal "],
        multi_label=True,
        size=160,
        normalisation="xrayvision",
        square="pad",
        channels=3,
    )

    assert candidate.findings == ("covid", "pneumonia", "normal")
    assert candidate.named
    assert candidate.multi_label
    wanted = Input(size=160, channels=3, filter="bilinear", fit="pad", low=-1024, high=1024, mean=(0.0,), std=(1.0,))
    assert candidate.input == wanted
    assert card_json(candidate.checkpoint(""))["input"]["low"] == -1024
    assert card_json(corrected(small).checkpoint("")) == card_json(small.checkpoint(""))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"findings": ["a", "b"]}, "2 findings are named, but w.pt gives 3 scores"),
        ({"findings": ["a", "b", "a"]}, "a is named twice"),
        ({"findings": ["a", " ", "b"]}, "A finding has no name"),
        ({"findings": ["a", "b\nc", "d"]}, r"b\?c is not a valid name of a finding"),
        ({"size": 16}, "must lie between 32 and 1024"),
        ({"channels": 1}, "takes 3 channels, not 1"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(small: ImportCandidate, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        corrected(small, **wrong)


def test_an_unknown_normalisation_lists_the_known(small: ImportCandidate) -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'imagenet'\?"):
        corrected(small, normalisation="imagnet")


@pytest.mark.parametrize("name", list(NORMALISATIONS))
def test_every_normalisation_reaches_the_network_as_its_name_says(
    name: str, small: ImportCandidate, phantom: Radiograph
) -> None:
    candidate = corrected(small, normalisation=name)
    assert candidate.normalisation == name
    prepared = prepare(phantom, candidate.input)
    if name == "imagenet":
        grey = prepare(phantom, corrected(small, normalisation="unit").input).image
        assert torch.allclose(prepared.image[2], (grey[2] - 0.406) / 0.225, atol=1e-6)
    elif name == "film":
        assert abs(float(prepared.image.mean())) < 1e-4
    else:
        ends = NORMALISATIONS[name].low, NORMALISATIONS[name].high
        assert (float(prepared.black[0]), float(prepared.white[0])) == ends


def test_a_size_that_the_network_cannot_take_is_reported(tmp_path: Path) -> None:
    candidate = corrected(inspect(stored(state_network("inception-v3", 2).state_dict(), tmp_path / "w.pt")), size=64)

    with pytest.raises(BadSetting, match="Inception-V3 does not accept films of 64 px"):
        candidate.network()


def test_one_of_our_own_is_sent_to_its_card(tmp_path: Path) -> None:
    state = {"features.conv0.weight": torch.zeros(1), "head.linear.weight": torch.zeros(1)}

    with pytest.raises(BadCheckpoint, match="is one of Lightbox's own"):
        inspect(stored(state, tmp_path / "densenet121-lungs.safetensors"))


def test_a_network_of_which_xrayvision_trained_no_output_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="None of the network's outputs has an operating point"):
        _xrayvision(tmp_path, (float("nan"),) * 18)


def test_what_a_person_answered_is_no_guess_any_more_and_the_rest_stays_one(tmp_path: Path) -> None:
    candidate = inspect(stored(state_network("resnet18", 3).state_dict(), tmp_path / "r18.pth"))
    unnamed, guessed = candidate.notes

    assert unnamed.startswith("The file does not name its outputs.")
    assert guessed.endswith("one finding per film is assumed.")
    assert corrected(candidate, findings=["covid", "pneumonia", "normal"], size=64).notes == (guessed,)
    assert corrected(candidate, multi_label=False).notes == (unnamed,)
    answered = corrected(candidate, findings=["covid", "pneumonia", "normal"], multi_label=True)
    assert answered.notes == ()
    assert card_json(answered.checkpoint(""))["imported"]["notes"] == []


def test_fourteen_outputs_and_grey_values_are_guesses_until_they_are_given(tmp_path: Path) -> None:
    candidate = inspect(stored(state_network("densenet121", 14, channels=1).state_dict(), tmp_path / "w.pth"))
    fourteen, greys = sorted(candidate.notes)

    assert fourteen.startswith("14 outputs are assumed to be")
    assert greys.startswith("The grey values of its training are not stored")
    assert corrected(candidate, findings=CHESTXRAY14).notes == (greys,)
    assert corrected(candidate, normalisation="unit").notes == (fourteen,)


class _Convolved(nn.Module):
    """A DenseNet whose last layer is a convolution, as for maps of classes."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        theirs: Any = state_network("densenet121", outputs)
        self.features = theirs.features
        self.classifier = nn.Conv2d(1024, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.classifier(torch.relu(self.features(images))).mean(dim=(2, 3))
        return scores


def _with_head(head: nn.Module) -> nn.Module:
    theirs: Any = copy.deepcopy(state_network("resnet18", 3))
    theirs.fc = head
    return cast(nn.Module, theirs.eval())


def _normed() -> nn.Module:
    norm, last = nn.BatchNorm1d(512), nn.Linear(512, 3)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert tensor is not None
            tensor.copy_(torch.rand(512) + 0.5)
    return nn.Sequential(norm, nn.Dropout(), last)


@pytest.mark.parametrize("make", [lambda: _with_head(_normed()), lambda: _Convolved(3).eval()], ids=["norm", "conv"])
def test_a_head_that_can_be_computed_into_one_linear_layer_gives_the_same_answers(
    make: Callable[[], nn.Module], tmp_path: Path
) -> None:
    theirs = make()
    candidate = inspect(stored(theirs.state_dict(), tmp_path / "w.pt"))

    assert _same(candidate, theirs)
    assert any("is assumed that" in fact or "are assumed to" in fact for fact in candidate.facts)


def test_monai_gives_the_same_answers(tmp_path: Path) -> None:
    theirs = state_network("densenet121", 4)

    assert _same(inspect(stored(monai(theirs.state_dict()), tmp_path / "w.pt")), theirs)


PLAIN: dict[str, dict[str, Any]] = {
    "numpy": {"best_auc": np.float64(0.9), "seen": np.arange(3), "flag": np.bool_(True)},
    "namespace": {"args": argparse.Namespace(lr=1e-3, path=PurePosixPath("/d"))},
    "dates": {"at": datetime.datetime(2026, 1, 1), "took": datetime.timedelta(hours=1)},
    "containers": {
        "log": collections.defaultdict(list, {"loss": [1.0]}),
        "last": collections.deque([1.0], maxlen=5),
        "counts": collections.Counter("aab"),
        "number": fractions.Fraction(1, 3),
    },
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kind", list(PLAIN))
def test_plain_data_beside_the_weights_does_not_keep_them_out(kind: str, legacy: bool, tmp_path: Path) -> None:
    theirs = state_network("resnet18", 3)
    held = {"state_dict": theirs.state_dict(), "epoch": 3, "classes": ["a", "b", "c"], **PLAIN[kind]}
    candidate = inspect(stored(held, tmp_path / "w.pt", legacy=legacy))

    assert candidate.stripped == ("state_dict",)
    assert candidate.findings == ("a", "b", "c")
    assert _same(candidate, theirs)


def test_weights_in_a_dictionary_of_another_kind_are_detected(tmp_path: Path) -> None:
    theirs = state_network("resnet18", 3)
    held = {"state_dict": collections.defaultdict(int, theirs.state_dict())}

    assert _same(inspect(stored(held, tmp_path / "w.pt")), theirs)


def _moved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Other weights of the same network, as a moving average holds them."""
    return {key: tensor * 1.01 if key == "fc.weight" else tensor for key, tensor in state.items()}


@pytest.mark.parametrize(
    ("arrange", "parts"),
    [
        (lambda one, other: {"state_dict": one, "state_dict_ema": other}, ("state_dict", "state_dict_ema")),
        (lambda one, other: {"model_ema": other, "model": one}, ("model", "model_ema")),
        (lambda one, other: {"model": one, "ema": {"module": other, "decay": 0.9}}, ("model", "ema.module")),
        (
            lambda one, other: {
                "state_dict": prefixed(one, "model.")
                | prefixed(other, "ema_model.module.")
                | {"n_averaged": torch.tensor(5)}
            },
            ("state_dict model", "state_dict ema_model.module"),
        ),
        (lambda one, other: prefixed(one, "student.") | prefixed(other, "teacher."), ("student", "teacher")),
        (lambda one, other: {"best": {"model": {"state_dict": one}}, "swa": other}, ("best.model.state_dict", "swa")),
    ],
    ids=["timm", "order", "ema object", "prefixes", "teacher", "deep"],
)
def test_a_file_of_several_sets_of_weights_lets_one_choose(
    arrange: Callable[[Any, Any], dict[str, Any]], parts: tuple[str, str], tmp_path: Path
) -> None:
    theirs = state_network("resnet18", 3)
    average = copy.deepcopy(theirs)
    average.load_state_dict(_moved(theirs.state_dict()))
    candidate = inspect(stored(arrange(theirs.state_dict(), average.state_dict()), tmp_path / "w.pt"))

    assert (candidate.part, *candidate.others) == parts
    assert candidate.notes[0] == f"The file holds several sets of weights: {parts[0]} is used, not {parts[1]}."
    assert _same(candidate, theirs)
    other = chosen(candidate, parts[1])
    assert _same(other, average)
    assert not _same(other, theirs)
    assert (other.part, *other.others) == parts[::-1]
    assert chosen(other, parts[0]).weights is candidate.weights
    with pytest.raises(UnknownName, match="There is no set of weights named 'best'"):
        chosen(candidate, "best")


def test_states_of_optimisers_and_metrics_are_no_sets_of_weights(tmp_path: Path) -> None:
    theirs = state_network("resnet18", 3)
    held = {
        "model": theirs.state_dict(),
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3), "step": torch.ones(1)}}},
        "scaler": {"scale": torch.ones(1), "growth": torch.ones(1)},
    }
    candidate = inspect(stored(held, tmp_path / "w.pt"))

    assert (candidate.part, dict(candidate.others)) == ("", {})
    assert _same(candidate, theirs)
