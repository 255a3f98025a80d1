"""Class activation maps against Captum, torch-cam and pytorch-grad-cam, where their definitions agree.

To 1e-5 of the map's range, in double precision: in single, ties of ReLU flip. Where a peer does something else, a test
says what, and compares the map with the paper's, written out by hand.
"""

import copy
import warnings
from collections import OrderedDict
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from torch import Tensor, nn
from torch.nn import functional

from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.replay import IMAGES
from core.models.architecture import Network, architectures

STAGES = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")
TORCH_CAM = {"grad-cam": "GradCAM", "layer-cam": "LayerCAM"}
PYTORCH_GRAD_CAM = {"grad-cam": "GradCAM", "hires-cam": "HiResCAM"}
FINDING = 1


def _resnet() -> Network:
    torch.manual_seed(0)
    fresh = architectures["resnet50"].build(3, 3)
    with torch.no_grad():
        fresh.train()(torch.randn(8, 3, 64, 64))
    return fresh.eval()


@pytest.fixture(scope="module", params=["densenet121", "resnet50"])
def precise(request: pytest.FixtureRequest, network: Network) -> Network:
    """One channel and three; ResNet's stages all end in a ReLU, DenseNet's inner ones do not."""
    value = _resnet() if request.param == "resnet50" else copy.deepcopy(network)
    return value.double().requires_grad_(False)


@pytest.fixture(scope="module")
def small() -> Network:
    """Eight feature maps of 21 × 21, each of which matters; 63 is three times 21, so enlarging keeps the peaks."""
    torch.manual_seed(1)
    layers = OrderedDict(fold=nn.Conv2d(1, 8, 3, stride=3), relu=nn.ReLU())
    linear = nn.Linear(8, 2, bias=False)
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=linear))
    nn.init.uniform_(linear.weight, 1, 5)  # a score above zero
    return Network(nn.Sequential(layers), {"fold": "fold", "maps": "relu"}, head).eval().double().requires_grad_(False)


def _images(network: Network) -> Tensor:
    channels, side = next(network.parameters()).shape[1], 63 if "fold" in network.stages else 64
    return torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@cache
def _tape(network: Network) -> Tape:
    return Tape(network, _images(network), grad_from=IMAGES)


def _ours(network: Network, name: str, stage: str, *, signed: bool, **settings: Any) -> Tensor:
    evidence = Evidence(_tape(network), FINDING, stage, black=-1.0)
    return methods[name].rule(evidence, signed=signed, **settings).detach()


def _torch_cam(network: Network, name: str, stage: str, **settings: Any) -> Tensor:
    """(1, h, w), rectified, neither scaled nor enlarged."""
    import torchcam.methods

    with getattr(torchcam.methods, name)(network, network.stage_module(stage), **settings) as extractor:
        scores = network(_images(network).requires_grad_())
        tensor: Tensor = extractor(class_idx=FINDING, scores=scores, normalized=False)[0].detach()
    return tensor


def _pytorch_grad_cam(network: Network, name: str, stage: str) -> Tensor:
    """(1, h, w), signed, neither scaled nor enlarged: what the peer clips, scales and enlarges afterwards."""
    import core.models.operators  # noqa: F401  # torchvision's missing operators, before the peer imports it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    module, images = network.stage_module(stage), _images(network).requires_grad_()
    targets = [ClassifierOutputTarget(FINDING)]
    with getattr(pytorch_grad_cam, name)(network, [module]) as extractor:
        scores = extractor.activations_and_grads(images)
        scores[:, FINDING].sum().backward()
        activations, gradients = (
            result[0].numpy()
            for result in (extractor.activations_and_grads.activations, extractor.activations_and_grads.gradients)
        )
        peer = extractor.get_cam_image(images.detach(), module, targets, activations, gradients, False)
    return torch.from_numpy(np.asarray(peer, dtype=np.float64))


def _off(tensor: Tensor, expected: Tensor) -> float:
    """The largest difference as a share of the expected map's range."""
    assert tensor.shape == expected.shape
    extent = expected.max() - expected.min()
    assert extent > 0
    return float((tensor.double() - expected).abs().max() / extent)


@pytest.mark.parametrize("stage", STAGES)
def test_signed_and_rectified_maps_equal_captum(precise: Network, stage: str) -> None:
    module, images = precise.stage_module(stage), _images(precise).requires_grad_()
    grad_cam = LayerGradCam(precise, module).attribute(images, target=FINDING)[:, 0].detach()
    hires = LayerGradientXActivation(precise, module).attribute(images, target=FINDING).sum(dim=1).detach()

    assert _off(_ours(precise, "grad-cam", stage, signed=True), grad_cam) < 1e-5
    assert _off(_ours(precise, "hires-cam", stage, signed=True), hires) < 1e-5
    assert torch.equal(
        _ours(precise, "hires-cam", stage, signed=False), _ours(precise, "hires-cam", stage, signed=True).clamp(min=0)
    )


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", TORCH_CAM)
def test_equal_to_torch_cam(precise: Network, name: str, stage: str) -> None:
    expected = _torch_cam(precise, TORCH_CAM[name], stage)
    if not expected.any():  # nothing speaks for the finding
        assert not _ours(precise, name, stage, signed=False).any()
        return

    assert _off(_ours(precise, name, stage, signed=False), expected) < 1e-5


def test_xgrad_cam_equals_both_peers_after_a_relu(precise: Network) -> None:
    rectified = [stage for stage in STAGES if _tape(precise).features(stage).min() >= 0]
    assert {"stem", "stage 4"} <= set(rectified)

    for stage in rectified:
        signed = _ours(precise, "xgrad-cam", stage, signed=True)
        assert _off(signed, _pytorch_grad_cam(precise, "XGradCAM", stage)) < 1e-5, stage
        assert _off(signed.clamp(min=0), _torch_cam(precise, "XGradCAM", stage)) < 1e-5, stage


@pytest.mark.parametrize("stage", ["stage 1", "stage 2", "stage 3"])
def test_where_maps_fall_below_zero_xgrad_cam_weighs_by_their_size(network: Network, stage: str) -> None:
    """The peers divide by a sum that may be near zero there."""
    tape = _tape(copy.deepcopy(network).double())
    features, gradient = tape.features(stage)[0], tape.gradient(stage, FINDING)[0]
    assert features.min() < 0
    cells = torch.zeros_like(features[:1])
    for feature, slope in zip(features, gradient, strict=True):
        cells += (slope * feature.abs()).sum() / feature.abs().sum() * feature

    assert _off(_ours(tape.network, "xgrad-cam", stage, signed=True), cells) < 1e-5
    assert _off(_pytorch_grad_cam(tape.network, "XGradCAM", stage), cells) > 0.1


def test_cam_is_torch_cam_over_the_number_of_cells(precise: Network) -> None:
    """The head averages over 2 × 2 cells, so a cell's part of the logit is a quarter of weight times feature."""
    fully_connected = precise.head.get_submodule("linear")

    expected = _torch_cam(precise, "CAM", "stage 4", fc_layer=fully_connected) / 4

    assert _off(_ours(precise, "cam", "stage 4", signed=True), expected) < 1e-5


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", PYTORCH_GRAD_CAM)
def test_equal_to_pytorch_grad_cam(precise: Network, name: str, stage: str) -> None:
    expected = _pytorch_grad_cam(precise, PYTORCH_GRAD_CAM[name], stage)

    assert _off(_ours(precise, name, stage, signed=True), expected) < 1e-5


@pytest.mark.parametrize("stage", STAGES)
def test_layer_cam_equals_pytorch_grad_cam(precise: Network, stage: str) -> None:
    """Which rectifies its weights always, and the map after it."""
    expected = _pytorch_grad_cam(precise, "LayerCAM", stage).clamp(min=0)

    assert _off(_ours(precise, "layer-cam", stage, signed=False), expected) < 1e-5


def test_grad_cam_plus_plus_equals_pytorch_grad_cam_where_slopes_outweigh_its_constant() -> None:
    """It adds 1e-6 to the denominator of alpha; ours is the paper's, without."""
    strong = _resnet().double().requires_grad_(False)
    strong.head.get_submodule("linear").get_parameter("weight").mul_(1000)
    weak = copy.deepcopy(strong)
    weak.head.get_submodule("linear").get_parameter("weight").mul_(1e-6)

    def peer(network: Network) -> Tensor:
        return _pytorch_grad_cam(network, "GradCAMPlusPlus", "stage 4")

    def ours(network: Network) -> Tensor:
        return _ours(network, "grad-cam-plus-plus", "stage 4", signed=False)

    assert _off(ours(strong), peer(strong)) < 1e-5
    assert _off(ours(weak), peer(weak)) > 0.1
    assert _off(ours(weak), _plus_plus_by_hand(weak)) < 1e-9


def _plus_plus_by_hand(network: Network) -> Tensor:
    """The paper's equations 10, 13 and 19, one feature map after the other."""
    tape = _tape(network)
    cells = torch.zeros(1, 2, 2, dtype=torch.float64)
    for slope, feature in zip(tape.gradient("stage 4", FINDING)[0], tape.features("stage 4")[0], strict=True):
        if slope.max() > 0:  # the same in all cells, before average pooling
            alpha = slope**2 / (2 * slope**2 + feature.sum() * slope**3)
            cells[0] += (alpha * slope.clamp(min=0)).sum() * feature
    return cells


def test_torch_cam_weighs_grad_cam_plus_plus_by_cubes_of_the_slope(small: Network) -> None:
    """Version 0.5 divides a copy of alpha, so that alpha stays the squared slope."""
    tape = _tape(small)
    gradient, features = tape.gradient("maps", FINDING), tape.features("maps")
    cubes = (gradient.clamp(min=0) ** 3).sum(dim=(2, 3), keepdim=True)

    assert _off(_torch_cam(small, "GradCAMpp", "maps"), (cubes * features).sum(dim=1)) < 1e-5
    assert _off(_ours(small, "grad-cam-plus-plus", "maps", signed=False), (cubes * features).sum(dim=1)) > 0.01


def test_score_cam_equals_torch_cam(small: Network) -> None:
    """Which scales the masks before it enlarges them; the paper and ours after: the same at three times the side."""
    expected = _torch_cam(small, "ScoreCAM", "maps")

    assert _off(_ours(small, "score-cam", "maps", signed=False, channels=0), expected) < 1e-5


def test_pytorch_grad_cam_enlarges_the_masks_of_score_cam_from_corner_to_corner(small: Network) -> None:
    """So that cells at the rim shrink; ours places each cell where the overlay draws it."""
    expected = [_score_cam_by_hand(small, corners=corners) for corners in (True, False)]

    assert _off(_pytorch_grad_cam(small, "ScoreCAM", "maps"), expected[0]) < 1e-5
    assert _off(_ours(small, "score-cam", "maps", signed=False, channels=0), expected[1]) < 1e-5


def _score_cam_by_hand(network: Network, *, corners: bool) -> Tensor:
    image = _images(network)
    features = _tape(network).features("maps")
    gains = []
    for feature in features[0]:
        large = functional.interpolate(feature[None, None], (63, 63), mode="bilinear", align_corners=corners)
        gains.append(network(image * (large - large.min()) / (large.max() - large.min()))[0, FINDING])
    return torch.einsum("k,nkhw->nhw", torch.stack(gains).softmax(dim=0), features)


def test_ablation_cam_equals_pytorch_grad_cam_after_a_relu_and_a_score_above_zero(small: Network) -> None:
    assert small(_images(small))[0, FINDING] > 0

    expected = _pytorch_grad_cam(small, "AblationCAM", "maps")

    assert _off(_ours(small, "ablation-cam", "maps", signed=True), expected) < 1e-5


def test_before_a_relu_ablation_cam_sets_to_zero_as_in_the_paper(small: Network) -> None:
    tape = _tape(small)
    features, score = tape.features("fold"), tape.logits[0, FINDING]
    assert features.min() < 0
    cells = torch.zeros_like(features[:, 0])
    for channel in range(8):
        left = features.clone()
        left[:, channel] = 0
        cells += (score - small.head(left.relu())[0, FINDING]) / score * features[:, channel]

    assert _off(_ours(small, "ablation-cam", "fold", signed=True), cells) < 1e-5


def test_pytorch_grad_cam_centres_the_maps_of_eigen_cam(small: Network) -> None:
    """The paper does not; centred, the component tells how the maps differ, and its sign is anybody's."""
    features = _tape(small).features("maps")[0].flatten(1).T
    peer = _pytorch_grad_cam(small, "EigenCAM", "maps").flatten()

    def component(flat: Tensor) -> Tensor:
        direction: Tensor = torch.linalg.svd(flat, full_matrices=False).Vh[0]
        return flat @ direction

    centred = component(features - features.mean(dim=0))
    assert _off(peer * torch.sign(peer @ centred), centred) < 1e-5
    assert _off(_ours(small, "eigen-cam", "maps", signed=True).flatten(), component(features).abs()) < 1e-5
