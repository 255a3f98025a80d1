"""Similarity of the stages of two networks; on request, since it runs both."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.compare.cka import FEWEST, Likeness
from core.types import Checkpoint, Radiograph
from dashboard import draw, markup, progress
from dashboard.board_tile import BoardTile
from dashboard.cache import comparison_results
from dashboard.compare.tile_pair import selected_pair
from dashboard.state import session

_PATIENCE = 0.05  # s
_ALIKE, _OTHER = 0.8, 0.5  # CKA of the last stages: alike from the first on, different below the second


def section(radiograph: Radiograph, tiles: Sequence[BoardTile]) -> None:
    """The section; nothing if the two chosen tiles share a model, or one of them is not loaded."""
    pair = selected_pair(tiles)
    if pair is None or not (pair[0].prediction and pair[1].prediction):
        st.empty()
        return
    first, second = pair[0].checkpoint, pair[1].checkpoint
    if first is None or second is None or first.key == second.key:
        st.empty()  # otherwise the result of another pair would remain while a map is computed
        return
    letters = (pair[0].letter, pair[1].letter)
    with st.container(key="stages of two", gap="xsmall"):
        draw.section(f"Similarity of the stages of {letters[0]} and {letters[1]}", "linear CKA")
        with draw.errors():
            _answer(first, second, radiograph, letters)


def _answer(first: Checkpoint, second: Checkpoint, radiograph: Radiograph, letters: tuple[str, str]) -> None:
    films = _films(radiograph)
    name = (first.key, second.key)
    if name not in session().board.alike:
        st.html(markup.paragraph(_offer(len(films)), quiet=True))
        st.button("Compare the stages", icon=":material/layers:", on_click=session().board.alike.add, args=(name,))
        return
    withdraw = partial(session().board.alike.discard, name)
    with comparison_results.stage_similarity(
        first, second, films, tuple(session().cleaning(film.key) for film in films)
    ) as request:
        if progress.is_ready(request, "Stages", key="stages", withdraw=withdraw, patience=_PATIENCE):
            with st.container(key="stages result", gap="xsmall"):
                _table(request.answer(), letters)


def _table(likeness: Likeness, letters: tuple[str, str]) -> None:
    """The stages of one against those of the other, and a summary."""
    rows = [f"{letters[0]} · {stage}" for stage in likeness.first]
    columns = [f"{letters[1]} · {stage}" for stage in likeness.second]
    values = [[float(value) for value in row] for row in likeness.values]
    st.html(markup.shaded(rows, columns, values, label="Linear CKA of the stages", shade=_share))
    st.html(markup.paragraph(summary(likeness, letters)))


def summary(likeness: Likeness, letters: tuple[str, str]) -> str:
    """The table in two sentences."""
    last = float(likeness.values[-1, -1])
    how = "are very similar" if last >= _ALIKE else "differ" if last < _OTHER else "are moderately similar"
    best = [int(row) for row in likeness.values.argmax(axis=1)]
    same = sum(place == row for row, place in enumerate(best))
    shared = f"{same} of {len(best)} stages of {letters[0]} are most similar to that of {letters[1]} at the same depth."
    matching = shared if len(likeness.first) == len(likeness.second) else ""
    return f"Over {likeness.over} the last stages {how} ({last:.2f}; 1 means identical). {matching}".strip()


def _films(radiograph: Radiograph) -> tuple[Radiograph, ...]:
    """All open films if there are enough, else this one."""
    here = session()
    if len(here.radiographs) >= FEWEST:
        return tuple(here.radiographs.values())
    return (radiograph,)


def _offer(films: int) -> str:
    if films >= FEWEST:
        return f"How similarly the two networks represent the {films} open films, stage by stage."
    return (
        f"How similarly the two networks represent this film, stage by stage. With {FEWEST} or more open films it is "
        "measured over those."
    )


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
