"""The four verdicts in full: each question with its verdict, its sentence, and every measure behind it."""

from collections.abc import Sequence

import streamlit as st

from core.trust.measure import Figure, measures
from core.trust.verdicts import Verdict, label, word
from dashboard import draw, markup, progress, verdict_panel
from dashboard.cache import verdict_requests
from dashboard.selection import MapView


@st.fragment(parallel=True)
def sections(chosen: MapView) -> None:
    """The verdicts by the quick measures immediately; by all measures once they are computed."""
    note, place = st.empty(), st.empty()
    explanation = verdict_panel.map_to_judge(chosen, note, place)
    if explanation is None:
        return
    with draw.errors():
        inputs = (chosen.checkpoint, chosen.radiograph, explanation, chosen.cleaning, chosen.prediction)
        _draw(place, verdict_requests.trust(*inputs).result(progress.reporter(note, "Quick measures")))
        note.html(
            markup.paragraph("Deletion curves, random weights and stability are still being computed.", quiet=True)
        )
        _draw(place, verdict_requests.trust_in_full(*inputs).result(progress.reporter(note, "All measures")))
        note.empty()


def _draw(place: "st.delta_generator.DeltaGenerator", verdicts: Sequence[Verdict]) -> None:
    with place.container(gap="small"):
        for verdict in verdicts:
            head = markup.remark(draw.STATES[verdict.word], verdict.title, verdict.label, verdict.sentence)
            st.html(head + "".join(_measure(figure) for figure in verdict.figures))


def _measure(figure: Figure) -> str:
    """A chip that unfolds to the sentence of the figure and the description of its measure."""
    kind = word(figure)
    value = (figure.judged and figure.quantity) or label(figure)
    return markup.chip(
        draw.STATES[kind], figure.title, value, [("", figure.text), ("Measure:", measures[figure.name].plain)]
    )
