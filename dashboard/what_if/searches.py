"""Below the what-if bench: the smallest blur that changes the answer, a sweep, and other preprocessing."""

from functools import partial
from typing import get_args

import streamlit as st

from core.models.findings import words
from core.types import Prediction
from core.what_if.edit import EditContext, edits, made_edit, parsed_edit
from core.what_if.preprocessing import LABELS, preprocessing_warning
from core.what_if.sweep import Sweep
from dashboard import draw, finding_colours, markup, progress
from dashboard.bound_field import BoundField
from dashboard.cache import what_if_requests
from dashboard.models import axes
from dashboard.request_queue import Keyed
from dashboard.selection import MapView
from dashboard.state import session
from dashboard.what_if.controls import add
from dashboard.what_if.what_if_state import Search

_TITLES: dict[Search, str] = {
    "smallest": "Smallest blur that changes the answer",
    "sweep": "Sweep this edit",
    "preprocessing": "Other preprocessing",
}


def searches(chosen: MapView, context: Keyed[EditContext]) -> None:
    """A choice of three questions, and the answer to the chosen one."""
    options = [each for each in get_args(Search) if each]
    st.segmented_control(
        "Further tests",
        options,
        format_func=lambda each: _TITLES[each],
        label_visibility="collapsed",
        **BoundField("what_if.search", convert=lambda value: value or "").widget(
            value=session().what_if.search or None
        ),
    )
    search = session().what_if.search
    if search == "smallest":
        _smallest(chosen, context)
    elif search == "sweep":
        _sweep(chosen, context)
    elif search == "preprocessing":
        _preprocessing(chosen)


@st.fragment(parallel=True)
def _smallest(chosen: MapView, context: Keyed[EditContext]) -> None:
    """The smallest blur found, and a button that makes it an edit."""
    note, key = st.empty(), chosen.radiograph.key
    with draw.errors():
        request = what_if_requests.smallest_blur(
            chosen.checkpoint, context, session().what_if.edits.get(key, ()), chosen.finding
        )
        smallest = request.result(progress.reporter(note, "Smallest blur that changes the answer"))
        note.empty()
        st.html(markup.paragraph(f"{smallest.sentence} The search is greedy: a smaller region may exist."))
        if smallest.edit:
            label = "Show it as an edit"
            if st.button(label, key="what-if smallest", on_click=partial(add, key, smallest.edit.text)):
                st.rerun()


@st.fragment(parallel=True)
def _sweep(chosen: MapView, context: Keyed[EditContext]) -> None:
    """The curve of the chosen edit over the whole film, or over its last region if the edit needs one."""
    state, note = session().what_if, st.empty()
    made = list(state.edits.get(chosen.radiograph.key, ()))
    kind, region = edits[state.name], None
    if made and (last := parsed_edit(made[-1])).name == state.name and last.region:
        region = last.region
        made = made[:-1]
    if not kind.swept or (kind.scope == "region" and region is None):
        able = ", ".join(each.title for each in edits.values() if each.swept and each.scope != "region")
        why = "has no strength to sweep" if not kind.swept else "needs a region: apply it once, then sweep it"
        st.html(markup.paragraph(f"{kind.title} {why}. These can be swept over the whole film: {able}.", quiet=True))
        return
    with draw.errors():
        swept = made_edit(state.name, state.settings.get(state.name, {}), region).text
        request = what_if_requests.edit_sweep(chosen.checkpoint, context, tuple(made), swept, chosen.finding)
        result = request.result(progress.reporter(note, "Sweep"))
        note.empty()
        st.html(markup.paragraph(result.sentence))
        st.plotly_chart(_curve(result), key="what-if sweep", config={"displayModeBar": False}, theme="streamlit")


def _curve(result: Sweep) -> axes.Plot:
    """Probability of each finding against strength; the range of the same answer is shaded, no change is dotted."""
    lines = [
        {
            "type": "scatter",
            "x": result.values.tolist(),
            "y": result.probabilities[:, place].tolist(),
            "name": words(finding),
            "mode": "lines+markers",
            "line": {"color": finding_colours.colour(finding), "width": 2},
        }
        for place, finding in enumerate(result.findings)
    ]
    ends = float(result.values[0]), float(result.values[-1])
    x = axes.axis(f"{result.setting} ({result.meaning})", ends=ends, grid=False)
    layout = axes.layout(x=x, y=axes.axis("probability", ends=(0, 1)), height=300)
    band = {"type": "rect", "x0": result.low, "x1": result.high, "y0": 0, "y1": 1, "line": {"width": 0}}
    shapes = [
        band | {"fillcolor": axes.NEUTRAL, "opacity": 0.15, "layer": "below"},
        axes.segment((result.neutral, 0), (result.neutral, 1), dash="dot"),
    ]
    return {"data": lines, "layout": layout | {"shapes": shapes}}


@st.fragment(parallel=True)
def _preprocessing(chosen: MapView) -> None:
    """The table of variants, with a warning if one changes the answer."""
    note = st.empty()
    with draw.errors():
        request = what_if_requests.other_preprocessing(
            chosen.checkpoint, chosen.radiograph, chosen.cleaning, chosen.finding
        )
        answers = request.result(progress.reporter(note, "Other preprocessing"))
        note.empty()
        sentence = preprocessing_warning(answers, chosen.checkpoint, chosen.finding)
        if any(each.turned and each.group != LABELS for each in answers):
            st.warning(draw.plain(sentence), icon=":material/warning:")
        else:
            st.html(markup.paragraph(sentence))
        rows = [["As in the card", _likely(chosen.prediction, chosen.finding), "", ""]]
        for each in answers:
            if each.prediction is None:
                rows.append([each.name, "–", "", each.reason])
                continue
            turns = "changes the answer" if each.turned else ""
            rows.append([each.name, _likely(each.prediction, chosen.finding), f"{each.shift:.2f}", turns])
        head = ["Preprocessing", words(chosen.finding), "Largest change of a probability", ""]
        st.html(markup.table(head, rows, caption="", label="Other preprocessing"))


def _likely(prediction: Prediction, finding: str) -> str:
    return f"{prediction.probability(finding):.2f}"
