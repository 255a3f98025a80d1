"""DeepLIFT: the Rescale rule by hand, exact sums, and equality with Captum wherever Captum's own map adds up."""

from collections import OrderedDict
from dataclasses import replace
from functools import cache
from typing import get_args

import pytest
import torch
from captum.attr import DeepLift, DeepLiftShap
from torch import Tensor, nn

from core.explain.method import methods
from core.explain.reference import ReferenceKind, reference, references
from core.models.architecture import Network
from tests.explain.precise import REFERENCES, TINY, built, differ, evidence, image

# Captum warns of the hooks that it sets, and where it sets `requires_grad` on the copies that it made itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting forward, backward hooks"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients"),
]


@cache
def _without_max_pooling(name: str, channels: int) -> Network:
    """The stem averages instead: Captum's ReLU before a max pooling reads a gradient that its rule has not changed."""
    stem = {"densenet121": "pool0", "resnet50": "maxpool"}[name]
    features = built(name, channels).features
    children = OrderedDict(features.named_children())
    children[stem] = nn.AvgPool2d(3, stride=2, padding=1)
    return Network(nn.Sequential(children), built(name, channels).stages, built(name, channels).head).eval()


@pytest.mark.parametrize(("name", "channels"), REFERENCES)
def test_both_equal_captum_where_no_maximum_is_used(name: str, channels: int) -> None:
    network, film = _without_max_pooling(name, channels), image(channels)
    seen = evidence(network, film)

    expected = DeepLift(network).attribute(film, reference(seen, "black")[None], target=1)
    assert differ(methods["deeplift"].rule(seen), expected.sum(dim=1)) < TINY
    expected = DeepLiftShap(network).attribute(film, references(seen, 5), target=1)
    assert differ(methods["deeplift-shap"].rule(seen, seed=5), expected.sum(dim=1)) < TINY


@pytest.mark.parametrize("name", ["densenet121", "resnet50", "small-cnn", "vgg16"])
@pytest.mark.parametrize("baseline", get_args(ReferenceKind))
def test_the_map_adds_up_exactly_with_max_pooling_too(name: str, baseline: ReferenceKind) -> None:
    network, film = built(name, 1), image(1)
    seen = evidence(network, film)

    heat = methods["deeplift"].rule(seen, baseline=baseline)

    difference = (network(film) - network(reference(seen, baseline)[None]))[0, 1]
    assert float(heat.sum()) == pytest.approx(float(difference), rel=1e-8)


def test_the_mean_over_eight_films_adds_up_exactly_in_any_batches() -> None:
    network, film = built("densenet121", 1), image(1)
    seen = evidence(network, film)
    heat = methods["deeplift-shap"].rule(seen)

    difference = (network(film) - network(references(seen, 0)))[:, 1].mean()
    assert float(heat.sum()) == pytest.approx(float(difference), rel=1e-8)
    one_by_one = methods["deeplift-shap"].rule(evidence(network, film, budget=1))
    assert torch.allclose(heat, one_by_one, rtol=1e-7, atol=1e-12)


def test_two_findings_share_slopes_only_of_the_same_batch() -> None:
    """Memory may be short when the second finding is asked for."""
    network, film = built("densenet121", 1), image(1)
    first = replace(evidence(network, film, finding=0), together=(0, 1))
    second = replace(first, finding=1, budget=1)

    methods["deeplift-shap"].rule(first)
    heat = methods["deeplift-shap"].rule(second)

    assert torch.allclose(heat, methods["deeplift-shap"].rule(evidence(network, film)), rtol=1e-7, atol=1e-12)


def _by_hand(*layers: nn.Module) -> Network:
    features = nn.Sequential(OrderedDict((str(number), layer) for number, layer in enumerate(layers)))
    head = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False))
    nn.init.ones_(head[1].weight)  # type: ignore[arg-type]
    return Network(features, {"last": str(len(layers) - 1)}, head).eval().requires_grad_(False)


def _heat(network: Network, film: list[list[float]]) -> Tensor:
    seen = evidence(network, torch.tensor([[film]]), finding=0)
    return methods["deeplift"].rule(seen)[0]


def test_a_relu_passes_the_ratio_of_the_differences() -> None:
    """Compared with black at -1: 3 gains 4 and 3 of it get through; -0.5 gains 0.5 and nothing gets through."""
    assert torch.allclose(_heat(_by_hand(nn.ReLU()), [[3.0, -0.5]]), torch.tensor([[3.0, 0.0]]))


def test_windows_that_overlap_give_all_they_have() -> None:
    """Both windows of two, one step apart, have their peak in the middle, which gains 5 in each."""
    assert torch.allclose(
        _heat(_by_hand(nn.MaxPool2d((1, 2), stride=1)), [[2.0, 4.0, 3.0]]), torch.tensor([[0.0, 10.0, 0.0]])
    )


def test_a_film_that_is_the_baseline_has_nothing_to_explain() -> None:
    assert not _heat(_by_hand(nn.ReLU()), [[-1.0, -1.0]]).any()
