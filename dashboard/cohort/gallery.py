"""The films of the selection as a gallery; a click opens one in Read."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import PurePosixPath
from typing import Any

import streamlit as st

from core.cohort.table import ORDERS, CohortTable, Selection
from core.cohort.thumbnail import thumbnail_picture
from core.models.findings import words
from dashboard import draw, markup
from dashboard.bound_field import BoundField
from dashboard.cohort import opening
from dashboard.state import session

AS_STORED = "In the order of the input"
_PAGE = 24
_FURTHER = ("lung_share", "disagreement")  # columns that not every run has


def gallery(table: CohortTable, chosen: Selection) -> None:
    """One page of the films, with their maps."""
    state = session().cohort
    total = table.count(chosen)
    if not total:
        st.html(markup.paragraph("No film matches the filter.", quiet=True))
        return
    state.first = min(state.first, (total - 1) // _PAGE * _PAGE)
    with st.container(key="cohort order", horizontal=True, vertical_alignment="bottom", gap="small"):
        orders = [name for name in ORDERS if all(table.has(each) for each in _FURTHER if each in ORDERS[name])]
        order = state.order if state.order in orders else orders[0]
        st.selectbox("Sort", orders, **BoundField("cohort.order", then=state.first_page).widget(value=order), width=260)
        _turn("Previous", -_PAGE, disabled=state.first == 0)
        last = min(state.first + _PAGE, total)
        st.html(markup.number(f"{state.first + 1:,}–{last:,} of {total:,}"), width="content")
        _turn("Next", _PAGE, disabled=state.first + _PAGE >= total)
    rows = table.films(chosen, order=order, first=state.first, most=_PAGE)
    cards(table, chosen, order, rows, key="open cohort")


def cards(table: CohortTable, chosen: Selection, order: str, rows: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """Films with their maps, as many per row as fit; a click opens one in Read.

    key: prefix of the button keys; the number of the film follows.
    """
    numbers = [row["film"] for row in rows]
    pictures, maps = table.thumbnails(numbers), table.maps(chosen, numbers)
    with st.container(key=f"film cards {key}"):
        for row in rows:
            with st.container(key=f"film card {key} {row['film']}", gap=None):
                _picture(chosen, row, pictures.get(row["film"]), maps.get(row["film"]))
                name = PurePosixPath(row["path"]).name
                st.button(
                    draw.plain(name),
                    key=f"{key} {row['film']}",
                    type="tertiary",
                    help=f"Open in Read: {draw.plain(row['path'])}",
                    on_click=opening.open_film,
                    args=(table, chosen, order, row["film"]),
                    width="stretch",
                )


def unreadable(table: CohortTable) -> None:
    """The films without a result, collapsed."""
    totals = table.totals
    number = totals["unreadable"] + totals["withheld"]
    if not number:
        return
    with st.expander(
        f"{number:,} of {totals['films']:,} films {'has' if number == 1 else 'have'} no result", type="compact"
    ):
        st.html(markup.facts([(each["path"], each["sentence"]) for each in table.errors()]))


def _picture(chosen: Selection, row: Mapping[str, Any], jpeg: bytes | None, map_row: Mapping[str, Any] | None) -> None:
    """The film with its map, probability and label."""
    image = ""
    if jpeg:
        source = base64.b64encode(thumbnail_picture(jpeg, row, map_row)).decode()
        name = escape(PurePosixPath(row["path"]).name)
        image = f'<img src="data:image/webp;base64,{source}" alt="Film {name} with its map">'
    label = {True: words(chosen.finding), False: f"not {words(chosen.finding)}", None: ""}[row["label"]]
    st.html(
        f'<div class="lb-film">{image}<span class="lb-film-probability">{row["probability"]:.2f}</span>'
        f'<span class="lb-film-label">{escape(label)}</span></div>'
    )


def _turn(label: str, by: int, *, disabled: bool) -> None:
    icon = ":material/chevron_left:" if by < 0 else ":material/chevron_right:"
    st.button(label, key=f"turn {by}", icon=icon, type="tertiary", disabled=disabled, on_click=_move, args=(by,))


def _move(by: int) -> None:
    session().cohort.first = max(0, session().cohort.first + by)
