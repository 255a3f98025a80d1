"""The board of one film: presets, summary, one bar of controls, the tiles, and the difference of two."""

import math
from collections.abc import Sequence

import streamlit as st

from core.overlay import absence, common_end
from core.types import Radiograph
from dashboard import draw, link, markup
from dashboard.board_tile import BoardTile
from dashboard.bound_field import BoundField, widget
from dashboard.compare import agreement, board, export, presets, stage_similarity, tile_pair
from dashboard.compare.tile import LINK, draw_tile
from dashboard.state import Session, session
from dashboard.viewer import controls


def part(radiograph: Radiograph) -> None:
    """The whole part of the page for this film."""
    tiles = board.look(radiograph)
    scale, refused = _scale(tiles)
    with st.container(key="compare", gap="small"):
        _notes(refused)
        with st.container(key="board head", horizontal=True, vertical_alignment="center", gap="small"):
            agreement.words(radiograph, tiles)
            with st.container(
                key="board actions", horizontal=True, vertical_alignment="center", gap="small", wrap=False
            ):
                draw.switch("Same scale", session().common_scale, BoundField("common_scale"))
                export.downloads(radiograph, tiles, common=scale is not None)
                link.button()
        with st.container(key="board controls"):
            controls(LINK, key="compare controls")
        _grid(len(tiles))
        with st.container(key="board"):
            for placed in tiles:
                draw_tile(radiograph, placed, tiles, scale=scale)
            tile_pair.draw_pair(radiograph, tiles)
            with st.container(key="pairs", gap="medium"):
                agreement.table(radiograph, tiles)
                stage_similarity.section(radiograph, tiles)


def _grid(count: int) -> None:
    """Rows and columns of the tiles when they are presented on one screen."""
    columns = count if count < 4 else math.ceil(count / 2)
    st.html(f"<style>.st-key-board {{ --columns: {columns}; --rows: {math.ceil(count / columns)}; }}</style>")


def tools() -> None:
    """Presets, and the button that adds a tile."""
    st.pills(
        "Boards",
        presets.offered(),
        **widget("preset", board.preset(), _choose),
        label_visibility="collapsed",
    )
    st.button(
        "Add a map",
        icon=":material/add:",
        type="tertiary",
        help="Adds a copy of the last tile, which you can then change",
        on_click=board.add,
        disabled=len(board.tiles()) >= presets.MOST,
    )


def _notes(refused: str) -> None:
    """What a preset's board shows, and why there is no common scale; always in its own place, even if empty."""
    now, place = board.preset(), st.empty()
    if notes := " ".join(part for part in (presets.about(now) if now else "", refused) if part):
        place.html(markup.paragraph(notes, quiet=True))


def _scale(tiles: Sequence[BoardTile]) -> tuple[float | None, str]:
    """The value at the end of all colour maps, and why there is none if one was requested."""
    if not session().common_scale:
        return None, ""
    maps = [placed.explanation for placed in tiles if placed.explanation]
    units = sorted({map_.unit for map_ in maps if absence(map_) is None})
    if len(units) > 1:
        return None, f"No common scale: the maps are in {', '.join(units)}. Each keeps its own."
    return common_end(maps), ""


def _choose(here: Session, name: str | None) -> None:
    if name:
        board.choose(name)
