"""PACS: search an archive for studies and open their films."""

import streamlit as st

from core.pacs.server import known_servers
from dashboard import draw
from dashboard.pacs import study_films, study_search
from dashboard.state import session

TITLE, ICON, ORDER = "PACS", ":material/dns:", 7


def available() -> bool:
    """Whether a server is set up; the page reports an invalid description."""
    return study_search.is_set_up()


def page() -> None:
    """The search, its studies, the films of the chosen one."""
    if session().pacs.opened:
        session().pacs.opened = False
        st.switch_page("views/read.py")
    draw.title("PACS", "Find a study, open its films. Read sends results back into the study: Send.")
    with draw.errors():
        server = study_search.server_menu(known_servers())
        study_search.form(server)
        study_search.studies(server)
        study_films.films(server)


if __name__ == "__main__":
    page()
