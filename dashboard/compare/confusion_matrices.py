"""Accuracy of each model over labelled films, and confusion matrices whose cells open their films."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.compare.accuracy import Confusion, confusion
from core.compare.film_set import Comparison
from core.estimate import estimate_text
from core.models.findings import words
from dashboard import draw, markup
from dashboard.state import entered, session

_ROW = 35  # px


def draw_accuracy(comparison: Comparison, letters: Sequence[str]) -> None:
    """Accuracy with its interval, and a matrix per model; nothing without labels."""
    places = range(len(letters))
    known = [each for place in places if (each := confusion(comparison.films, comparison.panel, place))]
    if not known:
        return
    draw.section("Confusion matrices", f"{known[0].accuracy.n} films with labels. Click a cell for its films.")
    for letter, matrix, column in zip(letters, known, st.columns(len(letters), gap="large"), strict=True):
        with column:
            st.html(markup.paragraph(f"{letter}: accuracy {estimate_text(matrix.accuracy)}"))
            _matrix(letter, matrix)


def chosen_cell() -> None:
    """The cell whose films are listed, with a button that lists all; nothing while all are listed."""
    survey = session().film_set
    if not survey.within or survey.comparison is None:
        return
    total = len(survey.comparison.films)
    with st.container(horizontal=True, vertical_alignment="center", key="chosen cell"):
        st.html(markup.paragraph(f"Only {survey.cell}: {len(survey.within)} of {total} films."))
        st.button("List all films", type="tertiary", on_click=_choose, args=((), ""))


def _matrix(letter: str, matrix: Confusion) -> None:
    """Counts, a row per label and a column per answer."""
    head = f"Label ↓  {letter} says →"
    columns: dict[str, list[str] | list[int]] = {head: [words(label) for label in matrix.labels]}
    for answer in matrix.answers:
        columns[words(answer)] = [len(matrix.films.get((label, answer), ())) for label in matrix.labels]
    st.dataframe(
        columns,
        key=f"confusion {letter}",
        hide_index=True,
        height=_ROW * (len(matrix.labels) + 1) + 2,
        on_select=partial(_select, letter, matrix),
        selection_mode="single-cell",
        alt=f"Confusion matrix of {letter}: a row per label, a column per answer",
    )


def _select(letter: str, matrix: Confusion) -> None:
    cells = entered(f"confusion {letter}").selection.cells
    if not cells:
        return
    row, column = cells[0]
    label = matrix.labels[row]
    answer = next((each for each in matrix.answers if words(each) == column), None)
    if answer is not None:
        _choose(matrix.films.get((label, answer), ()), f"label {words(label)}, {letter} says {words(answer)}")


def _choose(films: tuple[str, ...], cell: str) -> None:
    survey = session().film_set
    survey.within, survey.cell = films, cell
