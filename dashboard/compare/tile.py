"""One tile of the board: which map it is, the film with it, what the model says, and what must be known of the map."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.overlay import caption
from core.types import Radiograph
from dashboard import draw, markup, progress, selection
from dashboard.compare import board
from dashboard.compare.board import BoardTile
from dashboard.compare.tile_menus import menus
from dashboard.compare.tile_probabilities import said
from dashboard.state import Session, bind, breathe
from dashboard.viewer import viewer

LINK = "compare"  # between all panes of the board
_EVERY = 0.2  # s between two looks at how far it is


def draw_tile(
    radiograph: Radiograph, placed: BoardTile, tiles: Sequence[BoardTile], *, height: int, scale: float | None
) -> None:
    """The whole tile; `scale` is the common one, None for the map's own."""
    with st.container(key=f"tile {placed.place}", gap="xsmall"):
        with st.container(key=f"head {placed.place}", horizontal=True, wrap=False, gap="xsmall"):
            menus(placed)
            st.button(
                "",
                key=f"remove tile {placed.place}",
                icon=":material/close:",
                type="tertiary",
                help=f"Take {placed.letter} off the board",
                on_click=board.remove,
                args=(placed.place,),
                disabled=len(tiles) < 2,
            )
        _pane(radiograph, placed, height=height, scale=scale)
        with st.container(key=f"foot {placed.place}", gap="xsmall"):
            st.html(said(placed, tiles) or markup.paragraph(""))
            _status(radiograph, placed)


def _pane(radiograph: Radiograph, placed: BoardTile, *, height: int, scale: float | None) -> None:
    explanation, key = placed.explanation, f"pane {placed.place}"
    if explanation is None:
        note = placed.missing or "The map is on its way."
        viewer(radiograph, key=key, note=note, height=height, link=LINK, compact=True)
        return
    words = caption(explanation) + (" · still the map before" if placed.asked else "")
    withheld = "Hidden because of its caveat. It can be shown all the same." if placed.hidden else ""
    viewer(
        radiograph,
        [explanation],
        key=key,
        captions=[words],
        scale=scale,
        height=height,
        withheld=withheld,
        link=LINK,
        compact=True,
    )


def _status(radiograph: Radiograph, placed: BoardTile) -> None:
    """Progress and a way out while the map is on its way; else what must be known of it."""
    with st.container(key=f"state {placed.place}", horizontal=True, vertical_alignment="center", gap="small"):
        map_ = placed.explanation
        if placed.asked:
            _coming(radiograph, placed)
            st.button(
                "Cancel",
                key=f"cancel {placed.place}",
                icon=":material/close:",
                type="tertiary",
                help="Back to the map before; a tile that had none goes",
                on_click=board.cancel,
                args=(placed.place,),
            )
        elif map_ and map_.caveat and not map_.void:
            st.html(markup.status(map_.caveat, level="warning"))
            key = bind(f"reveal {placed.place}", not placed.hidden)
            keep = partial(_reveal, selection.revealable(map_))
            st.toggle("Show it all the same", key=key, on_change=draw.kept, args=(key, keep))
        elif placed.instead:
            st.html(markup.status(placed.instead, level="note"))
            st.empty()
        else:
            for _ in range(2):
                st.empty()  # or what stood here before would linger while another map is on its way


@st.fragment(parallel=True)
def _coming(radiograph: Radiograph, placed: BoardTile) -> None:
    """How far the map is, until it is there and the board is drawn with it. Ends with the run that began it."""
    place = st.empty()
    while placed.asked:
        with placed.asked:
            tell, before = progress.tells(place, placed.doing), ""
            while not before or not placed.asked.wait(_EVERY):
                breathe()
                if before != (before := progress.words(placed.asked, placed.doing)):
                    tell(placed.asked)  # nine tiles that wait would else keep the server busy
        placed = board.look_again(radiograph, placed.place)
    st.rerun()


def _reveal(caveat: tuple[str, ...], here: Session, shown: bool) -> None:
    (here.revealed_maps.add if shown else here.revealed_maps.discard)(caveat)
