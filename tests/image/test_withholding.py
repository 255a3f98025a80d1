"""When the film checks withhold every answer, and what they say of a film's size."""

import csv
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Withheld
from core.image import phantom
from core.image.film_checks import Check, checks, withheld
from core.image.read import read
from core.image.small_film import Look
from core.lung_network import implausible_size, inspect_film
from core.trust.admission import refuse_meaningless
from core.types import Cleaning, Origin, Radiograph
from tests.image.test_dicom import dicom

DATA = os.environ.get("LIGHTBOX_DATA")
with_data = pytest.mark.skipif(not DATA, reason="LIGHTBOX_DATA is not set")

CHEST = phantom.draw(seed=3, height=512, width=512).radiograph
# The files of originals/ that are no upright frontal chest, blank, inverted, or a corner of a frame.
ODD = {9, 13, 14, 15, 31, 32, 33, 34, 35, 37, 38, 39, 40}


def reason(film: Radiograph, cleaning: Cleaning | None = None) -> str:
    return withheld(inspect_film(film, cleaning or Cleaning()))


def header(film: Radiograph) -> Check:
    return checks["header"](Look(film))


def test_an_upright_chest_is_not_withheld() -> None:
    assert reason(CHEST) == ""
    assert refuse_meaningless(CHEST, Cleaning(anyway=True), []) == Cleaning()


@pytest.mark.parametrize(
    ("cleaning", "words"),
    [(Cleaning(turn=2), "upside-down"), (Cleaning(turn=1), "on its side"), (Cleaning(invert=True), "inverted")],
)
def test_what_the_person_turned_wrong_is_withheld_and_back_again_not(cleaning: Cleaning, words: str) -> None:
    assert words in reason(CHEST, cleaning)
    with pytest.raises(Withheld, match=words):
        refuse_meaningless(CHEST, cleaning, [])
    assert refuse_meaningless(CHEST, replace(cleaning, anyway=True), []).anyway


def test_a_blank_film_and_noise_are_withheld() -> None:
    chance = np.random.default_rng(1)
    blank = Radiograph(chance.integers(100, 104, (300, 300)).astype(np.uint8), "blank", 0, 255, Origin("PNG", "L", 8))
    noise = replace(blank, pixels=chance.integers(0, 255, (300, 300)).astype(np.uint8))

    assert reason(blank)
    assert reason(noise)


def test_a_film_in_a_corner_of_a_black_frame_is_withheld() -> None:
    frame = np.zeros((512, 512), CHEST.pixels.dtype)
    frame[:220, :220] = CHEST.pixels[::2, ::2][:220, :220]

    assert "fills only" in reason(replace(CHEST, pixels=frame))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"BodyPartExamined": "HAND", "Laterality": "L"}, "shows the left hand, not the chest"),
        ({"ViewPosition": "LL"}, "lateral view .LL."),
    ],
)
def test_a_header_that_names_another_part_or_view_withholds(facts: dict[str, Any], words: str) -> None:
    film = read(dicom(np.array(CHEST.pixels), **facts), name="film")

    assert words.split(" .")[0] in reason(film)
    assert reason(read(dicom(np.array(CHEST.pixels), BodyPartExamined="CHEST", ViewPosition="PA"), name="film")) == ""


def test_a_window_of_another_depth_is_withheld_until_another_is_chosen() -> None:
    film = read(dicom(np.array(CHEST.pixels), WindowCenter=180, WindowWidth=200), name="film")
    contrast = next(check for check in inspect_film(film, Cleaning()) if check.name == "contrast")

    assert "The film holds more: choose another window" in reason(film)
    assert contrast.mend == {"window": "data"}
    assert reason(film, Cleaning(window="data")) == ""
    assert reason(film, Cleaning(window="2048/4096")) == ""


@pytest.mark.parametrize("part", ["CHEST PA", "CXR", "TÓRAX", "RX TORAX AP", "LUNGE", "POUMONS"])
def test_the_chest_has_many_names(part: str) -> None:
    check = header(replace(CHEST, body_part=part))

    assert (check.level, check.withholds) == ("ok", False)


@pytest.mark.parametrize("part", ["BRUSTKORB", "胸部", "UNKNOWN", "STANDARD"])
def test_a_name_that_says_nothing_is_reported_and_withholds_nothing(part: str) -> None:
    film = replace(CHEST, body_part=part)

    assert header(film).level == "note"
    assert "not a known name of the chest" in header(film).sentence
    assert reason(film) == ""


@pytest.mark.parametrize("part", ["SKULL", "LEFT HAND", "TSPINE", "ABDOMEN", "KNEE"])
def test_another_part_of_the_body_withholds(part: str) -> None:
    assert "not the chest" in reason(replace(CHEST, body_part=part))


@pytest.mark.parametrize(("laterality", "side"), [("L", "left"), ("R", "right")])
def test_a_chest_of_one_side_only_is_reported_and_moves_no_side(laterality: str, side: str) -> None:
    film = replace(CHEST, body_part="CHEST", laterality=laterality)

    assert header(film).level == "note"
    assert f"the {side} side only; a frontal chest film shows both" in header(film).sentence
    assert reason(film) == ""
    for both in ("B", "U", None):
        assert header(replace(film, laterality=both)).level == "ok"


@pytest.mark.parametrize(
    ("mm", "age", "plausible"),
    [(0.7, None, True), (0.25, None, False), (0.25, 0.1, True), (0.7, 0.1, False), (1.6, None, False), (0.5, 8, True)],
)
def test_a_size_that_cannot_be_is_not_trusted(mm: float, age: float | None, plausible: bool) -> None:
    film = replace(CHEST, spacing=(mm, mm), age=age, origin=Origin("DICOM", "MONOCHROME2", 12))

    result = implausible_size(film)

    assert (result == "") is plausible
    size = next(check for check in inspect_film(film, Cleaning()) if check.name == "spacing")
    assert (size.level == "warning") is not plausible


@with_data
def test_all_odd_originals_are_withheld_and_no_others() -> None:
    names = {
        int(path.stem[1:])
        for path in sorted((Path(str(DATA)) / "originals").glob("o[0-9]*"))
        if reason(read(path.read_bytes(), name=path.name))
    }

    assert names == ODD


@with_data
def test_the_size_of_an_adult_that_the_file_makes_a_childs_is_not_trusted() -> None:
    film = read((Path(str(DATA)) / "originals" / "o12.dcm").read_bytes(), name="o12.dcm")

    assert "the lungs would be 137 mm wide, those of a patient of 62 years" in implausible_size(film)


@with_data
def test_at_most_one_in_a_hundred_test_films_is_withheld() -> None:
    with (Path(str(DATA)) / "cxr.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["split"] == "test"][::5]
    sources = Counter(
        row["source"] for row in rows if reason(read((Path(str(DATA)) / row["file"]).read_bytes(), name=row["id"]))
    )

    assert len(rows) == 160
    assert sources.total() <= 0.01 * len(rows)
