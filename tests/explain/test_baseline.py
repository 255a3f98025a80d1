"""Maps that explain nothing: each is as described, and none runs the network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import NoLungs
from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.run import explain
from core.image.phantom import draw
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Heat, Radiograph

SIDE = 64
NAMES = ("random-map", "edge-map", "centre-gaussian", "lung-mask")


@pytest.fixture(scope="module")
def chest() -> Radiograph:
    return draw(seed=2, height=640, width=600).radiograph


def _evidence(network: Network, images: torch.Tensor) -> Evidence:
    return Evidence(Tape(network, images, grad_from=network.last_stage), 0, network.last_stage, black=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_no_baseline_asks_the_network_or_knows_the_finding(
    classifier: Classifier, chest: Radiograph, name: str
) -> None:
    explanation = explain(classifier, chest, finding="covid", method=name)

    assert explanation.passes == (1, 0)  # the prediction's
    assert np.array_equal(explanation.heat, explain(classifier, chest, finding="normal", method=name).heat)
    assert explanation.heat.min() >= 0
    assert explanation.unit == "no unit"
    assert not explanation.void
    assert methods[name].family == "baseline"
    assert methods[name].misleads.startswith("It explains nothing")


def test_the_random_map_is_the_same_for_every_film_and_another_for_another_seed(
    classifier: Classifier, chest: Radiograph, phantom: Radiograph
) -> None:
    def heat(film: Radiograph, seed: int) -> Heat:
        return explain(classifier, film, finding="covid", method="random-map", settings={"seed": seed}).heat

    assert np.array_equal(heat(chest, 3), heat(phantom, 3))
    assert not np.array_equal(heat(chest, 3), heat(chest, 4))
    assert abs(heat(chest, 3).mean() - 0.5) < 0.02


def test_the_edge_map_is_the_slope_of_a_step_and_nothing_on_even_ground(network: Network) -> None:
    step = torch.zeros(1, 1, SIDE, SIDE)
    step[..., SIDE // 2 :] = 4.0

    heat = methods["edge-map"].rule(_evidence(network, step))

    expected = torch.zeros(1, SIDE, SIDE)
    expected[..., SIDE // 2 - 1 : SIDE // 2 + 1] = 2.0  # grey levels a pixel, over the two pixels beside the step
    assert torch.allclose(heat, expected)


def test_the_centre_gaussian_has_its_width(network: Network) -> None:
    seen = _evidence(network, torch.zeros(2, 1, SIDE, SIDE))

    heat = methods["centre-gaussian"].rule(seen, width=0.125)

    assert heat.shape == (2, SIDE, SIDE)
    assert torch.allclose(heat[0], heat[0].flip(0, 1))
    profile = heat[0, SIDE // 2]
    spread = (profile * (torch.arange(SIDE) + 0.5 - SIDE / 2) ** 2).sum() / profile.sum()
    assert float(spread.sqrt()) == pytest.approx(0.125 * SIDE, rel=0.01)


def test_the_lung_mask_lies_on_the_lungs_of_the_phantom(classifier: Classifier) -> None:
    drawn = draw(seed=2, height=640, width=600)
    explanation = explain(classifier, drawn.radiograph, finding="covid", method="lung-mask")

    box = explanation.placement
    rows = ((np.arange(SIDE) + 0.5) / SIDE * (box.y1 - box.y0) + box.y0).astype(int)
    columns = ((np.arange(SIDE) + 0.5) / SIDE * (box.x1 - box.x0) + box.x0).astype(int)
    lungs = drawn.lungs[np.ix_(rows, columns)]
    assert explanation.heat[lungs].mean() > 0.9
    assert explanation.heat[:4].max() < 0.1  # above the shoulders


def test_a_film_without_lungs_has_no_lung_mask(classifier: Classifier, chest: Radiograph) -> None:
    noise = np.random.default_rng(0).integers(0, 4096, (300, 300)).astype(np.uint16)
    with pytest.raises(NoLungs, match="No lungs found on noise"):
        explain(classifier, replace(chest, pixels=noise, name="noise"), finding="covid", method="lung-mask")
