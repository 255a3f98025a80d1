"""The phantom: deterministic, of any shape, and true to the masks it comes with."""

import time

import numpy as np
import pytest

from core.image.phantom import Opacity, draw
from core.types import digest

SEEDS = range(8)


def test_the_same_seed_gives_the_same_film() -> None:
    assert draw(seed=3, height=256, width=256).radiograph.key == draw(seed=3, height=256, width=256).radiograph.key


def test_another_seed_gives_another_chest() -> None:
    first, second = draw(seed=0, height=256, width=256), draw(seed=1, height=256, width=256)

    assert first.radiograph.key != second.radiograph.key
    assert digest(first.lungs) != digest(second.lungs)


@pytest.mark.parametrize(("height", "width"), [(512, 512), (450, 650), (650, 450), (64, 64), (64, 200)])
def test_every_shape_holds_a_chest(height: int, width: int) -> None:
    phantom = draw(height=height, width=width)

    assert phantom.radiograph.pixels.shape == phantom.lungs.shape == phantom.opacity.shape == (height, width)
    assert 0.05 < phantom.lungs.mean() < 0.4
    assert phantom.lungs[:, : width // 2].any()
    assert phantom.lungs[:, width // 2 :].any()
    assert not phantom.opacity.any()


def test_a_film_says_that_it_is_drawn() -> None:
    film = draw(seed=5, height=128, width=128).radiograph

    assert film.drawn
    assert film.name == "phantom 5"
    assert film.view == "PA"
    assert "synthetic, no patient data" in film.steps[0]


def test_a_film_has_the_depth_and_size_of_a_real_one() -> None:
    film = draw().radiograph

    assert film.pixels.dtype == np.uint16
    assert len(np.unique(film.pixels)) > 2000  # 8 bits would give 256
    assert film.pixels.max() <= film.white
    assert film.spacing is not None
    assert 350 <= film.spacing[0] * 1024 <= 430  # mm


@pytest.mark.parametrize("seed", SEEDS)
def test_lungs_are_dark_and_the_spine_is_bright(seed: int) -> None:
    phantom = draw(seed=seed, height=256, width=256)
    pixels = phantom.radiograph.pixels
    columns = np.flatnonzero(phantom.lungs.any(0))
    middle = int(columns.mean())

    assert pixels[140:250, middle - 4 : middle + 4].mean() > 1.7 * pixels[phantom.lungs].mean()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_heart_lies_on_screen_right(seed: int) -> None:
    lungs = draw(seed=seed, height=256, width=256).lungs

    assert lungs[:, :128].sum() > 1.08 * lungs[:, 128:].sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_opacity_brightens_its_place_and_nothing_else(seed: int) -> None:
    plain = draw(seed=seed, height=256, width=256)
    planted = draw(seed=seed, height=256, width=256, opacity=Opacity(0.28, 0.42))
    change = planted.radiograph.pixels.astype(float) - plain.radiograph.pixels.astype(float)
    y, x = (int(part.mean()) for part in np.nonzero(planted.opacity))

    assert (planted.opacity <= planted.lungs).all()
    assert abs(x - 0.28 * 256) < 8
    assert abs(y - 0.42 * 256) < 8
    assert change[planted.opacity].mean() > 250  # of 4095
    far = np.hypot(*(np.indices((256, 256)) - np.array([0.42, 0.28])[:, None, None] * 256)) > 0.07 * 256 + 6
    assert np.abs(change[far]).mean() < 0.05 * change[planted.opacity].mean()


def test_a_stronger_opacity_is_brighter() -> None:
    weak, strong = (draw(height=256, width=256, opacity=Opacity(0.72, 0.42, 0.06, strength)) for strength in (0.3, 1.0))

    assert strong.radiograph.pixels[strong.opacity].mean() > weak.radiograph.pixels[weak.opacity].mean() + 100


def test_an_opacity_outside_the_lungs_is_refused() -> None:
    with pytest.raises(ValueError, match="touches no lung"):
        draw(height=128, width=128, opacity=Opacity(0.5, 0.97, 0.02))


def test_an_opacity_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        Opacity(1.2, 0.5)


def test_a_film_too_small_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="63 x 100 px is too small"):
        draw(height=100, width=63)


def test_masks_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        draw(height=64, width=64).lungs[0, 0] = True


def test_drawing_is_quick() -> None:
    draw(height=64, width=64)  # imports and first calls
    start = time.process_time()
    draw(seed=1)

    assert time.process_time() - start < 3  # s of processor time, over all threads; 0.6 s measured
