"""Every registered method, against Captum where Captum has it, and against a network known by hand."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from captum.attr import LayerActivation, LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from core.errors import BadSetting, UnknownName
from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.run import Request, explain, explain_many
from core.image.phantom import Opacity, draw
from core.image.prepare import enlarge, prepare
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Cleaning, Input, Radiograph
from tests.explain.quick import FILM_SIZED, quick, stage_for

STAGES = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")


def _images(seed: int = 0) -> Tensor:
    return torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(seed))


def _relative(tensor: Tensor, expected: Tensor) -> float:
    assert tensor.shape == expected.shape
    tensor, expected = tensor.detach(), expected.detach()
    return float((tensor - expected).abs().max() / expected.abs().max())


def _evidence(network: Network, grad_from: str, *, finding: int = 1, stage: str = "stage 4") -> Evidence:
    return Evidence(Tape(network, _images(), grad_from=grad_from), finding, stage, black=-1.0)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("grad_from", ["images", "own"])
def test_grad_cam_equals_captum(network: Network, stage: str, grad_from: str) -> None:
    evidence = _evidence(network, stage if grad_from == "own" else "images", stage=stage)
    heat = methods["grad-cam"].rule(evidence)

    reference = LayerGradCam(network, network.stage_module(stage))
    expected = reference.attribute(_images().requires_grad_(), target=1, relu_attributions=True)[:, 0]

    assert expected.max() > 0
    assert _relative(heat, expected) < 1e-5


@pytest.mark.parametrize("stage", STAGES)
def test_layer_activation_equals_captum(network: Network, stage: str) -> None:
    evidence = _evidence(network, "stage 4", stage=stage)
    expected = LayerActivation(network, network.stage_module(stage)).attribute(_images())

    assert torch.equal(methods["layer-activation"].rule(evidence, channel=-1), expected.mean(dim=1))
    assert torch.equal(methods["layer-activation"].rule(evidence, channel=7), expected[:, 7])


def test_last_stage_cells_add_up_to_the_logit(network: Network) -> None:
    """What the unit "logits per cell" says: before clipping, the cells sum to the logit less its bias."""
    evidence = _evidence(network, "stage 4")
    weights = evidence.feature_gradient.mean(dim=(2, 3), keepdim=True)
    cells = (weights * evidence.features).sum(dim=(1, 2, 3))

    bias = network.head.linear.bias  # type: ignore[union-attr]
    assert torch.allclose(cells, evidence.tape.logits[:, 1] - bias[1], atol=1e-5)  # type: ignore[index]


@pytest.mark.parametrize("name", list(methods))
def test_contract(classifier: Classifier, phantom: Radiograph, name: str) -> None:
    """Finite, of the map's own size, signed as it says, with nothing left behind."""
    method = methods[name]
    with classifier.alone() as network:
        stage = stage_for(name, network)
        side = 64 if stage is None or name in FILM_SIZED else {"stage 4": 2, "stage 3": 4}[stage]
    requests = [Request(name, finding, stage, quick(name)) for finding in ("normal", "covid")]
    map_, other = explain_many(classifier, phantom, requests)[1]

    assert np.array_equal(map_.heat, other.heat) is not method.specific
    assert np.isfinite(map_.heat).all()
    assert map_.heat.shape == (side, side)
    assert map_.signed or map_.heat.min() >= 0
    assert map_.peak > 0
    assert map_.passes[0] >= 1
    assert method.plain.endswith(".")
    assert method.misleads.endswith(".")
    assert method.source
    with classifier.alone() as network:
        assert not [m for m in network.modules() if m._forward_hooks or m._backward_hooks]
        assert not [weights for weights in network.parameters() if weights.grad is not None]


def test_many_maps_cost_one_forward_and_one_backward_a_finding(classifier: Classifier, phantom: Radiograph) -> None:
    requests = [Request("grad-cam", finding, stage) for finding in ("covid", "normal") for stage in STAGES]
    requests += [Request("saliency", "covid"), Request("layer-activation", "covid", "stem")]

    _, maps = explain_many(classifier, phantom, requests)

    assert np.sum([one.passes for one in maps], axis=0).tolist() == [1, 2]
    for request, one in zip(requests, maps, strict=True):
        alone = explain(classifier, phantom, finding=request.finding, method=request.method, layer=request.layer)
        assert np.allclose(one.heat, alone.heat, atol=1e-6 * alone.peak)
        assert (one.finding, one.method, one.layer) == (alone.finding, alone.method, alone.layer)


def test_grad_cam_of_all_findings_at_the_last_stage_needs_no_backward(
    classifier: Classifier, phantom: Radiograph
) -> None:
    maps, result = explain_many(classifier, phantom, [Request("grad-cam", finding) for finding in ("covid", "normal")])

    assert [one.passes for one in result] == [(1, 0), (0, 0)]
    assert np.array_equal(maps.logits, classifier.predict(phantom).logits)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"finding": "covd"}, "Did you mean 'covid'"),
        ({"method": "gradcam"}, "Did you mean 'grad-cam'"),
        ({"layer": "stage 5"}, "layer of densenet121"),
        ({"settings": {"step": 3}}, "setting of grad-cam"),
    ],
)
def test_a_wrong_name_says_which_there_are(
    classifier: Classifier, phantom: Radiograph, wrong: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UnknownName, match=sentence):
        explain(classifier, phantom, **{"finding": "covid", **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "settings", "sentence"),
    [
        ("integrated-gradients", {"steps": 1000}, "between 8 and 200"),
        ("integrated-gradients", {"steps": "many"}, "must be a whole number"),
        ("integrated-gradients", {"baseline": "pink"}, "black, white, blurred, mean"),
        ("layer-activation", {"channel": 4000}, "feature maps 0 to 1023"),
    ],
)
def test_a_setting_out_of_bounds_names_them(
    classifier: Classifier, phantom: Radiograph, method: str, settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadSetting, match=sentence):
        explain(classifier, phantom, finding="covid", method=method, settings=settings)


def _difference_from(reference: Radiograph, wanted: Input, cleaning: Cleaning) -> Classifier:
    """A network that answers with how much brighter a film is than the reference: its map is known by hand."""

    class Difference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.known: Tensor
            self.register_buffer("known", prepare(reference, wanted, cleaning).image)

        def forward(self, images: Tensor) -> Tensor:
            return functional.relu(images - self.known - 0.01)

    features = nn.Sequential(OrderedDict(difference=Difference(), pool=nn.AvgPool2d(4)))
    linear = nn.Linear(1, 1)
    nn.init.ones_(linear.weight)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(features, {"pixels": "difference", "pool": "pool"}, head).eval()
    card = Checkpoint("difference", "by hand", ("opacity",), True, wanted, sha256="")
    return Classifier(card, network)


@pytest.mark.parametrize("method", ["grad-cam", "input-x-gradient", "integrated-gradients"])
@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize(("shape", "turn"), [((480, 640), 0), ((640, 480), 1), ((480, 640), 2), ((600, 500), 3)])
def test_a_planted_opacity_comes_out_hot_where_it_was_planted(
    method: str, fit: str, shape: tuple[int, int], turn: int
) -> None:
    height, width = shape
    planted = draw(seed=5, height=height, width=width, opacity=Opacity(x=0.33, y=0.45, radius=0.08, strength=1.0))
    healthy = draw(seed=5, height=height, width=width).radiograph
    wanted = Input(size=128, fit=fit, mean=(0.0,), std=(1.0,))  # type: ignore[arg-type]
    cleaning = Cleaning(turn=turn, crop_borders=False)
    classifier = _difference_from(healthy, wanted, cleaning)

    explanation = explain(classifier, planted.radiograph, finding="opacity", method=method, cleaning=cleaning)
    placed = np.nan_to_num(enlarge(explanation.heat, explanation.placement, shape))

    assert planted.opacity.any()
    assert placed[planted.opacity].sum() > 0.9 * placed.clip(min=0).sum()
    peak = np.unravel_index(placed.argmax(), shape)
    assert planted.opacity[peak]


def test_maps_can_be_had_inside_inference_mode(classifier: Classifier, phantom: Radiograph) -> None:
    with torch.inference_mode():
        explanation = explain(classifier, phantom, finding="covid", method="saliency")

    assert np.array_equal(explanation.heat, explain(classifier, phantom, finding="covid", method="saliency").heat)
