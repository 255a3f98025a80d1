"""The verdict on an answer and its map: one line above the film, four chips beside it."""

import streamlit as st

from core.verdict_line import call, verdict_line
from dashboard import cache, draw, markup, progress
from dashboard.selection import MapView


@st.fragment(parallel=True)
def line(chosen: MapView) -> None:
    """The call at once; where the model looks and whether the map holds up, once that is known."""
    place, explanation = st.empty(), chosen.answered
    answer = call(chosen.prediction, chosen.checkpoint)
    place.html(draw.verdict_line(answer))
    if explanation is None or explanation.void:
        return
    with draw.errors():
        judged = cache.trust(chosen.checkpoint, chosen.radiograph, explanation, chosen.cleaning).result()
        location = cache.heat_location(chosen.radiograph, explanation)
        place.html(draw.verdict_line(answer, verdict_line(answer, explanation, location, judged)))


@st.fragment(parallel=True)
def chips(chosen: MapView) -> None:
    """The four verdicts, once they are ready."""
    explanation = chosen.answered
    note, place = st.empty(), st.empty()
    if explanation is None or explanation.void:
        words = "Judged once the map is ready." if chosen.pending else "No map to judge."
        note.html(markup.paragraph(words, quiet=True))
        place.empty()  # else the verdicts on another map would remain
        return
    with draw.errors(), place.container():
        with st.skeleton(height=150):
            judged = cache.trust(chosen.checkpoint, chosen.radiograph, explanation, chosen.cleaning)
            verdicts = judged.result(progress.reporter(note, "Verdicts"))
        note.empty()
        draw.verdicts(verdicts)
