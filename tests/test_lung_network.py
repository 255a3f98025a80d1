"""The lung network on drawn chests, whose lungs are known to the pixel, and on real films."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import BadCheckpoint, NoLungs
from core.evaluate import manifest
from core.image.phantom import draw
from core.image.read import read
from core.lung_network import dice, dilated, network, outline, segment
from core.types import Cleaning, Origin, Radiograph

NO_FRONTAL_FILM = ("o09.png", "o14.jpg", "o15.png", "o31.png", "o34.png", "o35.png", "o37.jpg", "o38.jpg", "o39.jpg")


@pytest.mark.parametrize(("height", "width"), [(400, 320), (256, 400), (1024, 900)])
def test_the_lungs_of_a_drawn_chest_are_detected(height: int, width: int) -> None:
    chest = draw(seed=3, height=height, width=width)

    lungs = segment(chest.radiograph)

    assert lungs.shape == (height, width)
    assert lungs.dtype == bool
    assert dice(lungs, chest.lungs) > 0.80  # human outlines hold the lung behind the heart, the drawn ones do not


def test_cleaning_is_followed(phantom: Radiograph) -> None:
    upright = segment(phantom)
    lying = Radiograph(np.rot90(phantom.pixels), "lying", phantom.black, phantom.white, phantom.origin)

    mended = segment(lying, Cleaning(turn=3))

    assert dice(np.rot90(mended, 3), upright) > 0.97


@pytest.mark.parametrize("kind", ["noise", "blank", "stripes"])
def test_no_lungs_are_detected_where_there_are_none(kind: str) -> None:
    pixels = np.full((300, 300), 90, np.uint8)
    if kind == "noise":
        pixels = np.random.default_rng(0).integers(0, 255, pixels.shape).astype(np.uint8)
    if kind == "stripes":
        pixels[:, ::40] = 200
    film = Radiograph(pixels, kind, 0, 255, Origin("drawn", "L", 8))

    with pytest.raises(NoLungs, match=f"No lungs found on {kind}: .* They are found on upright frontal films"):
        segment(film)


def test_an_outline_says_where_it_lies(phantom: Radiograph) -> None:
    lungs, placement = outline(phantom, Cleaning(crop_borders=False))

    assert lungs.shape == (160, 160)
    assert (placement.x0, placement.y0, placement.x1, placement.y1) == (0, 0, *phantom.pixels.shape[::-1])


def test_a_missing_network_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="Restore it from the repository, or train it"):
        network(tmp_path)


def test_dice_and_dilation_by_hand() -> None:
    square = np.zeros((100, 100), bool)
    square[40:60, 40:60] = True
    half = square.copy()
    half[50:] = False

    assert dice(square, half) == pytest.approx(2 * 200 / 600)
    assert dilated(square, 0.05)[35, 50]
    assert not dilated(square, 0.05)[34, 50]


def test_real_outlines_are_met(real_films: Path) -> None:
    rows = [row for row in manifest.read_manifest(real_films) if row.split == "test" and row.lungs is not None][:40]
    scores = []
    for row in rows:
        lungs = manifest.mask(row, "lungs")
        assert lungs is not None
        scores.append(dice(segment(manifest.row_radiograph(row)), lungs))

    assert np.mean(scores) > 0.94


@pytest.mark.parametrize("name", NO_FRONTAL_FILM)
def test_what_is_no_upright_frontal_film_is_refused(real_films: Path, name: str) -> None:
    with pytest.raises(NoLungs):
        segment(read((real_films / "originals" / name).read_bytes(), name=name))
