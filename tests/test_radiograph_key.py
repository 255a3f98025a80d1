"""The key of a film covers everything that changes what is shown or said about it."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from core.types import Origin, Plane, Radiograph, Window

PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
FILM = Radiograph(PIXELS, "film", 0, 63, Origin("PNG", "L", 8))
OTHER: dict[str, Any] = {
    "pixels": PIXELS[::-1],
    "black": 1.0,
    "white": 60.0,
    "origin": Origin("PNG", "RGB", 8),
    "spacing": (0.2, 0.2),
    "view": "PA",
    "steps": ("Turned over.",),
    "orientation": ("L", "F"),
    "windows": (Window("hard", 0, 9),),
    "at_detector": True,
    "laterality": "L",
    "body_part": "CHEST",
    "age": 60.0,
    "linear": PIXELS + np.uint8(1),
    "units": (2.0, 0.0),
    "planes": (Plane("Overlay 1", PIXELS > 3),),
}


def test_every_field_but_the_name_and_the_header_is_tried() -> None:
    assert {each.name for each in fields(Radiograph)} == {*OTHER, "name", "header"}


@pytest.mark.parametrize("field", OTHER)
def test_films_that_differ_in_one_field_have_two_keys(field: str) -> None:
    assert replace(FILM, **{field: OTHER[field]}).key != FILM.key


@pytest.mark.parametrize(
    "origin",
    [
        Origin("JPEG", "L", 8),
        Origin("PNG", "P", 8),
        Origin("PNG", "L", 7),
        Origin("PNG", "L", 8, lossy=True),
        Origin("PNG", "L", 8, chroma=np.zeros((2, 2), np.uint8)),
        Origin("PNG", "L", 8, transparent=0.5),
    ],
)
def test_the_origin_counts_as_the_checks_read_it(origin: Origin) -> None:
    assert replace(FILM, origin=origin).key != FILM.key


def test_a_window_counts_with_its_curve() -> None:
    one, other = (Window("table", 0, 9, curve=np.arange(256, dtype=np.uint8) // part) for part in (1, 2))

    assert replace(FILM, windows=(one,)).key != replace(FILM, windows=(other,)).key


def test_the_name_does_not_count_and_equal_films_have_one_key() -> None:
    assert replace(FILM, name="another").key == FILM.key
    assert Radiograph(PIXELS.copy(), "film", 0, 63, Origin("PNG", "L", 8)).key == FILM.key
