"""A film of a cohort in Read, and the one before and after it in the selection."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.cohort.decode import read_film
from core.cohort.recent import recent
from core.cohort.table import CohortTable, Selection
from core.errors import BadData, UserError
from dashboard import markup
from dashboard.cache import model_files
from dashboard.state import session


@dataclass(frozen=True, eq=False)
class OpenedFrom:
    """The selection that a film was opened from."""

    table: CohortTable
    selection: Selection


def open_film(table: CohortTable, selection: Selection, order: str, film: int) -> None:
    """Opens the film in Read, with the model, finding and method of the selection."""
    state = session().cohort
    state.opened = table.numbers(selection, order=order)
    state.opened_from = OpenedFrom(table, selection)
    _open(state.opened.index(film))


def steps() -> None:
    """On Read: buttons for the previous and next film of the selection; nothing for films opened elsewhere."""
    state = session().cohort
    if not state.opened or session().film_key != state.opened_film:
        return
    with st.container(key="cohort steps", horizontal=True, vertical_alignment="center", gap="small"):
        _step("Previous case", -1, disabled=state.place == 0)
        st.html(markup.number(f"{state.place + 1:,} of {len(state.opened):,} in the cohort"), width="content")
        _step("Next case", 1, disabled=state.place + 1 == len(state.opened))


def _step(label: str, by: int, *, disabled: bool) -> None:
    icon = ":material/chevron_left:" if by < 0 else ":material/chevron_right:"
    key = f"cohort step {by}"
    st.button(label, key=key, icon=icon, type="tertiary", disabled=disabled, on_click=_open_step, args=(by,))


def _open_step(by: int) -> None:
    state = session().cohort
    previous, was_there = state.opened_film, state.was_there
    if _open(min(max(0, state.place + by), len(state.opened) - 1)) and not was_there and previous != state.opened_film:
        # Only one film of a selection is in the strip; otherwise hundreds would fill it.
        session().radiographs.pop(previous, None)
        session().cleanings.pop(previous, None)


def _open(place: int) -> bool:
    """Opens the film at that place of the selection; False, with a sentence on the page, if it cannot be read."""
    here = session()
    state = here.cohort
    source: OpenedFrom = state.opened_from
    chosen = source.selection
    root = recent().get(source.table.folder.path.resolve())
    here.problems.clear()
    try:
        if root is None or not Path(root).exists():
            raise BadData(
                "The films of this run have been moved, and a run holds no copies. Run its command "
                "again with the folder where they are now."
            )
        film = source.table.folder.film(state.opened[place])
        radiograph = read_film(root, film)
    except UserError as error:
        here.problems[:] = [str(error)]
        return False
    state.was_there = radiograph.key in here.radiographs
    here.add(radiograph)
    if film.label:
        here.labels[radiograph.key] = film.label
    here.film_key, state.opened_film, state.place = radiograph.key, radiograph.key, place
    here.finding, here.layer = chosen.finding, None
    if chosen.method:
        here.method = chosen.method
    if chosen.checkpoint in model_files.names():
        here.checkpoint = chosen.checkpoint
    here.opens_read = True
    return True
