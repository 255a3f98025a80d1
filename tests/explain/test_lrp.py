"""LRP: by hand, through batch norms, and with nothing lost on any architecture."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from core.errors import Unfit
from core.explain.lrp import TOLERANCE
from core.explain.method import methods
from core.explain.relevance import RelevancePass
from core.explain.run import explain
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Radiograph
from tests.explain.precise import built, evidence, image, linear


def _network(*layers: nn.Module, units: int) -> Network:
    features = nn.Sequential(OrderedDict((str(number), layer) for number, layer in enumerate(layers)))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(units, 1))
    return Network(features, {"last": str(len(layers) - 1)}, head).eval().requires_grad_(False)


def _set(module: nn.Module, weight: object, bias: object) -> None:
    with torch.no_grad():
        module.get_parameter("weight").copy_(torch.tensor(weight).reshape(module.get_parameter("weight").shape))
        module.get_parameter("bias").copy_(torch.tensor(bias))


def test_two_layers_by_hand() -> None:
    """Film (0.5, 0.25), black 0, white 1. The units are 0.5 + 0.25 - 0.25 = 0.5 and 2 · 0.5 - 0.25 = 0.75; the logit
    is -1 · 0.5 + 4 · 0.75 + 7. So -0.5 is dealt out as 0.5 : 0.25 (what each is brighter than black), and 3 as
    1 : 0.75 (the first is 0.5 brighter than black, times 2; the second 0.75 darker than white, times 1).
    """
    convolution = nn.Conv2d(1, 2, (1, 2))
    network = _network(convolution, nn.ReLU(), units=2)
    _set(convolution, [[1.0, 1.0], [2.0, -1.0]], [-0.25, 0.0])
    _set(network.head.get_submodule("2"), [[-1.0, 4.0]], [7.0])

    relevance = RelevancePass(network, torch.tensor([[[[0.5, 0.25]]]]), low=0.0, high=1.0)

    assert [float(one) for one in relevance.pushed(0)] == pytest.approx([3, -0.5], rel=1e-5)
    assert relevance.rest.tolist() == [[pytest.approx(7, rel=1e-5)]]
    expected = [-0.5 * 2 / 3 + 3 / 1.75, -0.5 / 3 + 3 * 0.75 / 1.75]
    assert relevance.of(0).flatten().tolist() == pytest.approx(expected, rel=1e-4)


def test_a_batch_norm_behind_a_convolution_is_the_two_merged() -> None:
    """Some of its factors are negative: what pushes the convolution down pushes the unit up."""
    torch.manual_seed(1)
    first, norm, second = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -1.0, 2.0, -0.5, 0.3, -2.0]))
        norm.bias.normal_()
        norm.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    merged = nn.utils.fuse_conv_bn_eval(first.eval(), norm.eval())
    apart = _network(first, norm, nn.ReLU(), second, nn.ReLU(), units=4).double()
    together = _network(merged, nn.ReLU(), second, nn.ReLU(), units=4).double()
    together.head = apart.head
    film = image(1, side=16)

    relevance = RelevancePass(apart, film, -2, 2).of(0)

    assert torch.allclose(relevance, RelevancePass(together.double(), film, -2, 2).of(0), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", list(architectures))
def test_nothing_is_lost_on_any_architecture(name: str) -> None:
    """On noise, on a blank film, and on one with flat parts, where units are active through their biases alone."""
    side = 96 if name == "inception-v3" else 64
    noise = image(1, side=side)
    blocky = nn.functional.interpolate(image(1, side=4), size=(side, side))
    network = built(name, 1, side)
    if name.startswith("efficientnet-lite"):  # loses a third, so the method is refused there
        reason = methods["lrp"].fits(network, None)
        assert "of the relevance arrives at the film, not all of it" in reason
        return

    for film in (noise, torch.zeros_like(noise), blocky):
        relevance = RelevancePass(network, film, -1.0, 2.0)
        assert relevance.arriving == pytest.approx(1, abs=TOLERANCE / 10)
        assert torch.allclose(relevance.logits, network(film))
        assert torch.allclose(relevance.of(1).sum(), sum(relevance.pushed(1), torch.zeros(1)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["densenet121", "resnet50"])
def test_the_map_adds_up_to_the_logit_less_the_last_bias(name: str) -> None:
    network, film = built(name, 3), image(3)
    bias = network.head.get_submodule("linear").get_parameter("bias")

    heat = methods["lrp"].rule(evidence(network, film))

    assert heat.shape == (1, 64, 64)
    assert float(heat.sum()) == pytest.approx(float(network(film)[0, 1] - bias[1]), rel=1e-3)


def _refused(network: Network, radiograph: Radiograph) -> None:
    classifier = Classifier(Checkpoint("small", "by hand", ("opacity",), True, Input(size=64), sha256=""), network)
    explain(classifier, radiograph, finding="opacity", method="lrp")


def test_a_network_that_loses_relevance_is_refused_and_says_how_much_arrives(phantom: Radiograph) -> None:
    """Its last unit is active through its bias alone: all that it sees pushes it down."""
    second = nn.Conv2d(4, 1, 1)
    network = _network(nn.Conv2d(1, 4, 3), nn.ReLU(), second, nn.ReLU(), units=1)
    _set(second, [-0.01] * 4, [5.0])

    with pytest.raises(
        Unfit, match=r"LRP\) is not available for small: 0% of the relevance arrives .* Choose integrated"
    ):
        _refused(network, phantom)


def test_a_network_whose_score_is_no_sum_of_pushes_is_refused(phantom: Radiograph) -> None:
    """Without a ReLU a pixel counts twice, as brighter than black and as darker than white."""
    with pytest.raises(Unfit, match="do not add up"):
        _refused(_network(nn.Conv2d(1, 2, 3, bias=False), units=2), phantom)


def test_the_maximum_of_values_before_their_relu_has_no_rule(phantom: Radiograph) -> None:
    with pytest.raises(Unfit, match="the largest of values that no ReLU has passed"):
        _refused(_network(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU(), units=2), phantom)


def test_an_overlooked_part_of_the_film_gets_nothing() -> None:
    weights = torch.zeros(16, 16)
    weights[:8] = 1
    tensor: Tensor = methods["lrp"].rule(evidence(linear(weights), image(1, side=16), finding=0))[0]

    assert tensor[:8].abs().min() > 0
    assert tensor[8:].abs().max() < 1e-4 * tensor.abs().max()
