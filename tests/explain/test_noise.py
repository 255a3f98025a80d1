"""SmoothGrad and its kin: equal to Captum fed the same noise, whatever the batches."""

import pytest
import torch
from captum.attr import NoiseTunnel, Saliency
from torch import Tensor

from core.explain.method import methods
from core.explain.reference import gaussian
from tests.explain.precise import REFERENCES, TINY, built, differ, evidence, image

SAMPLES, NOISE, SEED = 5, 0.15, 7
TYPES = {"smoothgrad": "smoothgrad", "smoothgrad-squared": "smoothgrad_sq", "vargrad": "vargrad"}


class _Fed(NoiseTunnel):  # type: ignore[misc]  # Captum has no types
    """Captum's own, but with our noise: it draws from the global generator."""

    @staticmethod
    def _add_noise_to_input(film: Tensor, deviation: float, samples: int) -> Tensor:
        return film + deviation * gaussian(film[0], SEED, 0, samples)


@pytest.mark.parametrize(("name", "channels"), REFERENCES)
def test_all_three_equal_captum(name: str, channels: int) -> None:
    network, film = built(name, channels), image(channels)
    seen = evidence(network, film)
    deviation = float(NOISE * (film.max() - film.min()))

    for method, kind in TYPES.items():
        settings = {"samples": SAMPLES, "noise": NOISE, "seed": SEED}
        expected = _Fed(Saliency(network)).attribute(
            film, nt_type=kind, nt_samples=SAMPLES, stdevs=deviation, target=1, abs=False
        )
        heat = methods[method].rule(seen, **settings)
        if method == "smoothgrad":
            assert differ(methods[method].rule(seen, **settings, signed=True), expected.sum(dim=1)) < TINY
            expected = expected.abs().amax(dim=1, keepdim=True)
        assert differ(heat, expected.sum(dim=1)) < TINY

    assert seen.tape.backwards == SAMPLES  # the three share them


def test_the_size_of_a_batch_changes_nothing() -> None:
    network, film = built("densenet121", 1), image(1)
    one = methods["smoothgrad"].rule(evidence(network, film, budget=1), samples=SAMPLES)
    many = methods["smoothgrad"].rule(evidence(network, film), samples=SAMPLES)

    assert evidence(network, film, budget=1).batch(graph=True) == 1
    assert evidence(network, film).batch(graph=True) >= SAMPLES
    assert torch.allclose(one, many, rtol=1e-9, atol=0)


def test_a_draw_is_the_same_in_every_batch_and_unlike_every_other() -> None:
    film = torch.zeros(1, 33, 33)
    draws = gaussian(film, 0, 0, 6)

    assert torch.equal(gaussian(film, 0, 2, 5), draws[2:5])
    assert len(torch.unique(draws[:, 0, 0, 0])) == 6
    assert not torch.equal(gaussian(film, 1, 0, 6), draws)
    assert abs(float(draws.mean())) < 0.05
    assert abs(float(draws.std()) - 1) < 0.05


def test_several_films_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="one image at a time, not 2"):
        methods["vargrad"].rule(evidence(built("densenet121", 1), image(1).repeat(2, 1, 1, 1)))
