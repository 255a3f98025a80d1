"""The search on the page PACS: the form and the studies that match."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.errors import UserError
from core.pacs.dicomweb import MOST, StudyEntry, instances, search
from core.pacs.server import PacsServer
from dashboard import markup
from dashboard.bound_field import BoundField
from dashboard.state import bind, entered, session

_MODALITIES = ("", "DX", "CR", "RF", "XA", "CT", "MR", "OT")
_QUERY = ("patient", "number", "accession", "dates", "modality")
_COLUMNS = {"date": "Date", "description": "Study", "modalities": "Modality", "instances": "Images", "sex": "Sex"}
_ROW = 35  # px
_PERSONAL = {"patient": "Patient", "number": "Patient ID", "birth": "Born"}


def server_menu(servers: Mapping[str, PacsServer]) -> PacsServer:
    """The chosen server; draws a menu if there are several."""
    field = BoundField("pacs.server", then=session().pacs.forget)
    name = field.value if field.value in servers else next(iter(servers))
    if len(servers) > 1:
        st.selectbox("Server", list(servers), **field.widget(value=name), width=260)
    return servers[name]


def form(server: PacsServer) -> None:
    """The search form."""
    state, place = session().pacs, st.form("pacs search", border=False)
    keys = {name: bind(f"pacs {name}", getattr(state, name)) for name in _QUERY}
    with place, st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for label, name, help in (
            ("Patient", "patient", "FAMILY^GIVEN or its beginning; * stands for any characters, ? for one."),
            ("Patient ID", "number", "The whole number."),
            ("Accession", "accession", "The whole number."),
        ):
            st.text_input(label, key=keys[name], help=help, width=170)
        st.date_input("Study date", key=keys["dates"], width=235)
        st.selectbox("Modality", _MODALITIES, key=keys["modality"], format_func=_modality, width=120)
        st.form_submit_button("Search", type="primary", icon=":material/search:", on_click=_search, args=(server, keys))


def _modality(code: str) -> str:
    return code or "All"


def _search(server: PacsServer, keys: Mapping[str, str]) -> None:
    state, here = session().pacs, session()
    for name, key in keys.items():
        setattr(state, name, entered(key))
    state.forget()
    here.problems.clear()
    try:
        state.studies = search(server, state.query)
    except UserError as error:
        here.problems.append(str(error))
    state.searches += 1


def studies(server: PacsServer) -> None:
    """The studies; a click on a row lists its films."""
    state = session().pacs
    if state.studies is None:
        st.html(
            markup.paragraph(f"Searches {server.name} ({server.host}). Nothing is stored on this computer.", quiet=True)
        )
        return
    if not state.studies:
        st.html(markup.paragraph("No study matches. Leave a field empty to search more widely."))
        return
    count = len(state.studies)
    with st.container(horizontal=True, vertical_alignment="center"):
        more = ", the newest of more" if count == MOST else ""
        st.html(markup.number(f"{count} {'study' if count == 1 else 'studies'}{more}"), width="content")
        st.toggle("Show patient names and numbers", **BoundField("pacs.names").widget())
    key = f"pacs studies {state.searches}"
    st.dataframe(
        [_row(each, names=state.names) for each in state.studies],
        key=key,
        on_select=lambda: _choose(server, key),
        selection_mode="single-row",
        hide_index=True,
        height=min(_ROW * (count + 1) + 2, 400),
    )


def _row(study: StudyEntry, *, names: bool) -> dict[str, Any]:
    columns = _COLUMNS | (_PERSONAL if names else {})
    row = {title: getattr(study, name) for name, title in columns.items()}
    return row | {title: _day(row[title]) for title in ("Date", "Born") if title in row}


def _day(text: str) -> str:
    """A DICOM date in ISO format."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else text


def _choose(server: PacsServer, key: str) -> None:
    state, here = session().pacs, session()
    rows = entered(key)["selection"]["rows"]
    state.study = state.studies[rows[0]] if rows and state.studies else None
    state.instances = ()
    state.thumbnails.clear()
    here.problems.clear()
    if state.study is None:
        return
    try:
        state.instances = instances(server, state.study.uid)
    except UserError as error:
        here.problems.append(str(error))
        return
    if not state.films:
        here.problems.append(f"The study of {_day(state.study.date)} has no films. Choose another one.")
