"""Compare: maps of one film side by side, the difference of two, and models over many films."""

from pathlib import Path

import streamlit as st

from dashboard import film_panel, selection, welcome
from dashboard.bound_field import BoundField
from dashboard.cache import model_files
from dashboard.compare import board, film_set, single_film, worklist
from dashboard.models import overview
from dashboard.state import session

TITLE, ICON, ORDER = "Compare", ":material/compare:", 2
_LOOKS = Path(__file__).parents[1] / "compare" / "compare.css"


def page() -> None:
    """The board of the open film, or models over many films."""
    st.html(_LOOKS)
    if not model_files.names():
        overview.none()
        return
    many, radiograph = session().board.many, selection.film()
    with st.container(key="parts", horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "Comparison",
            [False, True],
            **BoundField("board.many").widget(),
            format_func=lambda many: "Over many films" if many else "This film",
            required=True,
            label_visibility="collapsed",
        )
        if radiograph is not None and not many:
            single_film.tools()
            worklist.steps()
    # Each part has its own place: a hidden part is cleared immediately, not when this run ends.
    if session().film_set.phase and not many:
        film_set.busy()
    else:
        st.empty()
    if many:
        film_set.part()
    else:
        st.empty()
    if many:
        return
    if radiograph is None:
        welcome.draw()
    elif film_panel.withheld(radiograph, board.cards() if session().cleaning(radiograph.key).anyway else []):
        film_panel.veil(radiograph, selection.model())
    else:
        single_film.part(radiograph)


if __name__ == "__main__":
    page()
