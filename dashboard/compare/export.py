"""The board as a picture and its figures as a table, made on request."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.compare.board import board_png
from core.compare.export import board_csv
from core.compare.tile import Tile
from core.report.figure import board_figure
from core.types import Explanation, Radiograph
from dashboard import draw
from dashboard.board_tile import BoardTile
from dashboard.cache import comparison_results
from dashboard.compare import tile_pair
from dashboard.file_names import stem
from dashboard.save_menu import figure_zip


def downloads(radiograph: Radiograph, tiles: Sequence[BoardTile], *, common: bool) -> None:
    """The download menu, for the tiles whose maps are ready.

    common: whether the maps are drawn on one scale.
    """
    answers = tuple(answer for placed in tiles if (answer := placed.answer))
    chosen = tile_pair.selected_pair(tiles)
    one, other = (chosen[0].answer, chosen[1].answer) if chosen else (None, None)
    difference = tile_pair.difference_of(radiograph, one, other) if one and other else None

    name = f"{stem(radiograph)}-compared"
    with st.popover("Save", icon=":material/download:", type="tertiary", key="save board"):
        draw.download(
            "Board",
            partial(_png, radiograph, answers, difference, common),
            f"{name}.png",
            help="All maps over the film, with colour bars, summary and notice (PNG)",
            disabled=not answers,
        )
        draw.download(
            "Figure for a paper",
            partial(_figure, radiograph, answers, difference, common),
            f"{name}-figure.zip",
            help="The maps for a paper: vector PDF, PNG at 300 dpi, text of the caption",
            disabled=not answers,
        )
        draw.download(
            "Figures",
            partial(_csv, radiograph, answers),
            f"{name}.csv",
            help="Probabilities, position of each map and agreement of each pair, one figure per row (CSV)",
            disabled=not answers,
        )


def _figure(radiograph: Radiograph, answers: tuple[Tile, ...], difference: Explanation | None, common: bool) -> bytes:
    figure = board_figure(radiograph, answers, difference=difference, common=common)
    return figure_zip(figure, f"{stem(radiograph)}-figure")


def _png(radiograph: Radiograph, answers: tuple[Tile, ...], difference: Explanation | None, common: bool) -> bytes:
    words = comparison_results.disagreements(radiograph, answers).text
    return board_png(radiograph, answers, difference=difference, words=words, common=common)


def _csv(radiograph: Radiograph, answers: tuple[Tile, ...]) -> bytes:
    return board_csv(radiograph, answers, words=comparison_results.disagreements(radiograph, answers)).encode()
