"""The what-if bench on Read and Trust: an edit, its answer, undo, another model, the log, the link."""

import pytest

from dashboard.what_if import what_if_link
from tests.dashboard.conftest import Desk

BLACK = "black@zone:right lung"


@pytest.fixture
def bench(desk: Desk) -> Desk:
    """A drawn chest on Read, with the bench open."""
    return desk.press("Opacity, right lung").toggle("What-if bench")


def edits(desk: Desk) -> tuple[str, ...]:
    key = desk.session.film_key
    return desk.session.what_if.edits.get(key, ()) if key else ()


def test_an_edit_moves_the_bars_and_undo_takes_it_back(bench: Desk) -> None:
    assert "No edit yet" in bench.html
    bench.choose("Edit", "black").choose("Where", "right lung").press("Apply")

    assert edits(bench) == (BLACK,)
    assert "Edits: Black out, right lung" in bench.html
    assert "densenet" not in bench.html
    assert "the answer " in bench.html
    assert "points" in bench.html  # of the bars, before and after
    assert len(bench.session.what_if.tried) == 1

    bench.press("Undo")
    assert edits(bench) == ()
    assert "No edit yet" in bench.html
    assert len(bench.session.what_if.tried) == 1  # the log stays


def test_an_edit_of_the_whole_film_needs_no_place(bench: Desk) -> None:
    bench.choose("Edit", "flip").press("Apply")

    assert [text.partition(":")[0] for text in edits(bench)] == ["flip"]


@pytest.mark.parametrize(
    ("question", "sign"),
    [("smallest", "The search is greedy"), ("sweep", "holds"), ("preprocessing", "Largest change")],
)
def test_each_further_question_is_answered(bench: Desk, question: str, sign: str) -> None:
    bench.session.what_if.name = "gamma"
    bench.session.what_if.search = question  # type: ignore[assignment]
    bench.run()

    assert not bench.errors
    assert sign in bench.html


def test_the_edits_travel_in_the_link(bench: Desk) -> None:
    bench.choose("Edit", "black").choose("Where", "right lung").press("Apply")
    assert bench.session.address["edit"] == [BLACK]

    other = Desk()
    for name, values in bench.session.address.items():
        other.app.query_params[name] = list(values)
    other.run()

    assert edits(other) == (BLACK,)
    assert "Edits: Black out, right lung" in other.html


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [(["no such edit"], "An edit of the link is not valid"), (["flip"] * 100, "more than a link can hold")],
)
def test_edits_that_cannot_be_restored_are_a_sentence(desk: Desk, texts: list[str], sentence: str) -> None:
    problems = what_if_link.restore(desk.session, {"film": ["abc"], "edit": texts})

    assert len(problems) == 1
    assert sentence in problems[0]
    assert not desk.session.what_if.edits
