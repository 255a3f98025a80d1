"""Integrated and expected gradients: equal to Captum, adding up, within their limit of memory."""

from typing import Any, get_args

import numpy as np
import pytest
import torch
from captum.attr import GradientShap, IntegratedGradients, NoiseTunnel
from torch import Tensor

from core.explain.method import methods
from core.explain.path import draws
from core.explain.reference import ReferenceKind, blurred, gaussian, reference, references
from tests.explain.precise import REFERENCES, SIDE, TINY, built, differ, evidence, image


@pytest.mark.parametrize(("name", "channels"), REFERENCES)
@pytest.mark.parametrize("baseline", ["black", "blurred"])
def test_integrated_gradients_equal_captum(name: str, channels: int, baseline: ReferenceKind) -> None:
    network, film = built(name, channels), image(channels)
    seen = evidence(network, film)
    start = reference(seen, baseline)[None]

    heat = methods["integrated-gradients"].rule(seen, steps=8, baseline=baseline)

    expected = IntegratedGradients(network).attribute(film, baselines=start, target=1, n_steps=8)
    assert differ(heat, expected.sum(dim=1)) < TINY


@pytest.mark.parametrize("baseline", get_args(ReferenceKind))
def test_integrated_gradients_add_up_to_the_difference(baseline: ReferenceKind) -> None:
    network, film = built("small-cnn", 1), image(1)
    seen = evidence(network, film)
    heat = methods["integrated-gradients"].rule(seen, steps=200, baseline=baseline)

    difference = (network(film) - network(reference(seen, baseline)[None]))[0, 1]
    assert float(heat.sum()) == pytest.approx(float(difference), rel=0.03)  # the integrand has kinks


def _feed(monkeypatch: pytest.MonkeyPatch, samples: int, seed: int) -> None:
    """Captum draws from the global generators: it gets what we drew."""
    turns, along = draws(samples, 8, seed)

    def add_noise(film: Tensor, deviation: float, count: int) -> Tensor:
        return film + deviation * gaussian(film[0], seed + 1, 0, count)

    monkeypatch.setattr(np.random, "choice", lambda *_: turns.numpy())
    monkeypatch.setattr(np.random, "uniform", lambda *_: along.numpy())
    monkeypatch.setattr(NoiseTunnel, "_add_noise_to_input", staticmethod(add_noise))


@pytest.mark.parametrize(("name", "channels"), REFERENCES)
def test_expected_gradients_equal_captum(monkeypatch: pytest.MonkeyPatch, name: str, channels: int) -> None:
    network, film = built(name, channels), image(channels)
    seen = evidence(network, film)
    settings: dict[str, Any] = {"samples": 10, "noise": 0.1, "seed": 3}
    heat = methods["gradient-shap"].rule(seen, **settings)

    _feed(monkeypatch, 10, 3)
    deviation = float(0.1 * (film.max() - film.min()))
    expected = GradientShap(network).attribute(
        film, baselines=references(seen, 3), n_samples=10, stdevs=deviation, target=1
    )
    assert differ(heat, expected.sum(dim=1)) < TINY


def test_expected_gradients_add_up_on_average() -> None:
    network, film = built("small-cnn", 1), image(1)
    seen = evidence(network, film)
    starts = references(seen, 0)
    heat = methods["gradient-shap"].rule(seen, samples=400)

    each = (network(film) - network(starts))[:, 1]
    assert float(heat.sum() - each.mean()) == pytest.approx(0, abs=0.02 * float(each.abs().mean()))


def test_baselines_take_turns_and_steps_cover_the_way() -> None:
    turns, along = draws(20, 8, seed=0)

    assert torch.bincount(turns).tolist() == [3, 3, 3, 3, 2, 2, 2, 2]
    for number in range(8):
        visits = int((turns == number).sum())
        assert (along[turns == number] * visits).long().tolist() == list(range(visits))


def test_the_films_compared_with_are_what_their_names_say() -> None:
    film = image(3)
    seen = evidence(built("densenet121", 3), film)

    assert torch.equal(reference(seen, "black"), torch.full_like(film[0], -1))
    assert torch.equal(reference(seen, "white"), torch.full_like(film[0], 2))
    assert torch.allclose(reference(seen, "mean"), film[0].mean(dim=(1, 2), keepdim=True).expand(3, SIDE, SIDE))
    soft = reference(seen, "blurred")
    assert soft.std() < 0.2 * film.std()
    assert torch.allclose(soft.mean(), film.mean(), atol=0.02)
    several = references(seen, 0)
    assert several.shape == (8, 3, SIDE, SIDE)
    assert torch.allclose(several[6:].std(), film.std(), rtol=0.05)


def test_a_blur_keeps_a_flat_film_and_spreads_a_point_evenly() -> None:
    point = torch.zeros(1, 33, 33, dtype=torch.float64)
    point[0, 16, 16] = 1
    soft = blurred(point, 1 / 16)[0]

    assert torch.allclose(blurred(torch.full((1, 33, 33), 3.0), 1 / 8), torch.tensor(3.0))
    assert torch.allclose(soft.sum(), torch.tensor(1.0).double())
    assert torch.allclose(soft, soft.T)
    across = soft.sum(dim=0)
    spread = ((torch.arange(33) - 16) ** 2 * across).sum().sqrt()
    assert float(spread) == pytest.approx(33 / 16, rel=0.05)
