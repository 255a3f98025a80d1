"""A checkpoint in one line."""

from pathlib import Path
from typing import Any

import pytest

from core.models.summary import anew, apart, halves, measured, summary, words
from core.types import Checkpoint, Input


def card(**told: Any) -> Checkpoint:
    return Checkpoint("a", "densenet121", ("covid",), False, Input(64), "0" * 64, metrics=told)


def estimate(value: float, n: int | None = 100) -> dict[str, Any]:
    return {"value": value, "low": value - 0.1, "high": value + 0.05, "n": n}


def test_the_interval_comes_first_below_fifty_films() -> None:
    assert words(estimate(0.8, 49)) == "0.70–0.85 (0.80, n = 49)"
    assert words(estimate(0.8, 50)) == "0.80 (0.70–0.85, n = 50)"
    assert halves(estimate(0.8, None)) == ("0.80", "0.70–0.85")


@pytest.mark.parametrize("figure", [None, {}, {"value": None, "low": None, "high": None, "n": 3}])
def test_a_figure_that_could_not_be_had_is_a_dash(figure: Any) -> None:
    assert measured(figure) is None
    assert words(measured(figure)) == "–"


def test_a_figure_without_an_interval_shows_none() -> None:
    assert words({"value": 0.8, "low": None, "high": None, "n": 10}) == "0.80 (n = 10)"


def test_of_several_other_sources_the_lowest_counts_and_those_without_an_area_do_not(tmp_path: Path) -> None:
    others = [
        {"source": "a", "macro_auc": estimate(0.9)},
        {"source": "b", "macro_auc": estimate(0.7)},
        {"source": "c", "macro_auc": None},
    ]
    line = summary(card(other_source=others), tmp_path)

    assert line.other is not None
    assert line.other["value"] == 0.7
    assert apart(line) == "b, the lowest of 2"


def test_a_card_without_figures_says_not_measured(tmp_path: Path) -> None:
    line = summary(card(), tmp_path)

    assert (line.inside, line.other, line.lungs, line.date) == (None, None, None, "")
    assert apart(line) == "not measured"


def test_figures_on_a_source_left_out_are_of_another_network_and_its_recipe_is_told_where_known() -> None:
    told = {"epochs": [3, 1], "sizes": [64, 112]}

    assert anew(card(other_source_recipe=told)) == "another network, trained without it for 4 epochs at 112 px"
    assert anew(card(other_source_recipe=None)) == anew(card()) == "another network, trained without it"
