"""The status of the map: progress in the pane; beside it the caveat, or why the map differs from the choice."""

from functools import partial

import streamlit as st

from dashboard import draw, markup, progress, selection
from dashboard.board_tile import caveat_of
from dashboard.selection import MapView
from dashboard.state import session


def busy(chosen: MapView) -> None:
    """Progress, time left and Cancel in the pane itself, while the map is computed."""
    with st.container(key="about", horizontal=True, vertical_alignment="center", gap="small"):
        if not chosen.pending:
            _nothing()
            return
        about = (chosen.radiograph, chosen.checkpoint)
        progress.busy(
            chosen.pending,
            chosen.method.title,
            key="map",
            withdraw=partial(selection.cancel, *about),
            stopped=partial(selection.stopped, *about),
        )


def warning(chosen: MapView) -> None:
    """Why the map is missing or differs from the choice; else its caveat, and the switch that shows the map anyway."""
    with st.container(key="status", gap="xsmall"):
        if chosen.pending:
            _nothing()
            return
        if sentence := session().refusal or chosen.substitution or chosen.missing:
            st.html(markup.status(sentence, level="warning"))
        elif chosen.explanation and chosen.explanation.caveat and not chosen.explanation.void:
            st.html(markup.status(chosen.explanation.caveat, level="warning"))
            caveat = caveat_of(chosen.explanation)
            draw.switch("Show anyway", not chosen.hidden, lambda here, visible: here.reveal(caveat, visible))
        else:
            _nothing()


def _nothing() -> None:
    """Clears the place immediately: its old content would otherwise remain until the run ends."""
    for _ in range(2):
        st.empty()
