"""The network's plan: layers, shapes, and receptive fields, which are compared with what gradients reach."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import Unfit
from core.image.prepare import prepare
from core.layers.layer_hook import inner
from core.layers.plan import traced_plan
from core.layers.receptive_field import ReceptiveField, Span, millimetres, on_film, union
from core.models.architecture import Network, known
from core.types import Cleaning, Input, Origin, Placement, Radiograph

SIDE = 128  # px; Inception-V3 takes 75 or more
KINDS = ("densenet121", "resnet18", "inception-v3", "small-cnn")
OTHERS = ("mobilenet-v3-small", "convnext-tiny")


def _averaging(name: str) -> Network:
    """The architecture with weights that average, so that every pixel of a field counts for its cell.

    Max poolings become averages over the same windows: of a maximum, one pixel alone would have a gradient.
    """
    with torch.device("meta"):
        network = known(name).build(2, 1)
    network = network.to_empty(device="cpu").double().eval().requires_grad_(False)
    for path, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            window = nn.AvgPool2d(module.kernel_size, module.stride, module.padding)
            network.set_submodule(path, window)
    chance = torch.Generator().manual_seed(0)
    for label, weights in network.state_dict().items():
        if weights.ndim > 1 and not label.endswith("scale"):
            weights.copy_(0.5 + torch.rand(weights.shape, generator=chance)).div_(weights[0].numel())
        else:
            weights.fill_(float(not label.endswith(("bias", "mean"))))
    return network


def _reached(network: Network, film: Tensor, stage: str, row: int, column: int) -> Tensor:
    """(S, S) bool, the pixels on which the cell of the stage hangs."""
    film = film.clone().requires_grad_()
    flow, ends = film, network.stages[stage]
    for child, module in network.features.named_children():
        flow = module(flow)
        if child == ends:
            break
    (gradient,) = torch.autograd.grad(flow[0, :, row, column].sum(), film)
    return gradient[0, 0] != 0


@pytest.mark.parametrize("name", [*KINDS, *OTHERS])
def test_the_field_of_a_cell_is_what_its_gradient_reaches(name: str) -> None:
    network = _averaging(name)
    film = 0.5 + torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).double()
    for stage in traced_plan(network, size=SIDE, channels=1).stages:
        field, (_, high, wide) = stage.field, stage.shape
        assert field is not None
        if max(field.rows.size, field.columns.size) > SIDE and not field.whole:
            break  # it holds the whole film
        row, column = high // 2, min(wide - 1, wide // 2 + 1)

        reached = _reached(network, film, stage.name, row, column)

        if field.whole:
            assert reached.float().mean() > 0.99  # a gate may be shut for a pixel
            continue
        box = field.box(row, column, SIDE)
        result = _box(reached)
        for side, (there, edge) in enumerate(zip(result, box, strict=True)):
            if 0 < edge < SIDE:
                assert there == edge, (stage.name, side)
            else:  # no cell sees what the windows leave over at the edge
                assert there >= edge if side < 2 else there <= edge, (stage.name, side)


def _box(reached: Tensor) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(reached.numpy())
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def _networks() -> Iterator[tuple[str, Network]]:
    for name in (*KINDS, *OTHERS):
        with torch.device("meta"):
            yield name, known(name).build(3, 3)


def test_the_parameters_of_all_stages_are_those_of_the_network() -> None:
    for name, network in _networks():
        plan = traced_plan(network, size=96, channels=3)

        assert plan.parameters == sum(weights.numel() for weights in network.parameters()), name
        for stage in (*plan.stages, plan.head):
            assert sum(layer.parameters for layer in stage.layers) == stage.parameters, (name, stage.name)
        assert [stage.name for stage in plan.stages] == list(network.stages)
        assert plan.head.shape == (3,)


def test_the_layers_are_named_as_in_the_weights_and_in_words() -> None:
    with torch.device("meta"):
        network = known("densenet121").build(3, 1)
    plan = traced_plan(network, size=224, channels=1)

    stem, block = plan.stage("stem").layers, {layer.name: layer for layer in plan.stage("stage 1").layers}
    assert [(layer.name, layer.kind, layer.shape, layer.parameters) for layer in stem] == [
        ("features.conv0", "convolution 7 × 7, stride 2", (64, 112, 112), 3136),
        ("features.norm0", "batch norm", (64, 112, 112), 128),
        ("features.relu0", "ReLU", (64, 112, 112), 0),
        ("features.pool0", "max pooling 3 × 3, stride 2", (64, 56, 56), 0),
    ]
    assert block["features.denseblock1.denselayer2.cat"].shape == (96, 56, 56)
    assert block["features.denseblock1.cat"].kind == "concatenation"
    assert block["features.denseblock1.denselayer6.conv2"].field == ReceptiveField(Span(-29, 4, 59), Span(-29, 4, 59))


def test_the_network_keeps_its_weights_and_gets_no_hook() -> None:
    network = known("small-cnn").build(3, 1).eval()
    before = {name: weights.clone() for name, weights in network.state_dict().items()}

    traced_plan(network, size=64, channels=1)

    assert all(torch.equal(weights, before[name]) for name, weights in network.state_dict().items())
    assert all("forward" not in vars(module) and not module._forward_hooks for module in network.modules())


def test_what_mixes_cells_in_an_unknown_way_has_no_field() -> None:
    class Flip(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return features.flip(-1)

    features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), Flip(), nn.ReLU())
    network = Network(features, {"first": "1", "second": "3"}, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    first, second = traced_plan(network, size=8, channels=1).stages

    assert first.field == ReceptiveField(Span(0, 1, 3), Span(0, 1, 3))
    assert second.field is None


def test_a_film_of_a_size_that_the_network_cannot_take_is_refused() -> None:
    with torch.device("meta"):
        network = known("inception-v3").build(3, 1)
    with pytest.raises(Unfit, match=r"does not accept films of 40 px with 1 channels \("):
        traced_plan(network, size=40, channels=1)


@pytest.mark.parametrize("name", [*KINDS, *OTHERS])
def test_the_layers_within_stages_give_maps_of_the_planned_shape_once(name: str) -> None:
    network = known(name).build(2, 1).eval().requires_grad_(False)
    within = traced_plan(network, size=SIDE, channels=1).within
    images = torch.zeros(1, 1, SIDE, SIDE)
    chosen = list(within)[:: max(1, len(within) // 4)]

    assert len(within) > 5
    assert set(within) <= set(dict(network.named_modules()))
    for layer in chosen:
        features = inner(network, layer, images).features(layer)
        assert tuple(features.shape[1:]) == within[layer].shape


def test_windows_add_up_by_hand() -> None:
    span = Span().through(kernel=7, stride=2, padding=3).through(kernel=3, stride=2, padding=1)

    assert span == Span(start=-5, jump=4, size=11)
    assert (span.edges(2), span.centre(2)) == ((3, 14), 8.5)
    assert Span().through(kernel=3, dilation=2) == Span(0, 1, 5)


def test_paths_of_unequal_stride_have_no_common_field() -> None:
    near, far = ReceptiveField(Span(0, 4, 4), Span(0, 4, 4)), ReceptiveField(Span(-4, 4, 12), Span(0, 4, 4), whole=True)

    assert union([near, far]) == ReceptiveField(Span(-4, 4, 12), Span(0, 4, 4), whole=True)
    assert union([near, ReceptiveField(Span(0, 8, 8), Span(0, 4, 4))]) is None


@pytest.mark.parametrize("turn", range(4))
def test_a_box_of_the_square_lies_on_the_film_where_its_pixels_came_from(turn: int) -> None:
    """A film 16 wide and 32 high with one bright patch becomes a square of 16 px, turned; the patch is found again."""
    pixels = np.zeros((32, 16), np.uint8)
    pixels[4:8, 10:13] = 255
    film = Radiograph(pixels, "patch", 0, 255, Origin("PNG", "L", 8))
    prepared = prepare(film, Input(size=16), Cleaning(crop_borders=False, turn=turn))
    rows, columns = np.nonzero(prepared.picture > 127)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)

    assert on_film(box, prepared.placement, 16) == (10, 4, 13, 8)


def test_millimetres_follow_the_spacing_and_the_turn_of_the_film() -> None:
    field = ReceptiveField(Span(0, 4, 20), Span(0, 4, 10))  # 20 px high, 10 px wide, of a square of 100 px
    upright = Placement(0, 0, 1000, 2000)  # 20 and 10 film pixels a pixel of the square

    assert millimetres(field, upright, 100, (0.2, 0.1)) == (80, 10)
    assert millimetres(field, Placement(0, 0, 1000, 2000, turn=1), 100, (0.2, 0.1)) == (40, 20)
    assert millimetres(field, upright, 100, None) is None
