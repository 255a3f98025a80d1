"""Side markers that contradict the film's sides; on drawn chests, and on real films, which may rarely trigger it."""

import csv
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.image.arrangement import arranged
from core.image.film_checks import Check, checks
from core.image.phantom import draw
from core.image.read import read
from core.image.small_film import Look
from core.lettering import font
from core.types import Cleaning, Origin, Radiograph

DATA = os.environ.get("LIGHTBOX_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="LIGHTBOX_DATA is not set: no real films to check")
LEFT, RIGHT = 0.08, 0.92  # of the width


def marker_check(radiograph: Radiograph) -> Check:
    return checks["side-marker"](Look(radiograph))


def marked(letter: str, at: float, *, size: int = 512, mirrored: bool = False, seed: int = 0) -> Radiograph:
    """A chest with the letter at this place, in a font that no template is drawn in; its own R is painted over."""
    chest = draw(seed=seed, height=size, width=size).radiograph
    grey = (np.clip(chest.pixels / 4095, 0, 1) * 255).astype(np.uint8)
    corner = size // 10
    grey[:corner, :corner] = np.median(grey[:corner, corner : 2 * corner])
    picture = Image.fromarray(grey)
    place = ((1 - at if mirrored else at) * size, 0.15 * size)
    ImageDraw.Draw(picture).text(place, letter, fill=230, font=font(round(0.045 * size)), anchor="mm")
    pixels = np.asarray(picture)[:, ::-1] if mirrored else np.asarray(picture)
    return Radiograph(np.ascontiguousarray(pixels), "marked", 0, 255, Origin("PNG", "L", 8))


@pytest.mark.parametrize("size", [512, 1024])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("letter", "wrong", "right"), [("R", RIGHT, LEFT), ("L", LEFT, RIGHT)])
def test_a_marker_on_the_wrong_side_is_reported(letter: str, wrong: float, right: float, seed: int, size: int) -> None:
    check = marker_check(marked(letter, wrong, size=size, seed=seed))

    assert check.level == "warning"
    assert f"A marker {letter} is at upper {'left' if wrong < 0.5 else 'right'}" in check.sentence
    assert not check.withholds
    assert check.mend == {}
    assert marker_check(marked(letter, right, size=size, seed=seed)).level == "ok"


@pytest.mark.parametrize(("letter", "wrong", "right"), [("R", RIGHT, LEFT), ("L", LEFT, RIGHT)])
def test_a_mirrored_letter_on_the_wrong_side_tells_that_the_film_is_mirrored(
    letter: str, wrong: float, right: float
) -> None:
    film = marked(letter, wrong, mirrored=True)

    check = marker_check(film)

    assert check.level == "warning"
    assert "The film is mirrored" in check.sentence
    assert check.mend == {"mirror": True}
    assert marker_check(arranged(film, Cleaning(mirror=True))).level == "ok"
    # On many PA films the marker faced the detector: it reads from behind, on its own side.
    assert marker_check(marked(letter, right, mirrored=True)).level == "ok"


def test_the_header_decides_which_side_is_which() -> None:
    from_behind = ("R", "F")  # rows lead to the patient's right

    assert marker_check(replace(marked("R", RIGHT), orientation=from_behind)).level == "ok"
    check = marker_check(replace(marked("R", LEFT), orientation=from_behind))
    assert check.level == "warning"
    assert "the file says that this is the patient's left" in check.sentence
    assert (
        marker_check(arranged(replace(marked("R", RIGHT), orientation=from_behind), Cleaning(mirror=True))).level
        == "ok"
    )


@pytest.mark.parametrize("laterality", ["R", "L", "B"])
def test_the_side_that_a_header_names_does_not_say_where_it_lies(laterality: str) -> None:
    """Laterality names the side of a paired part that is shown; only the orientation says where on the film it is."""
    assert marker_check(replace(marked("L", RIGHT), laterality=laterality)).level == "ok"
    assert marker_check(replace(marked("L", LEFT), laterality=laterality)).level == "warning"


@pytest.mark.parametrize("text", ["RL", "PORTABLE", "B", "P", "8", "E", "T"])
def test_other_letters_and_words_are_no_side_marker(text: str) -> None:
    for at in (0.15, 0.85):
        check = marker_check(marked(text, at))
        assert (check.level, check.figure) == ("ok", 0)


def test_a_marker_on_each_side_decides_nothing_where_they_disagree() -> None:
    one, other = marked("R", LEFT), marked("R", RIGHT)
    both = replace(one, pixels=np.maximum(one.pixels, other.pixels))

    assert marker_check(both).level == "ok"


def test_a_film_on_its_head_is_not_judged() -> None:
    assert "upright" in marker_check(arranged(marked("R", LEFT), Cleaning(turn=2))).sentence


@needs_data
@pytest.mark.parametrize("larger", [1, 4])
def test_fewer_than_one_in_a_hundred_real_films_sets_it_off(larger: int) -> None:
    """Small and enlarged: at the size of originals many more pieces are as tall as a letter."""
    with (Path(str(DATA)) / "cxr.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["split"] == "test"]
    rows = rows[:: 2 if larger == 1 else 8]
    alarms = mirrored = agreeing = 0
    for row in rows:
        film = read((Path(str(DATA)) / row["file"]).read_bytes(), name=row["id"])
        pixels = cv2.resize(film.pixels, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        check = marker_check(replace(film, pixels=pixels))
        alarms += check.level == "warning"
        if larger > 1 and check.level == "ok" and check.figure > 0:
            agreeing += 1
            mirrored += marker_check(replace(film, pixels=np.ascontiguousarray(pixels[:, ::-1]))).level == "warning"

    assert alarms < 0.01 * len(rows)  # 0 of all 799, at either size
    if larger > 1:
        assert agreeing >= 0.15 * len(rows)  # 194 of 799
        assert mirrored >= 0.6 * agreeing  # 150 of 194
