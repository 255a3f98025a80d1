"""The board as a picture, a report and a table, made on request."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.compare.board import Board, board_png
from core.compare.export import board_csv
from core.compare.tile import Tile
from core.report.blocks import Report
from core.report.content import report_of
from core.report.figure import board_figure
from core.report.html import report_html
from core.report.pdf import report_pdf
from core.types import Explanation, Radiograph
from dashboard import draw
from dashboard.board_tile import BoardTile
from dashboard.cache import comparison_results
from dashboard.compare import tile_pair
from dashboard.file_names import stem
from dashboard.save_menu import case_for_export, deidentify_switch, figure_zip, film_for_export
from dashboard.state import Session, session


def downloads(radiograph: Radiograph, tiles: Sequence[BoardTile], *, common: bool) -> None:
    """The download menu, for the tiles whose maps are ready.

    common: whether the maps are drawn on one scale.
    """
    here = session()
    answers = tuple(answer for placed in tiles if (answer := placed.answer))
    chosen = tile_pair.selected_pair(tiles)
    one, other = (chosen[0].answer, chosen[1].answer) if chosen else (None, None)
    difference = tile_pair.difference_of(radiograph, one, other) if one and other else None
    with st.popover("Save", icon=":material/download:", type="tertiary", key="save board"):
        deidentify_switch(radiograph, here.cleaning(radiograph.key), here)
        film = film_for_export(radiograph, here)
        name = f"{stem(film)}-compared"
        for label, make, file, help in (
            (
                "Board",
                partial(_png, film, answers, difference, common),
                f"{name}.png",
                "All maps over the film, with colour bars, summary and notice (PNG)",
            ),
            (
                "Report (PDF)",
                partial(_pdf, radiograph, answers, here),
                f"{name}.pdf",
                "One page in plain language on the first map, then all maps and details",
            ),
            (
                "Report (web page)",
                partial(_html, radiograph, answers, here),
                f"{name}.html",
                "The same as one file that opens offline",
            ),
            (
                "Figure for a paper",
                partial(_figure, film, answers, difference, common),
                f"{name}-figure.zip",
                "The maps for a paper: vector PDF, PNG at 300 dpi, text of the caption",
            ),
            (
                "Values (CSV)",
                partial(_csv, film, answers),
                f"{name}.csv",
                "Probabilities, position of each map and agreement of each pair, one value per row",
            ),
        ):
            draw.download(label, make, file, help=help, disabled=not answers)


def _report(radiograph: Radiograph, answers: tuple[Tile, ...], here: Session) -> Report:
    """The report of the first map, with all maps of the board."""
    words = comparison_results.disagreements(radiograph, answers).text
    case = case_for_export(radiograph, answers[0], here)
    return report_of(replace(case, compared=Board(case.radiograph, answers, words)))


def _pdf(radiograph: Radiograph, answers: tuple[Tile, ...], here: Session) -> bytes:
    return report_pdf(_report(radiograph, answers, here))


def _html(radiograph: Radiograph, answers: tuple[Tile, ...], here: Session) -> bytes:
    return report_html(_report(radiograph, answers, here))


def _figure(radiograph: Radiograph, answers: tuple[Tile, ...], difference: Explanation | None, common: bool) -> bytes:
    figure = board_figure(radiograph, answers, difference=difference, common=common)
    return figure_zip(figure, f"{stem(radiograph)}-figure")


def _png(radiograph: Radiograph, answers: tuple[Tile, ...], difference: Explanation | None, common: bool) -> bytes:
    words = comparison_results.disagreements(radiograph, answers).text
    return board_png(radiograph, answers, difference=difference, words=words, common=common)


def _csv(radiograph: Radiograph, answers: tuple[Tile, ...]) -> bytes:
    return board_csv(radiograph, answers, words=comparison_results.disagreements(radiograph, answers)).encode()
