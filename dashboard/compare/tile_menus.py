"""The name of a tile, which opens the menus that change it."""

from collections.abc import Callable, Container
from functools import partial

import streamlit as st

from core.errors import UserError
from core.explain.method import methods
from core.models.findings import words
from core.types import FUSED
from dashboard import draw, markup, selection
from dashboard.board_tile import BoardTile
from dashboard.cache import model_files, networks
from dashboard.compare import board
from dashboard.compare.board import Field
from dashboard.engine import same
from dashboard.method_menu import method_menu
from dashboard.state import Session

_AS_SIDEBAR = "as in the sidebar"
_LAST = "the last"


def menus(placed: BoardTile) -> None:
    """Model, method, finding and stage, in a popover behind the tile's name."""
    label = f"**{placed.letter}**  {draw.plain(placed.title)}"
    with st.popover(label, key=f"menus {placed.place}", type="tertiary", width="stretch", wrap=False):
        at, tile = f"tile {placed.place}", placed.request
        names = model_files.names()
        models = names if tile.checkpoint in names else [tile.checkpoint, *names]
        draw.select("Model", models, tile.checkpoint, _field(placed, "checkpoint", models), at=at)
        with st.container(key=f"menu {at}", gap=None):
            st.html(markup.label("Method"))
            reasons = selection.refusals(placed.checkpoint) if placed.checkpoint and placed.prediction else {}
            method_menu(placed.method, reasons, _field(placed, "method", methods), key=f"method {at}")
        if placed.checkpoint:
            findings = [_AS_SIDEBAR, *placed.checkpoint.findings]
            known = same(tile.finding, placed.checkpoint) if tile.finding else None
            field = _field(placed, "finding", findings)
            draw.select("Finding", findings, known or _AS_SIDEBAR, field, at=at, words=words)
        if placed.sizes and placed.method.layered:
            _stage(placed, dict(placed.sizes), at=at)


def _stage(placed: BoardTile, sizes: dict[str, tuple[int, int]], *, at: str) -> None:
    """The last stage that fits, each single stage, and all that fit fused into one map."""
    wanted = placed.request.layer
    fit = list(sizes) if not placed.checkpoint or placed.pending else _fitting(placed)
    several = [FUSED.join(fit)] if len(fit) > 1 else []
    own = [wanted] if wanted and wanted not in (*sizes, *several) else []

    def title(stage: str) -> str:
        if stage == _LAST:
            return f"the last · {fit[-1]}" if fit else "the last"
        if FUSED in stage:
            return "all stages, fused" if stage in several else stage.replace(FUSED, " + ")
        if stage not in sizes:
            return f"{stage} · not in this model"
        return f"{stage} · {sizes[stage][0]} × {sizes[stage][1]}" if stage in fit else f"{stage} · no map"

    stages = [_LAST, *sizes, *several, *own]
    draw.select("Stage", stages, wanted or _LAST, _field(placed, "layer", stages), at=at, words=title)


def _fitting(placed: BoardTile) -> list[str]:
    try:
        return networks.fitting(placed.checkpoint, placed.method.name) if placed.checkpoint else []
    except UserError:  # the tile itself reports it
        return []


def _field(placed: BoardTile, field: Field, known: Container[str]) -> Callable[[Session, str], None]:
    """Stores the choice in the tile."""
    return partial(_change, placed.place, field, known)


def _change(place: int, field: Field, known: Container[str], here: Session, value: str) -> None:
    if value in known:  # otherwise it is an entry of the menu for an earlier model
        board.change(place, field, None if value in (_AS_SIDEBAR, _LAST) else value)
