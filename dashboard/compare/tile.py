"""One tile of the board: its menus, the film with the map, the probabilities, and the caveat of the map."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.explain.export import source_line
from core.overlay import caption
from core.types import Radiograph
from dashboard import draw, film_panel, markup, progress
from dashboard.board_tile import BoardTile, caveat_of
from dashboard.compare import board
from dashboard.compare.tile_menus import menus
from dashboard.compare.tile_probabilities import probability_rows
from dashboard.viewer import viewer

LINK = "compare"  # between all panes of the board


def draw_tile(radiograph: Radiograph, placed: BoardTile, tiles: Sequence[BoardTile], *, scale: float | None) -> None:
    """Draws the tile; `scale`: the common one, None for the map's own."""
    with st.container(key=f"tile {placed.place}", gap="xsmall"):
        with st.container(key=f"head {placed.place}", horizontal=True, wrap=False, gap="xsmall"):
            menus(placed)
            st.button(
                "",
                key=f"remove tile {placed.place}",
                icon=":material/close:",
                type="tertiary",
                help=f"Remove {placed.letter}",
                on_click=board.remove,
                args=(placed.place,),
                disabled=len(tiles) < 2,
            )
        with st.container(key=f"pane of {placed.place}"):
            _pane(radiograph, placed, scale=scale)
            _busy(radiograph, placed)
        with st.container(key=f"foot {placed.place}", gap="xsmall"):
            st.html(probability_rows(placed, tiles) or markup.paragraph(""))
            _caveat(radiograph, placed)


def _pane(radiograph: Radiograph, placed: BoardTile, *, scale: float | None) -> None:
    explanation, key = placed.explanation, f"pane {placed.place}"
    if explanation is None:
        note = placed.missing or "The map is being computed."
        viewer(radiograph, key=key, note=note, link=LINK, compact=True)
        return
    outdated, source = bool(placed.pending), ""
    if placed.checkpoint and placed.prediction:
        source = source_line(placed.checkpoint, placed.prediction, explanation.finding)
    words = f"{'Previous map: ' if outdated else ''}{caption(explanation)}"
    withheld = "Hidden because of its caveat. You can show it anyway." if placed.hidden else ""
    viewer(
        radiograph,
        [explanation],
        key=key,
        captions=[words],
        source=source,
        scale=scale,
        withheld=withheld,
        link=LINK,
        compact=True,
        outdated=outdated,
    )


def _busy(radiograph: Radiograph, placed: BoardTile) -> None:
    """Progress, time left and Cancel in the pane while its map is computed."""
    with st.container(key=f"state {placed.place}", horizontal=True, vertical_alignment="center", gap="small"):
        if placed.pending:
            progress.busy(
                placed.pending,
                placed.pending_name,
                key=str(placed.place),
                withdraw=partial(board.cancel, placed.place),
                stopped=partial(board.stopped, placed.place),
                then=partial(_next, radiograph, placed.place),
                help="Restores the previous map; removes the tile if there was none",
            )
        else:
            for _ in range(2):
                st.empty()  # otherwise the progress would cover the map until the run ends


def _caveat(radiograph: Radiograph, placed: BoardTile) -> None:
    """The caveat of the map, and the switch that shows it anyway; or why the map differs from the requested one."""
    with st.container(key=f"caveat {placed.place}", horizontal=True, vertical_alignment="center", gap="small"):
        map_ = placed.explanation
        if map_ and map_.caveat and not map_.void and not placed.pending:
            st.html(markup.status(map_.caveat, level="warning"))
            caveat = caveat_of(map_)
            draw.switch(
                "Show anyway",
                not placed.hidden,
                lambda here, visible: here.reveal(caveat, visible),
                at=f"tile {placed.place}",
            )
        elif placed.withheld:
            st.html(markup.status("Answer withheld.", level="warning"))
            film_panel.show_anyway(radiograph, at=f"tile {placed.place}")
        elif placed.substitution and not placed.pending:
            st.html(markup.status(placed.substitution, level="note"))
            st.empty()
        else:
            for _ in range(2):
                st.empty()  # otherwise the earlier text would remain while another map is computed


def _next(radiograph: Radiograph, place: int) -> progress.Step | None:
    """The next step that the tile waits for."""
    tile = board.look_again(radiograph, place)
    return progress.Step(tile.pending, tile.pending_name) if tile.pending else None
