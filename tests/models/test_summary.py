"""A checkpoint in one line."""

from math import nan
from pathlib import Path

from core.card import Metrics, Schedule, SubsetFigures
from core.estimate import Estimate
from core.models.summary import held_out_source, retrained, summary
from core.types import Checkpoint, Input


def card(metrics: Metrics) -> Checkpoint:
    return Checkpoint("a", "densenet121", ("covid",), False, Input(64), "0" * 64, metrics=metrics)


def without(source: str, value: float | None) -> SubsetFigures:
    figure = None if value is None else Estimate(value, value - 0.1, value + 0.05, 100)
    return SubsetFigures(n=100, source=source, macro_auc=figure)


def test_of_several_held_out_sources_the_lowest_counts_and_those_without_an_area_do_not(tmp_path: Path) -> None:
    sources = (without("a", 0.9), without("b", 0.7), without("c", None), without("d", nan))
    line = summary(card(Metrics(other_source=sources)), tmp_path)

    assert line.held_out is not None
    assert line.held_out.value == 0.7
    assert held_out_source(line) == "b, the lowest of 2"


def test_a_card_without_figures_says_not_measured(tmp_path: Path) -> None:
    line = summary(card(Metrics()), tmp_path)

    assert (line.internal, line.held_out, line.lungs, line.date) == (None, None, None, "")
    assert held_out_source(line) == "not measured"


def test_held_out_figures_are_of_another_network_and_its_schedule_is_named_where_known() -> None:
    schedule = Schedule(epochs=(3, 1), sizes=(64, 112))

    words = "another network, trained without it"
    assert retrained(card(Metrics(other_source_recipe=schedule))) == f"{words} for 4 epochs at 112 px"
    assert retrained(card(Metrics())) == words
