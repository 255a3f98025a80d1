"""Which network a dictionary of tensors belongs to. Shapes are enough, so all of them cost next to nothing."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from core.errors import BadCheckpoint
from core.models.architecture import originals
from core.models.importers.layout import LayoutMatch, fits, template
from tests.models.importers.files import chexnet, monai, prefixed, shapes_only

PREFIXES = ("module.", "model.", "net.", "backbone.", "module.model.", "_orig_mod.", "my.wrapper.0.")


def fit(tensors: Mapping[str, Tensor], name: str) -> LayoutMatch:
    """The only network that they are of."""
    (result,) = fits(tensors, name)
    return result


def _meta(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


@pytest.mark.parametrize(("name", "place"), [(name, place) for place, name in enumerate(originals)])
def test_every_network_is_recognised_bare_and_under_a_prefix(name: str, place: int) -> None:
    """Each prefix is tried on several networks."""
    state = shapes_only(name, 7)

    for prefix in ("", PREFIXES[place % len(PREFIXES)]):
        layout = fit(prefixed(state, prefix), "file")
        assert (layout.template.name, layout.outputs, layout.channels) == (name, 7, 3), prefix
        assert layout.prefix.removesuffix(layout.template.base) == prefix
        assert layout.left_over == ()
        assert set(layout.names.values()) == set(prefixed(state, prefix))
        assert set(layout.names) == set(template(name).ours.values())


@pytest.mark.parametrize("name", ["densenet169", "resnet34", "torchvision-vgg13", "inception-v3", "convnext-tiny"])
def test_the_last_layer_is_detected_by_its_shape_whatever_it_is_called_and_wherever_it_lies(name: str) -> None:
    state = prefixed(shapes_only(name, 7), "backbone.")
    last = next(reversed([key for key in state if key.endswith(".weight")])).removesuffix(".weight")
    for head in ("head.linear2", "classifier.1", "fc"):
        renamed = {key.replace(f"{last}.", f"{head}."): tensor for key, tensor in state.items()}
        layout = fit(renamed, "file")
        assert (layout.template.name, layout.outputs) == (name, 7)
        assert layout.names["head.linear.weight"] == f"{head}.weight"


@pytest.mark.parametrize("name", ["resnet18", "resnet101", "densenet121", "inception-v3"])
def test_layers_that_are_numbered_as_a_sequence_of_its_children_are_recognised(name: str) -> None:
    """nn.Sequential(*list(resnet.children())[:-1]) and a linear layer: how half of all tutorials begin."""
    numbers = template(name).numbers
    base = template(name).base
    state = {}
    for key, tensor in shapes_only(name, 3).items():
        below = key.removeprefix(base)
        layer, _, rest = below.partition(".")
        inside = key.startswith(base) and layer in numbers and layer not in ("fc", "classifier")
        state[f"features.{numbers[layer]}.{rest}" if inside else key] = tensor

    layout = fit(state, "file")
    assert (layout.template.name, layout.spelling, layout.outputs) == (name, "numbered", 3)
    assert layout.left_over == ()


def test_names_of_before_2018_are_recognised() -> None:
    layout = fit(chexnet(shapes_only("densenet121", 14)), "file")

    assert (layout.template.name, layout.spelling) == ("densenet121", "as torch did before 2018")
    assert layout.prefix == "module.densenet121.features."
    assert layout.names["features.denseblock1.denselayer1.norm1.weight"].endswith("denselayer1.norm.1.weight")
    assert layout.names["head.linear.weight"] == "module.densenet121.classifier.0.weight"


def test_one_channel_is_read_off_the_first_layer_and_four_are_refused() -> None:
    state = shapes_only("resnet18", 2)

    assert fit({**state, "conv1.weight": _meta(64, 1, 7, 7)}, "file").channels == 1
    with pytest.raises(BadCheckpoint, match="is a ResNet-18 for 4 channels"):
        fit({**state, "conv1.weight": _meta(64, 4, 7, 7)}, "file")


def test_what_training_keeps_beside_a_network_is_left_over_and_named() -> None:
    beside = {"criterion.pos_weight": _meta(7), "train_auc.thresholds": _meta(5, 5), "temperature": _meta()}
    layout = fit(prefixed(shapes_only("mobilenet-v2", 7), "net.") | beside, "file")

    assert layout.template.name == "mobilenet-v2"
    assert layout.left_over == tuple(beside)


def test_the_second_classifier_of_inception_is_left_over() -> None:
    with torch.device("meta"):
        entry: Any = originals["inception-v3"].make
        state = entry.func(num_classes=5, aux_logits=True, init_weights=False).state_dict()
    layout = fit(prefixed(state, "model."), "file")

    assert (layout.template.name, layout.outputs) == ("inception-v3", 5)
    assert layout.left_over
    assert all(key.startswith("model.AuxLogits.") for key in layout.left_over)


def _without(state: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in state.items() if part not in key}


_RESNET = ("resnet18", 3)
_LAST = {"fc.weight": _meta(512, 512), "fc.bias": _meta(512)}


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (
            {"a.weight": _meta(3, 3), "b.weight": _meta(3)},
            "is not a supported network: it has 2 tensors, such as",
        ),
        (_without(shapes_only(*_RESNET), "layer4.1.bn2.running_var"), r"nearest to ResNet-18 .* is missing"),
        (
            shapes_only(*_RESNET) | {"layer1.0.conv1.weight": _meta(64, 64, 1, 1)},
            "is 64 × 64 × 1 × 1, not 64 × 64 × 3 × 3",
        ),
        (
            shapes_only(*_RESNET) | {"layer1.0.se.fc.weight": _meta(4, 64)},
            "layer1.0.se.fc.weight is one layer too many",
        ),
        (
            _without(shapes_only(*_RESNET), "fc."),
            "no layer that takes its 512 features; beside the features there is nothing",
        ),
        (shapes_only(*_RESNET) | {"other.weight": _meta(5, 512)}, "more than one last layer; .* other"),
        (
            _without(shapes_only(*_RESNET), "fc.")
            | {"head.0.weight": _meta(64, 512), "head.0.bias": _meta(64), "head.2.weight": _meta(3, 64)},
            r"and more: head.2.weight \(3 × 64\). Without that its output would differ",
        ),
        (
            shapes_only(*_RESNET) | {"norm.weight": _meta(512), "norm.bias": _meta(512)},
            r"and more: norm.weight \(512\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_wrong(state: dict[str, Tensor], sentence: str) -> None:
    with pytest.raises(BadCheckpoint, match=sentence) as refused:
        fit(state, "file.pt")

    assert str(refused.value).startswith("file.pt ")
    assert re.search(r"[.)]$", str(refused.value))


def _norm(name: str, features: int) -> dict[str, Tensor]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": _meta(features) for part in parts}


def test_a_batch_norm_right_before_the_last_layer_belongs_to_it() -> None:
    last = {"classifier.1.weight": _meta(2, 1024), "classifier.1.bias": _meta(2)}
    layout = fit(_without(shapes_only("densenet121", 2), "classifier") | _norm("classifier.0", 1024) | last, "file")

    assert (layout.norm, layout.left_over, layout.notes) == ("classifier.0", (), ())


def test_what_may_lie_between_a_batch_norm_and_the_last_layer_is_reported() -> None:
    last = {"classifier.2.weight": _meta(2, 1024), "classifier.2.bias": _meta(2)}
    layout = fit(_without(shapes_only("densenet121", 2), "classifier") | _norm("classifier.0", 1024) | last, "file")

    assert layout.norm == "classifier.0"
    assert "It is assumed that only dropout lies between them" in layout.notes[0]


@pytest.mark.parametrize("norms", [("head.3",), ("head.0", "head.1")])
def test_a_batch_norm_elsewhere_is_no_left_over(norms: tuple[str, ...]) -> None:
    """It would change every answer, and its name looks harmless."""
    state = _without(shapes_only("resnet18", 2), "fc.") | {"head.2.weight": _meta(2, 512)}
    for name in norms:
        state |= _norm(name, 512)

    with pytest.raises(BadCheckpoint, match=r"and more: .*running_mean"):
        fit(state, "file")


def test_a_last_layer_that_is_a_convolution_of_one_pixel_is_used_and_reported() -> None:
    state = _without(shapes_only("densenet121", 2), "classifier") | {"classifier.weight": _meta(5, 1024, 1, 1)}
    layout = fit(state, "file")

    assert layout.outputs == 5
    assert "assumed to be averaged over the film" in layout.notes[0]


def test_the_names_of_monai_are_recognised() -> None:
    layout = fit(monai(shapes_only("densenet121", 4)), "file")

    assert (layout.template.name, layout.spelling, layout.outputs) == ("densenet121", "as MONAI does", 4)
    assert layout.left_over == ()


@pytest.mark.parametrize("prefixes", [("student.", "teacher."), ("model.", "ema_model.module."), ("", "ema.")])
def test_two_networks_in_one_dictionary_are_both_found(prefixes: tuple[str, str]) -> None:
    one, other = (prefixed(shapes_only("resnet18", 3), prefix) for prefix in prefixes)
    result = fits(one | other, "file")

    assert sorted(match.parent for match in result) == sorted(prefix.rstrip(".") for prefix in prefixes)
    assert all(match.left_over == () for match in result)
    assert {name for match in result for name in match.names.values()} == set(one | other)
