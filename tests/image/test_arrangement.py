"""Window, mirror, turn and inversion: one operation for the screen and the network."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import BadSetting
from core.image import phantom
from core.image.arrangement import arranged, by_hand, through, words
from core.image.prepare import enlarge, prepare, upright, windowed
from core.image.read import read
from core.overlay import display
from core.types import Cleaning, Input
from tests.image.test_dicom import dicom, lut, ramp

FILM = phantom.draw(seed=3, height=192, width=160).radiograph
INPUT = Input(size=96, mean=(0.0,), std=(1.0,))
ARRANGEMENTS = [
    Cleaning(crop_borders=False, mirror=mirror, turn=turn, invert=invert)
    for mirror in (False, True)
    for turn in range(4)
    for invert in (False, True)
]


@pytest.mark.parametrize("cleaning", ARRANGEMENTS, ids=words)
def test_the_network_reads_what_is_seen(cleaning: Cleaning) -> None:
    seen = prepare(arranged(FILM, cleaning), INPUT, Cleaning(crop_borders=False)).image

    assert np.allclose(prepare(FILM, INPUT, cleaning).image, seen, atol=2e-3)


@pytest.mark.parametrize("cleaning", ARRANGEMENTS, ids=words)
def test_a_map_lies_where_the_network_saw_it(cleaning: Cleaning) -> None:
    prepared = prepare(FILM, INPUT, replace(cleaning, invert=False))
    expected = display(FILM) / 255

    laid = enlarge(prepared.image[0].numpy(), prepared.placement, FILM.pixels.shape)

    assert np.corrcoef(laid.ravel(), expected.ravel())[0, 1] > 0.98
    assert upright(prepared.image[0].numpy(), prepared.placement).shape == (96, 96)


@pytest.mark.parametrize(
    ("cleaning", "orientation"),
    [
        (Cleaning(mirror=True), ("R", "F")),
        (Cleaning(turn=1), ("F", "R")),
        (Cleaning(turn=2), ("R", "H")),
        (Cleaning(mirror=True, turn=3), ("H", "R")),
    ],
)
def test_the_sides_of_the_patient_turn_with_the_film(cleaning: Cleaning, orientation: tuple[str, str]) -> None:
    film = replace(FILM, orientation=("L", "F"))

    assert arranged(film, cleaning).orientation == orientation
    assert arranged(FILM, cleaning).orientation is None


def test_a_window_of_the_file_is_chosen_by_place_or_name() -> None:
    film = read(
        dicom(ramp(), WindowCenter=[2048, 1000], WindowWidth=[4096, 401], WindowCenterWidthExplanation=["A", "Hard"]),
        name="film",
    )

    for name in ("#2", "hard"):
        assert (through(film, name).black, through(film, name).white) == (799.5, 1199.5)
    assert through(film, "#1") is film
    assert through(film, "") is film


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_window_by_hand_is_in_the_units_of_the_file(photometric: str) -> None:
    film = read(dicom(ramp(), photometric=photometric, RescaleSlope=2, RescaleIntercept=-1000), name="film")
    given = read(
        dicom(
            ramp(),
            photometric=photometric,
            RescaleSlope=2,
            RescaleIntercept=-1000,
            WindowCenter=700,
            WindowWidth=300,
        ),
        name="film",
    )

    chosen = through(film, "700/300")

    assert (chosen.black, chosen.white) == pytest.approx((given.black, given.white))
    assert by_hand(film, chosen.black, chosen.white) == "700/300"


def test_a_lookup_table_can_be_switched_off_and_on() -> None:
    film = read(dicom(ramp(), VOILUTSequence=lut([value // 2 for value in range(4096)], bits=12)), name="film")

    assert not np.array_equal(film.pixels, ramp())
    assert np.array_equal(through(film, "data").pixels, ramp())
    assert (through(film, "full").black, through(film, "full").white) == (0, 4095)


def test_a_second_lookup_table_can_be_chosen() -> None:
    tables = [*lut(list(range(4096)), bits=12), *lut([4095 - value for value in range(4096)], bits=12)]
    film = read(dicom(ramp(), VOILUTSequence=tables), name="film")

    other = through(film, "#2")

    assert np.allclose(windowed(other.pixels, other.black, other.white), 1 - ramp() / 4095, atol=1e-6)


@pytest.mark.parametrize("window", ["#9", "bones", "100", "100/0", "1/2/3"])
def test_a_window_that_a_film_lacks_is_refused_with_those_it_has(window: str) -> None:
    with pytest.raises(BadSetting, match=r"has no w"):
        through(FILM, window)


def test_the_changes_are_described_in_words() -> None:
    assert words(Cleaning()) == ""
    assert words(Cleaning(mirror=True, turn=1, invert=True, window="data")) == (
        "mirrored, turned 90° left, inverted, window data"
    )
