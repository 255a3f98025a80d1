"""Two chosen tiles: their signed difference as an additional pane, and how far they agree."""

from collections.abc import Sequence
from functools import partial
from math import isnan

import streamlit as st

from core.compare.map_agreement import OF_PEAKS, Agreement, Scale, difference
from core.compare.tile import Tile
from core.overlay import caption
from core.types import Explanation, Radiograph
from dashboard import draw, markup
from dashboard.board_tile import BoardTile
from dashboard.bound_field import BoundField
from dashboard.cache import comparison_results
from dashboard.compare.tile import LINK
from dashboard.state import Session, session
from dashboard.viewer import viewer

_ROWS = {  # Agreement.figures -> title and format below the difference map
    "spearman": ("Rank correlation", "{:.2f}"),
    "ssim": ("Structural similarity (SSIM)", "{:.2f}"),
    "overlap_10": ("Overlap of the hottest 10 %", "{:.0%}"),
    "shared": ("Heat in common", "{:.0%}"),
}


def selected_pair(tiles: Sequence[BoardTile]) -> tuple[BoardTile, BoardTile] | None:
    """The two compared tiles; None if the board has only one."""
    if len(tiles) < 2:
        return None
    places = session().board.pair
    if places and places[0] != places[1] and max(places) < len(tiles):
        return tiles[places[0]], tiles[places[1]]
    first, second, *_ = sorted(tiles, key=lambda placed: bool(placed.missing))  # those without a map last
    return first, second


def draw_pair(radiograph: Radiograph, tiles: Sequence[BoardTile]) -> None:
    """The pane of the difference, with menus behind its name and figures below."""
    pair = selected_pair(tiles)
    if pair is None:
        return
    first, second = pair
    one, other = first.answer, second.answer
    map_ = difference_of(radiograph, one, other) if one and other else None
    with st.container(key="tile difference", gap="xsmall"):
        with st.container(key="head difference", horizontal=True, wrap=False, gap="xsmall"):
            _menus(tiles, first, second, map_)
        _pane(radiograph, first, second, map_)
        with st.container(key="foot difference", gap="xsmall"):
            if one and other:
                _figures(radiograph, one, other)
            else:
                st.html(markup.paragraph("Agreement is measured once both maps are ready.", quiet=True))


def difference_of(radiograph: Radiograph, one: Tile, other: Tile) -> Explanation:
    """The signed difference of the two, on the scale chosen by the person."""
    scale: Scale = "peak" if session().board.peaks else "raw"
    names = (one.name, other.name)
    return difference(radiograph, one.explanation, other.explanation, scale=scale, names=names)


def _menus(tiles: Sequence[BoardTile], first: BoardTile, second: BoardTile, map_: Explanation | None) -> None:
    label = f"**{first.letter} − {second.letter}**  orange: more in {first.letter}, blue: more in {second.letter}"
    with st.popover(label, key="menus difference", type="tertiary", width="stretch", wrap=False):
        for name, side, now in (("First", 0, first), ("Second", 1, second)):
            places = [placed.place for placed in tiles]
            draw.select(
                name,
                places,
                now.place,
                partial(_choose, side, (first.place, second.place)),
                at="difference",
                words=lambda place: f"{tiles[place].letter} · {tiles[place].title}",
            )
        forced = map_ is not None and map_.unit == OF_PEAKS and not session().board.peaks
        st.toggle(
            "Each map as a share of its own peak",
            **BoundField("board.peaks").widget(value=session().board.peaks or forced),
            disabled=forced,
            help="Compares where the maps are hot, not how hot; needed for maps in different units.",
        )


def _pane(radiograph: Radiograph, first: BoardTile, second: BoardTile, map_: Explanation | None) -> None:
    if map_ is None:
        missing = [placed.letter for placed in (first, second) if placed.missing]
        note = f"{' and '.join(missing)} has no map." if missing else "Drawn once both maps are ready."
        viewer(radiograph, key="pane difference", note=note, link=LINK, compact=True)
        return
    hidden = [placed.letter for placed in (first, second) if placed.hidden]
    viewer(
        radiograph,
        [map_],
        key="pane difference",
        captions=[caption(map_)],
        withheld=f"Hidden while {' and '.join(hidden)} is hidden." if hidden else "",
        link=LINK,
        compact=True,
    )


@st.fragment(parallel=True)
def _figures(radiograph: Radiograph, one: Tile, other: Tile) -> None:
    names = (one.name, other.name)
    agreement = comparison_results.agreements(radiograph, (one.explanation, other.explanation), names)[0][1]
    pairs = [(title, figure_text(agreement, name, form)) for name, (title, form) in _ROWS.items()]
    pairs.append(("Distance between maxima", distance(agreement)))
    st.html(markup.facts([pair for pair in pairs if pair[1]]) + markup.paragraph(" ".join(agreement.notes), quiet=True))


def figure_text(agreement: Agreement, name: str, form: str) -> str:
    """The figure as text; a dash if there is none."""
    value = agreement.figures()[name]
    return "–" if isnan(value) else form.format(value).replace("-", "−").replace("%", " %")


def distance(agreement: Agreement) -> str:
    """The distance in mm if the film's spacing is known, else in pixels; a dash if there is none."""
    if not isnan(agreement.distance_mm):
        return f"{agreement.distance_mm:.0f} mm"
    return "–" if isnan(agreement.distance_px) else f"{agreement.distance_px:.0f} px"


def _choose(side: int, pair: tuple[int, int], here: Session, place: int | str) -> None:
    """Sets one side of the pair; if both sides would be the same tile, they swap."""
    if not isinstance(place, int):
        return  # an entry of the menu from before the tiles were renamed
    changed = [*pair]
    if place == pair[1 - side]:
        changed[1 - side] = pair[side]
    changed[side] = place
    here.board.pair = (changed[0], changed[1])
