"""Accuracy and confusion of networks over labelled films, compared with values computed by hand."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.compare.accuracy import confusion, is_right
from core.compare.film_comparison import FilmComparison
from core.compare.panel import Panel


def panel(*, several: bool = False) -> Panel:
    """Two networks that know covid and normal."""
    card = SimpleNamespace(multi_label=several)
    return cast(Panel, SimpleNamespace(findings=("covid", "normal"), checkpoints=(card, card)))


def row(key: str, labels: tuple[str, ...] | None, *present: str) -> FilmComparison:
    """A film on which the networks find these; "covid+normal" for both."""
    findings = tuple(tuple(filter(None, each.split("+"))) for each in present)
    rest: dict[str, Any] = {"finding": "covid", "probabilities": (), "agreements": (), "apart": 0.0, "score": 0.0}
    return FilmComparison(key, key, key, labels, says=present, present=findings, **rest)


ROWS = [
    row("a", ("covid",), "covid", "normal"),
    row("b", ("covid",), "covid", "covid"),
    row("c", ("normal",), "covid", "normal"),
    row("d", None, "covid", "covid"),
    row("e", ("mass",), "covid", "covid"),
]


def test_accuracy_counts_the_films_whose_label_the_networks_know() -> None:
    first, second = (confusion(ROWS, panel(), place, repeats=50) for place in (0, 1))

    assert first
    assert second
    assert first.accuracy.value == pytest.approx(2 / 3)
    assert first.accuracy.n == 3
    assert first.accuracy.low <= first.accuracy.value <= first.accuracy.high
    assert first.films == {("covid", "covid"): ("a", "b"), ("normal", "covid"): ("c",)}
    assert second.films[("covid", "normal")] == ("a",)
    assert (first.labels, first.answers) == (("covid", "normal"), ("covid", "normal"))


def test_a_network_of_several_findings_is_right_about_all_of_them_or_wrong() -> None:
    both, none = row("a", ("covid", "normal"), "covid+normal", "covid"), row("b", (), "", "covid")

    assert [is_right(both, panel(several=True), place) for place in (0, 1)] == [True, False]
    assert [is_right(none, panel(several=True), place) for place in (0, 1)] == [True, False]
    assert is_right(both, panel(), 0) is None


def test_without_labels_there_is_no_matrix() -> None:
    assert confusion(ROWS[3:], panel(), 0) is None
