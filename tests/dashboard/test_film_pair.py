"""Two films side by side on Read."""

import json
from typing import Any

import numpy as np

from core.types import Prediction
from dashboard.film_pair import difference
from tests.dashboard.conftest import Desk


def panes(desk: Desk) -> dict[str, dict[str, Any]]:
    """Title -> what the viewer of that pane is handed."""
    entries = [json.loads(each.proto.json or "{}") for each in desk.app.get("bidi_component")]
    return {each["title"]: each for each in entries if each.get("link") == "pair" and "film" in each}


def test_the_menu_puts_another_open_film_beside_this_one(desk: Desk, png: bytes) -> None:
    desk.press("Opacity, right lung")
    assert "Film beside this one" not in desk.labels()

    desk.drop(("film.png", png))
    desk.choose("Film beside this one", desk.strip[0]["key"])
    left, right = panes(desk).values()

    assert left["title"].startswith("film.png · ")
    assert right["title"].startswith("Opacity, right lung · ")
    assert [len(each["maps"]) for each in (left, right)] == [1, 1]
    assert left["maps"][0]["finding"] == right["maps"][0]["finding"]
    assert left["maps"][0]["method"] == right["maps"][0]["method"]
    assert "left, " in desk.html or "on both films" in desk.html
    assert desk.session.address["second"] == [right["film"]["key"]]


def test_the_second_film_goes_with_its_removal_and_where_it_is_opened_itself(desk: Desk, png: bytes) -> None:
    desk.press("Opacity, right lung").drop(("film.png", png))
    desk.choose("Film beside this one", desk.strip[0]["key"])

    desk.strip_click("Opacity, right lung")  # now it is the open one
    assert panes(desk) == {}
    desk.strip_click("film.png")
    assert len(panes(desk)) == 2
    desk.press("Clear")
    assert panes(desk) == {}


def answer(covid: float) -> Prediction:
    both = np.array([covid, 1 - covid], np.float32)
    return Prediction("0" * 16, "0" * 16, ("covid", "normal"), np.log(both), both, 1.0, 0.0)


def test_the_difference_is_one_sentence() -> None:

    assert difference("covid", answer(0.79), answer(0.28)) == "Covid 0.79 left, 0.28 right: 0.51 less."
    assert difference("covid", answer(0.2), answer(0.3)) == "Covid 0.20 left, 0.30 right: 0.10 more."
    assert difference("covid", answer(0.5), answer(0.501)) == "Covid 0.50 on both films."
