"""A figure with its interval, and how it is written."""

from math import nan

import pytest

from core.codec import dump, parse
from core.estimate import Estimate, available, estimate_text, value_and_interval


def test_the_interval_comes_first_below_fifty_films() -> None:
    assert estimate_text(Estimate(0.8, 0.7, 0.85, 49)) == "0.70–0.85 (0.80, n = 49)"
    assert estimate_text(Estimate(0.8, 0.7, 0.85, 50)) == "0.80 (0.70–0.85, n = 50)"
    assert value_and_interval(Estimate(0.8, 0.7, 0.85, 50)) == ("0.80", "0.70–0.85, n = 50")


@pytest.mark.parametrize("figure", [None, Estimate(nan, nan, nan, 3)])
def test_a_figure_that_is_not_available_is_a_dash(figure: Estimate | None) -> None:
    assert available(figure) is None
    assert estimate_text(figure) == "–"


def test_a_figure_without_an_interval_shows_none() -> None:
    assert estimate_text(Estimate(0.8, nan, nan, 10)) == "0.80 (n = 10)"


def test_null_in_a_card_is_nan_and_is_written_as_null() -> None:
    stored = {"value": 0.5, "low": None, "high": None, "n": 7, "positives": 3}
    figure = parse(Estimate, stored)

    assert (figure.value, figure.has_interval, figure.n) == (0.5, False, 7)
    assert dump(figure) == stored
