"""The films of a comparison as a worklist: open one on the board, then step to the next."""

import streamlit as st

from core.compare.accuracy import is_right
from core.compare.film_comparison import FilmComparison
from core.compare.map_agreement import lettered
from core.compare.panel import Panel
from core.errors import UserError
from core.models.findings import words
from dashboard import markup
from dashboard.state import session
from dashboard.tile_request import TileRequest


def open_case(row: FilmComparison) -> None:
    """Opens the film on the board, with the maps that were compared."""
    here = session()
    survey, panel = here.film_set, here.film_set.comparison.panel if here.film_set.comparison else None
    if panel is None:
        return
    if row.key not in here.radiographs:
        try:
            film = survey.cases[row.key].open()
        except UserError as error:
            here.problems[:] = [str(error)]
            return
        if film.key != row.key:
            here.problems[:] = [f"{row.name} has changed since it was compared. Compare the films again."]
            return
        here.add(film)
    if row.labels:
        here.labels[row.key] = "|".join(row.labels)
    here.film_key = row.key
    here.tiles = [TileRequest(card.name, panel.method, row.finding, panel.layer) for card in panel.checkpoints]
    here.board.preset, here.board.pair, here.board.many = None, None, False
    here.board.last_maps.clear()


def cases() -> tuple[FilmComparison, ...]:
    """The films of the chosen cell of a confusion matrix, or all, most disagreement first."""
    survey = session().film_set
    rows = survey.comparison.films if survey.comparison else ()
    return tuple(row for row in rows if row.key in survey.within) if survey.within else rows


def marked(row: FilmComparison, panel: Panel, place: int, text: str) -> str:
    """The answer, marked right or wrong if there is a label."""
    right = is_right(row, panel, place)
    return text if right is None else f"{'✓' if right else '✗'} {text}"


def _label(row: FilmComparison, panel: Panel) -> str:
    """ "label covid: A ✓, B ✗"; empty without a label."""
    if row.labels is None:
        return ""
    signs = [(letter, is_right(row, panel, place)) for place, letter in enumerate(lettered(len(panel.names)))]
    judged = ", ".join(f"{letter} {'✓' if right else '✗'}" for letter, right in signs if right is not None)
    label = words(", ".join(row.labels)) or "none"
    return f" · label {label}" + (f": {judged}" if judged else "")


def steps() -> None:
    """The open film's position in the worklist, with buttons for its neighbours; nothing for other films."""
    here = session()
    comparison, rows = here.film_set.comparison, cases()
    place = next((place for place, row in enumerate(rows) if row.key == here.film_key), None)
    if place is None or comparison is None:
        return
    with st.container(key="steps", horizontal=True, vertical_alignment="center", gap="small", width="content"):
        _step("Previous case", ":material/chevron_left:", rows[place - 1] if place else None)
        _step("Next case", ":material/chevron_right:", rows[place + 1] if place + 1 < len(rows) else None)
        cell = f" ({here.film_set.cell})" if here.film_set.within else ""
        text = f"Case {place + 1} of {len(rows)}{cell} · disagreement {rows[place].score:.2f}"
        st.html(markup.number(text + _label(rows[place], comparison.panel)), width="content")


def _step(label: str, icon: str, row: FilmComparison | None) -> None:
    st.button(
        label,
        icon=icon,
        type="tertiary",
        disabled=row is None,
        on_click=open_case if row else None,
        args=(row,) if row else (),
    )
