"""Maps of imported networks: equal to those computed by hand on their authors' own module, or refused with a reason.

One network for each family of operations; those of ReLU and batch norm are in tests/explain/test_architectures.py.
"""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.explain.evidence import Evidence, Tape
from core.explain.flow import advised
from core.explain.method import methods
from core.explain.run import Request, explain_many
from core.image.prepare import prepare
from core.models import library
from core.models.architecture import originals
from core.models.classifier import Classifier, load
from core.models.importers import corrected, inspect
from core.types import Checkpoint, Input, Radiograph
from tests.explain.quick import FILM_SIZED, quick
from tests.models.importers.files import filled, state_network, stored

SIDE = 64  # px
FINDINGS = ("covid", "pneumonia", "normal")
RULES = {"deeplift", "deeplift-shap", "guided-backprop", "deconvolution", "guided-grad-cam", "lrp"}
# Network -> the operation for which methods that change the rules of layers have none.
STRANGE = {
    "mobilenet-v3-small": "hardswish",
    "efficientnet-b0": "silu",
    "convnext-tiny": "permute",  # to the layer norm
}


def _classifier(name: str) -> Classifier:
    """Untrained."""
    with torch.device("meta"):
        layers = originals[name].make(num_classes=3)
    network = originals[name].wrap(filled(layers))
    card = Checkpoint(name, name, FINDINGS, multi_label=True, input=Input(size=SIDE, channels=3), sha256="")
    return Classifier(card, network.eval().requires_grad_(False))


@pytest.fixture(scope="module", params=list(STRANGE))
def strange(request: pytest.FixtureRequest) -> Classifier:
    return _classifier(request.param)


def test_methods_without_a_rule_for_its_operations_say_which(strange: Classifier) -> None:
    with strange.alone() as network:
        reasons = {name: methods[name].fits(network, network.last_stage) for name in RULES}

    obstacle = f"the network uses {STRANGE[strange.checkpoint.name]}, for which the method has no rule"
    wanted = {name: advised(obstacle) for name in RULES} | {"lrp": f"{obstacle}. Choose integrated gradients."}
    assert reasons == wanted


def test_every_other_method_gives_a_finite_map_of_the_right_shape(strange: Classifier, phantom: Radiograph) -> None:
    with strange.alone() as network:
        fitting = [name for name, method in methods.items() if not method.fits(network, network.last_stage)]
    assert len(fitting) > 20
    requests = [Request(name, "normal", settings=quick(name)) for name in fitting]

    result, maps = explain_many(strange, phantom, requests)

    assert np.array_equal(result.logits, strange.predict(phantom).logits)
    for map_ in maps:
        coarse = methods[map_.method].layered and map_.method not in FILM_SIZED
        assert map_.heat.shape == ((2, 2) if coarse else (SIDE, SIDE)), map_.method
        assert np.isfinite(map_.heat).all(), map_.method
        assert map_.signed or map_.heat.min() >= 0, map_.method


@pytest.mark.parametrize("name", ["resnet34", "torchvision-vgg11", "mobilenet-v2"])
def test_relevance_and_deeplift_add_up_where_they_are_offered(name: str, phantom: Radiograph) -> None:
    """With a head of three layers and real biases, and with ReLU6, too."""
    classifier = _classifier(name)
    with classifier.alone() as network:
        assert not [name for name in RULES if methods[name].fits(network, network.last_stage)]
    with classifier.alone() as network, torch.inference_mode():
        film = prepare(phantom, classifier.checkpoint.input)
        black = float(network(film.black.expand_as(film.image)[None])[0, 1])
        bias = float(network.head.get_parameter("linear.bias")[1])
    maps, (relevance, difference) = explain_many(
        classifier, phantom, [Request("lrp", "pneumonia"), Request("deeplift", "pneumonia")]
    )

    size = float(np.abs(relevance.heat).sum())
    assert abs(float(relevance.heat.sum()) - (maps.logits[1] - bias)) < 1e-3 * size
    assert abs(float(difference.heat.sum()) - (maps.logits[1] - black)) < 1e-3 * float(np.abs(difference.heat).sum())


def _by_hand(theirs: nn.Module, image: Tensor, stage: str, finding: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, Grad-CAM before its last step at the module of that name, and saliency, in plain torch with a hook."""
    tensors: list[Tensor] = []

    def keep(module: nn.Module, given: object, features: Tensor) -> Tensor:
        tensors.append(features)
        features.retain_grad()
        return features.clone()  # DenseNet continues in place

    hook = theirs.get_submodule(stage).register_forward_hook(keep)
    image = image.clone().requires_grad_()
    logits = theirs(image)
    logits[0, finding].backward()
    hook.remove()
    features, slopes = tensors[0].detach()[0], tensors[0].grad
    assert slopes is not None
    assert image.grad is not None
    weights = slopes[0].mean(dim=(1, 2))
    return logits.detach()[0], torch.einsum("k,khw->hw", weights, features), image.grad[0].abs().amax(dim=0)


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("densenet121", "features.denseblock3", "stage 3"),
        ("resnet18", "layer4", "stage 4"),
        ("mobilenet-v3-small", "features", "stage 4"),
    ],
)
def test_maps_of_an_imported_file_equal_those_by_hand_on_its_authors_module(
    name: str, theirs: str, ours: str, phantom: Radiograph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In double precision: in single, a near tie of a ReLU may flip between two layouts of memory."""
    monkeypatch.setenv("LIGHTBOX_HOME", str(tmp_path))
    module = state_network(name, 3)
    candidate = corrected(inspect(stored(module.state_dict(), tmp_path / "w.pt")), findings=FINDINGS, size=SIDE)
    classifier = load(library.save(candidate, "mine").name, library.folder())
    image = prepare(phantom, classifier.checkpoint.input).image[None].double()
    with classifier.alone() as network:
        precise = copy.deepcopy(network).double()
    evidence = Evidence(Tape(precise, image, grad_from="images"), 1, ours, black=-1.0)
    logits, cam, saliency = _by_hand(copy.deepcopy(module).double(), image, theirs, 1)

    result = classifier.predict(phantom).logits
    assert np.abs(result - logits.numpy()).max() <= 1e-5 * np.abs(result).max()
    for method, expected in (("grad-cam", cam), ("saliency", saliency)):
        mine = methods[method].rule(evidence, **({"signed": True} if method == "grad-cam" else {}))[0].detach()
        assert mine.shape == expected.shape
        assert expected.any()
        assert float((mine - expected).abs().max()) <= 1e-5 * float(expected.abs().max())
