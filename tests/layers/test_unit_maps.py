"""One unit attributed to the film: equal to Captum's, of the right cell, refused in a sentence."""

from collections import OrderedDict
from typing import get_args

import numpy as np
import pytest
import torch
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop
from torch import nn

from core.errors import BadSetting, Unfit, UnknownName
from core.explain.run import explain
from core.layers.activations import stage_activations
from core.layers.unit_maps import UNIT_METHODS, UnitMethod, unit_gradient, unit_gradient_map
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.overlay import absence, caption
from core.types import Checkpoint, Input, Radiograph
from tests.explain.double import image, precise, relative
from tests.layers import planted

# Captum warns of the hooks that it sets.
pytestmark = pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")

_CAPTUM = {
    "deconvolution": NeuronDeconvolution,
    "guided-backprop": NeuronGuidedBackprop,
    "neuron-gradient": NeuronGradient,
}


@pytest.mark.parametrize("kind", get_args(UnitMethod))
@pytest.mark.parametrize("architecture", ["densenet121", "resnet50", "small-cnn"])
def test_a_unit_followed_back_equals_captum(architecture: str, kind: UnitMethod) -> None:
    network, film = precise(architecture, 1), image(1)
    for stage in ("stage 1", "stage 3"):
        maps = _maps(network, stage)
        channel = int(maps.amax(dim=(1, 2)).argmax())
        gradient, cell = unit_gradient(network, film, stage, channel, kind)
        mean, nowhere = unit_gradient(network, film, stage, channel, kind, of="mean")

        assert cell == divmod(int(maps[channel].argmax()), maps.shape[2])
        assert nowhere is None
        reference = _CAPTUM[kind](network, network.stage_module(stage))
        of_cell = reference.attribute(film.clone().requires_grad_(), neuron_selector=(channel, *cell))
        of_mean = reference.attribute(
            film.clone().requires_grad_(), neuron_selector=lambda maps, unit=channel: maps[:, unit].mean(dim=(1, 2))
        )
        assert relative(gradient, of_cell) <= 1e-5
        assert relative(mean, of_mean) <= 1e-5


def _maps(network: Network, stage: str) -> torch.Tensor:
    flow = image(1)
    for child, module in network.features.named_children():
        flow = module(flow)
        if child == network.stages[stage]:
            break
    return flow[0]


def test_the_map_lies_on_the_film_and_says_which_cell_it_is_of(classifier: Classifier, phantom: Radiograph) -> None:
    maps = stage_activations(classifier, phantom, "stage 3").maps
    channel = int(maps.max(axis=(1, 2)).argmax())
    row, column = divmod(int(maps[channel].argmax()), maps.shape[2])
    map_ = unit_gradient_map(classifier, phantom, "stage 3", channel, "guided-backprop")

    assert (map_.heat.shape, map_.signed, map_.layer, map_.void) == ((64, 64), True, "stage 3", False)
    assert map_.settings == {"channel": channel, "row": row, "column": column}
    assert caption(map_).startswith("Guided backprop · stage 3 · ")
    assert f"channel {channel} · row {row} · column {column}" in caption(map_)
    gradient = unit_gradient_map(classifier, phantom, "stage 3", channel, "neuron-gradient")
    method = explain(
        classifier,
        phantom,
        finding="covid",
        method="neuron-gradient",
        layer="stage 3",
        settings={"channel": channel, "row": row, "column": column},
    )
    assert np.allclose(gradient.heat, method.heat, rtol=1e-5, atol=1e-7)
    assert gradient.placement == method.placement


def test_the_planted_unit_leads_back_to_the_square() -> None:
    film = planted.film(3, squares=[(9, 13)])
    for kind in UNIT_METHODS:
        heat = unit_gradient_map(planted.classifier(), film, "stage 1", planted.UNIT, kind).heat

        rows, columns = np.nonzero(heat)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 12, 13, 16), kind


def test_a_unit_that_is_silent_on_the_film_has_no_map() -> None:
    map_ = unit_gradient_map(planted.classifier(), planted.film(1), "stage 1", planted.UNIT, "guided-backprop")

    assert map_.void
    assert absence(map_) == "Unit 2 of stage 1 is silent on this film, so there is no map."


def test_a_unit_or_stage_that_is_not_there_is_reported(classifier: Classifier, phantom: Radiograph) -> None:
    with pytest.raises(BadSetting, match=r"stage 3 has no unit 4000; it has units 0 to 1023. Choose one"):
        unit_gradient_map(classifier, phantom, "stage 3", 4000, "deconvolution")
    with pytest.raises(BadSetting, match=r"stage 3 has no unit -1"):
        unit_gradient_map(classifier, phantom, "stage 3", -1, "neuron-gradient")
    with pytest.raises(UnknownName, match=r"no layer of densenet121 named 'stage 9'"):
        unit_gradient_map(classifier, phantom, "stage 9", 0, "deconvolution")


def test_a_network_without_rules_is_refused_and_its_gradient_is_had_all_the_same(phantom: Radiograph) -> None:
    torch.manual_seed(0)
    features = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), gelu=nn.GELU()))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1))
    network = Network(features, {"last": "gelu"}, head).eval().requires_grad_(False)
    small = Classifier(Checkpoint("small", "by hand", ("opacity",), True, Input(size=64), sha256=""), network)

    with pytest.raises(Unfit, match=r"for small: the network uses gelu, for which .* no rule. Choose the gradient"):
        unit_gradient_map(small, phantom, "last", 0, "deconvolution")
    assert not unit_gradient_map(small, phantom, "last", 0, "neuron-gradient").void
