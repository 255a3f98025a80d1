"""How far the maps of a board agree: in a sentence above it, in a table of all pairs below."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.compare.map_agreement import TITLES
from core.compare.sentences import headline
from core.compare.tile import Tile
from core.types import Radiograph
from dashboard import draw, markup
from dashboard.board_tile import BoardTile
from dashboard.bound_field import BoundField
from dashboard.cache import comparison_results
from dashboard.compare.tile_pair import selected_pair
from dashboard.state import session

_FEW = 3  # maps that one sentence can describe; beyond that it describes the chosen two
_LESS = ("distance_px", "distance_mm")  # figures where lower means more similar


def words(radiograph: Radiograph, tiles: Sequence[BoardTile]) -> None:
    """The findings of all networks and where the maps look; keeps its place until the maps are ready."""
    pair = selected_pair(tiles)
    described = tiles if len(tiles) <= _FEW or pair is None else pair
    answers = [placed.answer for placed in described]
    with st.container(key=f"summary of {len(described)}"):
        present = [answer for answer in answers if answer]
        if len(present) < len(answers) or not present:
            broken = " ".join(
                f"The answer of {placed.letter} is withheld." if placed.withheld else f"{placed.letter} has no map."
                for placed in described
                if placed.missing
            )
            coming = any(placed.pending for placed in described)
            st.html(markup.highlight(broken or "Agreement is shown once the maps are ready." * coming, quiet=True))
        else:
            _words(radiograph, tuple(present), tuple(placed.answer for placed in tiles if placed.answer))


@st.fragment(parallel=True)
def _words(radiograph: Radiograph, answers: tuple[Tile, ...], board: tuple[Tile, ...]) -> None:
    some = len(answers) < len(board)
    with draw.errors():
        sentences = comparison_results.disagreements(radiograph, answers, named=some)
        says = headline(board, explained=answers) if some else sentences.says
        st.html(markup.highlight(says, sentences.looks, f"{sentences.shared} {sentences.notes}".strip()))


def table(radiograph: Radiograph, tiles: Sequence[BoardTile]) -> None:
    """One figure for every pair of tiles; nothing for two tiles, whose figures stand below the difference map."""
    answers = [placed.answer for placed in tiles]
    present = [answer for answer in answers if answer]
    if len(tiles) < 3 or len(present) < 2:
        st.empty()  # otherwise the table of another board would remain while a map is computed
        return
    with st.container(key="pairs of all", gap="xsmall"):
        with st.container(key="pairs head", horizontal=True, vertical_alignment="center", gap="small"):
            draw.section("Agreement between maps")
            offered = [name for name in TITLES if name != "distance_mm" or radiograph.spacing]
            now = session().board.figure
            now = now if now in offered else offered[0]
            draw.select(
                "Figure", offered, now, BoundField("board.figure"), at="pairs", words=_title, hidden=True, width=280
            )
        _table(radiograph, tuple(present), now)


@st.fragment(parallel=True)
def _table(radiograph: Radiograph, answers: tuple[Tile, ...], figure: str) -> None:
    names = tuple(answer.name for answer in answers)
    with draw.errors():
        matrix = comparison_results.agreements(radiograph, tuple(answer.explanation for answer in answers), names)
        values = [[cell.figures()[figure] for cell in row] for row in matrix]
        notes = dict.fromkeys(note for row in matrix for cell in row for note in cell.notes)
        st.html(markup.shaded(names, names, values, label=_title(figure), shade=partial(_share, figure), own=True))
        st.html(markup.paragraph(" ".join(notes), quiet=True))


def _share(figure: str, value: float) -> float:
    return 0.0 if figure in _LESS else min(max(value, 0.0), 1.0)


def _title(figure: str) -> str:
    return TITLES[figure][:1].upper() + TITLES[figure][1:]
