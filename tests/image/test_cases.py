"""The drawn cases: what each shows, and that the checks see what is wrong with a film."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.image.cases import CASES, SIDE, DrawnCase, case
from core.image.film_checks import inspect, withheld
from core.lung_network import inspect_film
from core.types import Cleaning, Radiograph

PICTURES = Path(__file__).parents[2] / "dashboard" / "cases"


@pytest.fixture(scope="module")
def films() -> dict[str, Radiograph]:
    """Each case as a film, by its title."""
    return {each.title: each.film(SIDE) for each in CASES}


def test_a_case_is_the_same_film_each_time() -> None:
    for each in CASES:
        assert each.film(256).key == each.film(256).key
    assert case(0) is CASES[0]
    assert len({case(number).film(128).key for number in range(12)}) == 12


@pytest.mark.parametrize("title", [each.title for each in CASES])
def test_a_case_says_that_it_is_drawn_and_what_it_shows(films: dict[str, Radiograph], title: str) -> None:
    assert films[title].drawn
    assert films[title].name == title
    assert next(each for each in CASES if each.title == title).story.endswith((".", "?"))


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("Opacity, right lung", (0.20, 0.40)),
        ("Behind the heart", (0.50, 0.66)),
        ("Upside-down", (0.20, 0.40)),  # in the left lung, which lies on the left of a film turned over
    ],
)
def test_an_opacity_lies_where_the_title_says(
    films: dict[str, Radiograph], title: str, columns: tuple[float, float]
) -> None:
    (plane,) = films[title].planes
    middle = float(np.argwhere(plane.shape)[:, 1].mean()) / SIDE

    assert plane.is_truth
    assert columns[0] < middle < columns[1]
    assert 0.005 < plane.shape.mean() < 0.03


def test_an_opacity_behind_the_heart_can_be_seen_and_no_more_than_that(films: dict[str, Radiograph]) -> None:
    film = films["Behind the heart"]
    inside = film.planes[0].shape
    mirrored = film.pixels[:, ::-1][inside].mean()  # the other half of the heart

    assert 1.02 < film.pixels[inside].mean() / mirrored < 1.5


def _withheld(film: Radiograph) -> str:
    return withheld(inspect_film(film, Cleaning()))


def test_the_checks_withhold_what_cannot_be_answered_and_nothing_else(films: dict[str, Radiograph]) -> None:
    reasons = {title: _withheld(film) for title, film in films.items()}

    assert "upside-down" in reasons.pop("Upside-down")
    assert "frontal chest" in reasons.pop("Not a chest")
    assert set(reasons.values()) == {""}


def test_the_letters_of_the_case_with_text_are_noticed(films: dict[str, Radiograph]) -> None:
    sentences = {title: [each.sentence for each in inspect(film)] for title, film in films.items()}

    assert any("burnt-in text" in sentence for sentence in sentences["Marker and text"])
    assert not any("burnt-in text" in sentence for sentence in sentences["Normal chest"])


def test_later_cases_are_further_chests_whose_story_is_true() -> None:
    for number in range(len(CASES), len(CASES) + 8):
        later = case(number)
        film = later.film(256)
        assert bool(film.planes) == ("opacity is drawn" in later.story)
        if film.planes:
            middle = float(np.argwhere(film.planes[0].shape)[:, 1].mean()) / 256
            assert ("right lung" in later.story) == (middle < 0.5)


def test_there_is_no_case_below_zero() -> None:
    with pytest.raises(ValueError, match="no case -1"):
        case(-1)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.file_name)
def test_the_picture_of_a_case_on_the_first_page_shows_it(films: dict[str, Radiograph], each: DrawnCase) -> None:
    """With LIGHTBOX_PICTURES set the pictures are drawn anew (`make pictures`)."""
    film = films[each.title]
    drawn = Image.fromarray((film.pixels / film.white * 255).astype(np.uint8)).resize((320, 320))
    path = PICTURES / f"{each.file_name}.webp"
    if os.environ.get("LIGHTBOX_PICTURES"):
        drawn.save(path, quality=70, method=6)

    picture = np.asarray(Image.open(path).convert("L"), float)

    assert np.corrcoef(picture.ravel(), np.asarray(drawn, float).ravel())[0, 1] > 0.99
    assert path.stat().st_size < 20_000


def test_there_is_a_picture_of_each_case_and_no_other() -> None:
    assert {path.name for path in PICTURES.iterdir()} == {f"{each.file_name}.webp" for each in CASES}
