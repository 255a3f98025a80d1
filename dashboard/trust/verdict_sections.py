"""The four verdicts in full: each question with its verdict, its sentence, and every measure behind it."""

import math
from collections.abc import Sequence

import streamlit as st

from core.trust.measure import Figure, measures
from core.trust.verdicts import WORDS, Verdict, word
from dashboard import cache, draw, markup, progress
from dashboard.selection import MapView

_STATES = {"holds": "ok", "doubtful": "note", "fails": "warning", "unjudged": "unknown"}


@st.fragment(parallel=True)
def sections(chosen: MapView) -> None:
    """The verdicts by the quick measures at once; by all of them once they are computed."""
    explanation = chosen.answered
    note, place = st.empty(), st.empty()
    if explanation is None or explanation.void:
        words = "Judged once the map is ready." if chosen.pending else "No map to judge."
        note.html(markup.paragraph(words, quiet=True))
        place.empty()  # else the verdicts on another map would remain
        return
    with draw.errors():
        inputs = (chosen.checkpoint, chosen.radiograph, explanation, chosen.cleaning)
        _draw(place, cache.trust(*inputs).result(progress.reporter(note, "Quick measures")))
        note.html(
            markup.paragraph("Deletion curves, random weights and stability are still being computed.", quiet=True)
        )
        _draw(place, cache.trust_in_full(*inputs).result(progress.reporter(note, "All measures")))
        note.empty()


def _draw(place: "st.delta_generator.DeltaGenerator", verdicts: Sequence[Verdict]) -> None:
    with place.container(gap="small"):
        for verdict in verdicts:
            state = _STATES[verdict.word]
            head = markup.remark(state, verdict.title, WORDS[verdict.word], verdict.sentence)
            st.html(head + "".join(_measure(figure) for figure in verdict.figures))


def _measure(figure: Figure) -> str:
    """A chip that unfolds to the sentence of the figure and what the measure is."""
    state = "unknown" if not figure.judged else figure.level
    value = "cannot be judged" if not figure.judged else _value(figure)
    return markup.chip(state, figure.title, value, [("", figure.text), ("Measure:", measures[figure.name].plain)])


def _value(figure: Figure) -> str:
    if not math.isfinite(figure.value):
        return WORDS[word(figure)]
    if figure.is_share:
        return f"{figure.value:.0%} {figure.unit}"
    return (
        f"{figure.value:.0f} {figure.unit}" if float(figure.value).is_integer() else f"{figure.value:.2f} {figure.unit}"
    )
