"""How far the maps of a board agree: in a sentence above it, in a table of all pairs below."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from math import isnan

import streamlit as st

from core.compare.map_agreement import TITLES
from core.compare.sentences import headline
from core.compare.tile import Tile
from core.types import Radiograph
from dashboard import cache, draw, markup
from dashboard.compare.board import BoardTile
from dashboard.compare.tile_pair import chosen
from dashboard.state import Session, session

_FEW = 3  # tiles of whose maps one sentence can tell; of more it tells of the chosen two
_LESS = ("distance_px", "distance_mm")  # figures of which less means more alike
_SHADE = 0.55  # of the accent, behind a figure of 1


def words(radiograph: Radiograph, tiles: Sequence[BoardTile]) -> None:
    """What all networks say and where the maps look, highlighted; its room is kept until the maps are there."""
    pair = chosen(tiles)
    told = tiles if len(tiles) <= _FEW or pair is None else pair
    answers = [placed.answer for placed in told]
    with st.container(key=f"told of {len(told)}"):
        found = [answer for answer in answers if answer]
        if len(found) < len(answers) or not found:
            broken = " ".join(f"{placed.letter} has no map." for placed in told if placed.missing)
            coming = any(placed.asked for placed in told)
            st.html(box(broken or "Where the maps agree is told when they are there." * coming, quiet=True))
        else:
            _words(radiograph, tuple(found), tuple(placed.answer for placed in tiles if placed.answer))


@st.fragment(parallel=True)
def _words(radiograph: Radiograph, answers: tuple[Tile, ...], board: tuple[Tile, ...]) -> None:
    some = len(answers) < len(board)
    with draw.shown():
        found = cache.told(radiograph, answers, named=some)
        says = headline(board, explained=answers) if some else found.says
        st.html(box(says, found.looks, f"{found.shared} {found.notes}".strip()))


def box(*parts: str, quiet: bool = False) -> str:
    """What matters most on the page, in sentences; the first in bold where there are several."""
    lines = "".join(f"<span>{escape(part)}</span> " for part in parts if part)
    return f'<p class="lb-told{" lb-quiet" if quiet else ""}" role="status">{lines}</p>'


def table(radiograph: Radiograph, tiles: Sequence[BoardTile]) -> None:
    """One figure for every pair of tiles; nothing on a board of two, whose one pair is told beside it."""
    answers = [placed.answer for placed in tiles]
    found = [answer for answer in answers if answer]
    if len(tiles) < 3 or len(found) < 2:
        st.empty()  # or the table of another board would linger while a map is on its way
        return
    with st.container(key="pairs of all", gap="xsmall"):
        with st.container(key="pairs head", horizontal=True, vertical_alignment="center", gap="small"):
            draw.section("How far the maps agree")
            offered = [name for name in TITLES if name != "distance_mm" or radiograph.spacing]
            now = session().board.figure
            now = now if now in offered else offered[0]
            draw.select("Figure", offered, now, _keep, at="pairs", words=_title, hidden=True, width=280)
        _table(radiograph, tuple(found), now)


@st.fragment(parallel=True)
def _table(radiograph: Radiograph, answers: tuple[Tile, ...], figure: str) -> None:
    names = tuple(answer.name for answer in answers)
    with draw.shown():
        matrix = cache.agreements(radiograph, tuple(answer.explanation for answer in answers), names)
        values = [[cell.figures()[figure] for cell in row] for row in matrix]
        notes = dict.fromkeys(note for row in matrix for cell in row for note in cell.notes)
        st.html(shaded(names, names, values, label=_title(figure), shade=partial(_share, figure), own=True))
        st.html(markup.paragraph(" ".join(notes), quiet=True))


def shaded(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    *,
    label: str,
    shade: Callable[[float], float],
    own: bool = False,
) -> str:
    """A table of figures, the higher the stronger its ground; as HTML.

    shade: value -> 0 to 1. own: whether the row and the column of a place are the same thing: that cell is empty.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)

    def cell(value: float, *, empty: bool) -> str:
        if empty or isnan(value):
            return f"<td>{'' if empty else '–'}</td>"
        ground = f"background:color-mix(in srgb, var(--lb-accent) {100 * _SHADE * shade(value):.0f}%, transparent)"
        return f'<td style="{ground}">{_number(value)}</td>'

    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(cell(value, empty=own and x == y) for x, value in enumerate(row))
        + "</tr>"
        for y, (name, row) in enumerate(zip(rows, values, strict=True))
    )
    return (
        f'<div class="lb-scroll" tabindex="0"><table class="lb-pairs" aria-label="{escape(label)}">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _share(figure: str, value: float) -> float:
    return 0.0 if figure in _LESS else min(max(value, 0.0), 1.0)


def _number(value: float) -> str:
    return (f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}").replace("-", "−")


def _title(figure: str) -> str:
    return TITLES[figure][:1].upper() + TITLES[figure][1:]


def _keep(here: Session, figure: str) -> None:
    here.board.figure = figure
