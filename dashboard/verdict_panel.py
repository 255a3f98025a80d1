"""The verdict on an answer and its map: one line above the film, four chips beside it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from core.verdict_line import call, verdict_line
from dashboard import draw, labels, markup, progress
from dashboard.cache import comparison_results, verdict_requests
from dashboard.selection import MapView
from dashboard.state import session


@st.fragment(parallel=True)
def line(chosen: MapView, *, in_full: bool = False) -> None:
    """The call immediately; where the model looks and whether the map holds up, once that is known.

    in_full: whether to ask for all measures after the quick ones.
    """
    place, explanation = st.empty(), chosen.answered
    answer = call(chosen.prediction, chosen.checkpoint)
    label = labels.sentence(chosen.prediction, chosen.checkpoint, session().labels.get(chosen.radiograph.key))
    place.html(draw.verdict_line(answer, label=label))
    if explanation is None or explanation.void:
        return
    with draw.errors():
        inputs = _inputs(chosen, explanation)
        full = verdict_requests.known_in_full(explanation, chosen.cleaning)
        judged = full or verdict_requests.trust(*inputs).result()
        location = comparison_results.heat_location(chosen.radiograph, explanation)
        judgement = verdict_line(answer, explanation, location, judged, quick=full is None)
        place.html(draw.verdict_line(answer, judgement, label=label))
        if in_full and full is None:
            judgement = verdict_line(answer, explanation, location, verdict_requests.trust_in_full(*inputs).result())
            place.html(draw.verdict_line(answer, judgement, label=label))


@st.fragment(parallel=True)
def chips(chosen: MapView) -> None:
    """The four verdicts, once they are ready."""
    note, place = st.empty(), st.empty()
    explanation = map_to_judge(chosen, note, place)
    if explanation is None:
        return
    with draw.errors(), place.container():
        verdicts = full = verdict_requests.known_in_full(explanation, chosen.cleaning)
        if verdicts is None:
            with st.skeleton(height=150):
                judged = verdict_requests.trust(*_inputs(chosen, explanation))
                verdicts = judged.result(progress.reporter(note, "Verdicts"))
        note.empty()
        draw.verdicts(verdicts)
        words = "By all measures: see Trust." if full else "Quick checks only. Trust runs all of them."
        st.html(markup.paragraph(words, quiet=True))


def _inputs(
    chosen: MapView, explanation: Explanation
) -> tuple[Checkpoint, Radiograph, Explanation, Cleaning, Prediction]:
    return chosen.checkpoint, chosen.radiograph, explanation, chosen.cleaning, chosen.prediction


def map_to_judge(chosen: MapView, note: DeltaGenerator, place: DeltaGenerator) -> Explanation | None:
    """The map; None if there is none: `note` then gives the reason, and earlier verdicts in `place` are cleared."""
    explanation = chosen.answered
    if explanation is not None and not explanation.void:
        return explanation
    words = "Judged once the map is ready." if chosen.pending else "No map to judge."
    note.html(markup.paragraph(words, quiet=True))
    place.empty()
    return None
