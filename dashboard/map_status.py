"""The line between the sentence and the film: what the map shows, its caveat, or its progress."""

from functools import partial

import streamlit as st

from dashboard import draw, engine, link, markup, progress, selection
from dashboard.map_controls import downloads
from dashboard.selection import MapView
from dashboard.state import session


def status(chosen: MapView) -> None:
    """Progress and Cancel while the map is computed; else an error; else the caveat; else what the map shows."""
    with st.container(key="status", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(key="about", horizontal=True, vertical_alignment="center", gap="small"):
            _about(chosen)
        downloads(chosen)
        link.button()


def _about(chosen: MapView) -> None:
    if chosen.pending:
        about = (chosen.radiograph, chosen.checkpoint)
        progress.busy(
            chosen.pending,
            chosen.method.title,
            key="map",
            withdraw=partial(selection.cancel, *about),
            stopped=partial(selection.stopped, *about),
        )
    elif sentence := session().refusal or chosen.substitution:
        st.html(markup.status(sentence, level="warning"))
    elif chosen.missing:
        st.html(markup.status(chosen.missing, level="warning"))
    elif chosen.explanation and chosen.explanation.caveat and not chosen.explanation.void:
        st.html(markup.status(chosen.explanation.caveat, level="warning"))
        caveat = engine.caveat_of(chosen.explanation)
        draw.switch("Show anyway", not chosen.hidden, lambda here, visible: here.reveal(caveat, visible))
    else:
        st.html(markup.status(chosen.method.plain))
