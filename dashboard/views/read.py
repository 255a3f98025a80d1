"""Read: one film, what the model says of it, where it looked, and how far that can be trusted."""

import streamlit as st

from core.models.findings import words
from dashboard import cache, desk, draw, film, welcome
from dashboard.desk import Chosen
from dashboard.question import sentence
from dashboard.state import session
from dashboard.viewer import stage_strip, viewer

TITLE, ICON, ORDER = "Read", ":material/radiology:", 1


def page() -> None:
    """The film and its map first; what takes longer comes beside and below it, each in its own place."""
    radiograph, model, chosen = desk.film(), desk.model(), None
    front = st.empty()  # cleared at once when a film comes, where another container would linger until the run ends
    if radiograph is None:
        with front.container():
            welcome.draw()
        return
    if not session().seen:
        front.skeleton(height=640)
    with draw.shown():
        chosen = desk.chosen(radiograph, model) if model else None
    front.empty()
    session().seen = True
    if chosen is None:
        viewer(radiograph, key="read")
        film.about(radiograph)
        return
    if chosen.refused:
        draw.problem(chosen.refused)
    with st.container(key="reading"):
        sentence(chosen)
        picture, words = st.columns([2, 1], gap="medium")
        with picture:
            viewer(radiograph, [chosen.explanation], key="read")
            with st.container(key="below"):
                _stages(chosen)
                draw.about_map(chosen.method, chosen.explanation, passes=chosen.passes, maps=chosen.maps)
        with words, st.container(key="words", gap="small"):
            warned = st.container(key="warned")
            draw.section("What it says")
            draw.probabilities(chosen.prediction, chosen.checkpoint, asked=chosen.finding)
            draw.section("How far to trust the map")
            _trust(chosen)
            film.about(radiograph, warned=warned)
            film.cleaning(radiograph, chosen.checkpoint)


@st.fragment(parallel=True)
def _stages(chosen: Chosen) -> None:
    """All stages in one row, drawn when they are there; a click asks for that one."""
    with draw.shown():
        with st.skeleton(height=170):
            maps = desk.stages(chosen)
        draw.section("All stages", f"{maps[0].title} for {words(chosen.finding)}, each on its own scale")
        clicked = stage_strip(chosen.radiograph, maps, selected=chosen.layer, key="stages")
        if clicked and clicked != chosen.layer:
            desk.look_at(clicked)
            st.rerun()


@st.fragment(parallel=True)
def _trust(chosen: Chosen) -> None:
    """The measures, drawn when they are there."""
    with draw.shown():
        with st.skeleton(height=110):
            figures = cache.trust(chosen.checkpoint, chosen.radiograph, chosen.explanation, chosen.cleaning)
        draw.figures(figures)


if __name__ == "__main__":
    page()
