"""The small maps of all stages below the map of the Read page."""

import streamlit as st

from core.models.findings import words
from core.overlay import common_end
from dashboard import draw, progress, selection
from dashboard.bound_field import BoundField
from dashboard.selection import MapView
from dashboard.state import session
from dashboard.viewer import stage_strip


@st.fragment(parallel=True)
def row(chosen: MapView, *, common: bool) -> None:
    """All stages in one row, once they are ready; a click requests that stage."""
    with draw.errors():
        note = st.empty()
        with st.skeleton(height=170):
            maps = selection.stages(chosen).result(progress.reporter(note, "Small maps")).maps
        note.empty()
        with st.container(key="stages head", horizontal=True, vertical_alignment="center", gap="small"):
            scale = "all on one scale" if common else "each on its own scale"
            draw.section("All stages", f"{maps[0].title} for {words(chosen.finding)}, {scale}")
            draw.switch(
                "Same scale",
                common,
                BoundField("common_scale"),
                help="Draws the maps of all stages on one colour scale.",
            )
        if session().common_scale != common:
            st.rerun()
        clicked = stage_strip(
            chosen.radiograph,
            maps,
            selected=chosen.layer,
            key="stages",
            scale=common_end(maps) if common else None,
            withheld="Hidden because of its caveat." if chosen.hidden else "",
        )
        if clicked and clicked != chosen.layer:
            selection.look_at(clicked)
            st.rerun()
