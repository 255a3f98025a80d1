"""Class activation maps: on a network known by hand, and what must hold between them."""

import copy
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import Unfit
from core.explain.cam import last_layer
from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.replay import IMAGES
from core.explain.run import explain
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Radiograph

FAMILY = [name for name, method in methods.items() if method.family == "class activation"]
EQUAL_AT_THE_END = ("cam", "grad-cam", "hires-cam", "xgrad-cam", "layer-cam")
FOR, AGAINST, BRIGHT = (1, 2), (6, 5), (4, 1)  # cells of the 8 × 8 maps


def _heat(evidence: Evidence, name: str, *, signed: bool) -> Tensor:
    return methods[name].rule(evidence, signed=signed)


def _planted(finding: int) -> Evidence:
    """Three feature maps: one speaks for finding 0 with 60, one against it with 40, the brightest has no weight.

    Finding 1 is the opposite. The features are the image's channels, averaged to 8 × 8 cells.
    """
    image = torch.zeros(1, 3, 64, 64)
    for channel, ((row, column), level) in enumerate(zip((FOR, AGAINST, BRIGHT), (1.0, 1.0, 5.0), strict=True)):
        image[0, channel, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = level
    linear = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        linear.weight.copy_(64 * torch.tensor([[60.0, -40.0, 0.0], [-60.0, 40.0, 0.0]]))  # 64 cells are averaged
    features = nn.Sequential(OrderedDict(cells=nn.AvgPool2d(8), spots=nn.ReLU()))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(features, {"spots": "spots"}, head).eval().requires_grad_(False)
    return Evidence(Tape(network, image, grad_from="spots"), finding, "spots", black=0.0)


def _map(values: dict[tuple[int, int], float]) -> Tensor:
    cells = torch.zeros(1, 8, 8)
    for (row, column), value in values.items():
        cells[0, row, column] = value
    return cells


# Grad-CAM++: slopes of 60 and 40 in each of 64 cells, weighted by 1 / (2 + slope × 1); Score-CAM: softmax of gains as
# far apart as tens; Ablation-CAM: 60 and 40 of a score of 20; Eigen-CAM: maps that never overlap are the components.
BY_HAND = {
    **{name: {FOR: 60.0, AGAINST: -40.0} for name in EQUAL_AT_THE_END},
    "grad-cam-plus-plus": {FOR: 64 * 60 / 62, AGAINST: -64 * 40 / 42},
    "score-cam": {FOR: 1.0, AGAINST: -1.0},
    "ablation-cam": {FOR: 3.0, AGAINST: -2.0},
}


@pytest.mark.parametrize("name", FAMILY)
def test_a_planted_signal_comes_out_where_and_as_strong_as_by_hand(name: str) -> None:
    evidence = _planted(finding=0)
    assert evidence.tape.logits.tolist() == [[20.0, -20.0]]
    expected = _map(BY_HAND.get(name, {BRIGHT: 5.0}))

    assert torch.allclose(_heat(evidence, name, signed=True), expected, atol=1e-4)
    assert torch.allclose(_heat(evidence, name, signed=False), expected.clamp(min=0), atol=1e-4)


@pytest.mark.parametrize("name", [name for name in FAMILY if name != "eigen-cam"])
def test_what_speaks_against_one_finding_speaks_for_its_opposite_even_below_zero(name: str) -> None:
    """The opposite's logit is -20: Ablation-CAM divided by it, as in the paper, would point at the wrong spot."""
    of_one, of_other = _heat(_planted(0), name, signed=True), _heat(_planted(1), name, signed=True)

    assert torch.allclose(of_other, -of_one, atol=1e-4)
    assert _heat(_planted(1), name, signed=False).flatten().argmax() == 8 * AGAINST[0] + AGAINST[1]


@pytest.fixture(scope="module")
def resnet() -> Network:
    """An untrained ResNet-50 for three channels, whose batch norms have seen noise."""
    torch.manual_seed(0)
    fresh = architectures["resnet50"].build(3, 3)
    with torch.no_grad():
        fresh.train()(torch.randn(8, 3, 64, 64))
    return fresh.eval().requires_grad_(False).double()


@pytest.fixture(scope="module", params=["densenet121", "resnet50"])
def precise(request: pytest.FixtureRequest, network: Network, resnet: Network) -> Network:
    """In double precision, so that what is equal on paper is equal to the last digits."""
    return resnet if request.param == "resnet50" else copy.deepcopy(network).double()


def _evidence(network: Network, stage: str, *, budget: float = 2e9) -> Evidence:
    weights = next(network.parameters())
    images = torch.randn(1, weights.shape[1], 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    images = images.to(weights.dtype)
    return Evidence(Tape(network, images, grad_from=IMAGES), 1, stage, black=-1.0, budget=budget)


def test_before_pooling_and_one_linear_layer_five_methods_are_one(precise: Network) -> None:
    """There the gradient of a feature map is the same in all its cells: the linear weight over their number."""
    evidence = _evidence(precise, "stage 4")
    first = _heat(evidence, "cam", signed=True)

    assert len(set(first.flatten().tolist())) == 4  # of 2 × 2 cells
    for name in EQUAL_AT_THE_END:
        assert torch.allclose(_heat(evidence, name, signed=True), first, rtol=0, atol=1e-12), name


def test_cells_add_up_to_the_logit_less_its_bias(precise: Network) -> None:
    evidence, linear = _evidence(precise, "stage 4"), last_layer(precise)
    assert linear is not None

    total = _heat(evidence, "cam", signed=True).sum()

    assert torch.allclose(total, evidence.tape.logits[0, 1] - linear.bias[1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("stage", ["stem", "stage 1", "stage 2", "stage 3", "stage 4"])
def test_after_a_relu_xgrad_cam_keeps_the_sum_of_hires_cam(resnet: Network, stage: str) -> None:
    evidence = _evidence(resnet, stage)
    hires = _heat(evidence, "hires-cam", signed=True)

    total = _heat(evidence, "xgrad-cam", signed=True).sum()

    assert torch.allclose(total, hires.sum(), rtol=0, atol=1e-9 * float(hires.abs().sum()))


def test_a_feature_map_that_sums_to_nearly_zero_does_not_take_over_xgrad_cam() -> None:
    """One map of 1 and -1.001 with slopes 1 and 0: the paper's weight is 1 / -0.001, the mean slope is a half."""
    head = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        head.get_submodule("1").get_parameter("weight").copy_(torch.tensor([[1.0, 0.0]]))
    network = Network(nn.Sequential(OrderedDict(map=nn.Identity())), {"map": "map"}, head).requires_grad_(False)
    evidence = Evidence(Tape(network, torch.tensor([[[[1.0, -1.001]]]]), grad_from="map"), 0, "map", black=0.0)

    heat = _heat(evidence, "xgrad-cam", signed=True)

    assert torch.allclose(heat, torch.tensor([[[1.0, -1.001]]]) / 2, atol=1e-3)


def test_ablation_at_the_last_stage_weighs_by_weight_times_mean(precise: Network) -> None:
    """What a feature map adds to the logit is its linear weight times its mean."""
    evidence, linear = _evidence(precise, "stage 4"), last_layer(precise)
    assert linear is not None
    share = linear.weight[1] * evidence.features[0].mean(dim=(1, 2)) / evidence.tape.logits[0, 1].abs()
    expected = torch.einsum("k,nkhw->nhw", share, evidence.features)
    before = evidence.tape.forwards

    heat = _heat(evidence, "ablation-cam", signed=True)

    assert torch.allclose(heat, expected, rtol=0, atol=1e-8 * float(expected.abs().max()))
    assert evidence.tape.forwards == before  # the head alone


def test_score_and_ablation_do_not_depend_on_the_batch_and_never_hold_all_masked_images() -> None:
    sizes: list[int] = []

    class Noted(nn.Identity):
        def forward(self, images: Tensor) -> Tensor:
            sizes.append(len(images))
            return images

    torch.manual_seed(0)
    layers = OrderedDict(noted=Noted(), first=nn.Conv2d(1, 6, 3), second=nn.Conv2d(6, 20, 3, stride=2), end=nn.ReLU())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, 2))
    network = Network(nn.Sequential(layers), {"first": "first", "last": "end"}, head).requires_grad_(False)

    for name, stage in (("score-cam", "last"), ("ablation-cam", "first")):
        one, eight = (_evidence(network, stage, budget=budget) for budget in (1, 2e9))
        assert (one.batch(graph=False), eight.batch(graph=False)) == (1, 8)
        heat = _heat(one, name, signed=True)
        assert heat.abs().max() > 0
        assert torch.allclose(heat, _heat(eight, name, signed=True), rtol=0, atol=1e-5), name
    assert sizes.count(8) == 2  # 20 masks: 8 + 8 + 4
    assert max(sizes) == 8


def test_score_cam_takes_the_maps_that_vary_most_in_as_many_passes(precise: Network) -> None:
    evidence = _evidence(precise, "stage 4")
    features = evidence.features[0]
    chosen = features.flatten(1).var(dim=1).topk(5).indices
    gains = []
    for channel in chosen.tolist():
        large = nn.functional.interpolate(features[None, channel, None], size=(64, 64), mode="bilinear")
        mask = (large - large.min()) / (large.max() - large.min())
        gains.append(precise(evidence.images * mask)[0, 1])
    weights = torch.stack(gains).softmax(dim=0)
    before = evidence.tape.forwards

    heat = methods["score-cam"].rule(evidence, channels=5, signed=False)

    assert torch.allclose(heat[0], torch.einsum("k,khw->hw", weights, features[chosen]), rtol=0, atol=1e-9)
    assert evidence.tape.forwards == before + 5


def test_eigen_cam_is_the_first_singular_vector_and_above_zero_after_a_relu(precise: Network) -> None:
    for stage in ("stem", "stage 4"):  # fewer maps than cells, and more
        evidence = _evidence(precise, stage)
        flat = evidence.features[0].flatten(1).T.numpy()
        _, _, vectors = np.linalg.svd(flat, full_matrices=False)
        expected = np.abs(flat @ vectors[0]).reshape(evidence.features.shape[-2:])

        array = _heat(evidence, "eigen-cam", signed=True)[0].numpy()

        assert np.allclose(array, expected, rtol=0, atol=1e-9 * expected.max())


def test_alpha_of_grad_cam_plus_plus_is_that_of_the_exponential_score() -> None:
    """All three derivatives of exp(score), taken one cell after another by automatic differentiation."""
    torch.manual_seed(3)
    head = nn.Sequential(nn.Conv2d(2, 4, 2, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1)).double()
    network = Network(nn.Sequential(OrderedDict(maps=nn.ReLU())), {"maps": "maps"}, head).eval().requires_grad_(False)
    features = torch.rand(1, 2, 3, 3, dtype=torch.float64)
    cells = features.flatten().clone().requires_grad_()
    score = torch.exp(head(cells.view(1, 2, 3, 3))).sum()
    (first,) = torch.autograd.grad(score, cells, create_graph=True)
    (curve,) = zip(*(torch.autograd.grad(slope, cells, create_graph=True) for slope in first), strict=True)
    second = torch.stack([row[cell] for cell, row in enumerate(curve)])
    third = torch.stack([torch.autograd.grad(bend, cells, retain_graph=True)[0][i] for i, bend in enumerate(second)])
    total = features.sum(dim=(2, 3)).repeat_interleave(9)
    alpha = torch.where(second > 0, second / (2 * second + total * third), 0)
    weights = (alpha * first.clamp(min=0)).detach().view(2, 9).sum(dim=1)
    expected = torch.einsum("k,nkhw->nhw", weights, features) / score.detach()

    evidence = Evidence(Tape(network, features, grad_from="maps"), 0, "maps", black=0.0)

    assert expected.max() > 0
    assert torch.allclose(_heat(evidence, "grad-cam-plus-plus", signed=False), expected, rtol=1e-9, atol=0)


def test_cam_needs_no_gradient_and_names_where_it_can_be_had(classifier: Classifier, phantom: Radiograph) -> None:
    assert explain(classifier, phantom, finding="normal", method="cam").passes == (1, 0)
    with pytest.raises(Unfit, match=r"CAM is not available for untrained at stage 3: .* Choose that, or Grad-CAM"):
        explain(classifier, phantom, finding="normal", method="cam", layer="stage 3")

    card = Checkpoint("two layers", "small-cnn", ("covid",), True, Input(size=64), sha256="")
    other = Classifier(card, architectures["small-cnn"].build(1, 1).eval())
    for stage in (None, "stage 1", "stage 4"):  # the last stage is not recommended if it is refused, too
        with pytest.raises(Unfit, match=r"not global average pooling and one linear layer\. Choose Grad-CAM"):
            explain(other, phantom, finding="covid", method="cam", layer=stage)


def test_cam_passes_over_dropout_in_the_head() -> None:
    assert last_layer(architectures["vgg16"].build(2, 1)) is not None
