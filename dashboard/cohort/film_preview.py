"""The film under the mouse on the map of cases, with its map, as a thumbnail beside the pointer."""

import base64
from dataclasses import replace
from pathlib import Path

import streamlit as st

from core.cohort.table import CohortTable, Selection
from core.cohort.thumbnail import thumbnail_picture
from dashboard.cohort.gallery import AS_STORED
from dashboard.state import entered, session

_KEY = "cohort film preview"
_preview = st.components.v2.component(
    "lightbox.film_preview",
    html='<img alt="" hidden>',
    css="img { position: fixed; z-index: 10; max-width: 128px; max-height: 128px; pointer-events: none; }",
    js=(Path(__file__).parent / "film_preview.js").read_text(encoding="utf-8"),
)


@st.fragment
def film_preview(table: CohortTable, chosen: Selection, *, chart: str) -> None:
    """Follows the mouse over a chart whose marks hold numbers of films as `customdata`.

    chart: class of the container around the chart.
    """
    state = session().cohort
    data: dict[str, object] = {"chart": chart, "film": state.hovered}
    if state.hovered is not None:
        film = replace(chosen, films=(state.hovered,), text="", outcome="all", low=0.0, high=1.0)
        rows = table.films(film, order=AS_STORED, first=0, most=1)
        if rows and (jpeg := table.thumbnails(film.films).get(state.hovered)):
            picture = thumbnail_picture(jpeg, rows[0], table.maps(film, film.films).get(state.hovered))
            data["picture"] = f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
            data["name"] = f"Film {rows[0]['path']} with its map"
    _preview(key=_KEY, data=data, on_film_change=_hover)


def _hover() -> None:
    session().cohort.hovered = int(entered(_KEY).film)
