"""The chosen unit: its map over the film, its figures, its relevance for each finding, and the switch."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.layers.activations import histogram, unit_explanation
from core.models.findings import words
from core.overlay import caption, figure
from dashboard import draw, markup, probability_bars, progress
from dashboard.cache import layer_requests
from dashboard.layers import unit_selection
from dashboard.layers.unit_selection import UnitSelection
from dashboard.models import axes
from dashboard.models.axes import Plot
from dashboard.models.plots import ACCENT
from dashboard.request_queue import QueuedRequest
from dashboard.state import session
from dashboard.viewer import viewer

_BINS = 24
_TALL = 400  # px, height of the film
_PATIENCE = 0.05  # s until progress is shown

Relevance = Mapping[str, NDArray[np.float32]]


def picture(chosen: UnitSelection) -> None:
    """The unit's map over the film, and the switch."""
    explanation = unit_explanation(chosen.activations, chosen.channel)
    with st.container(key="unit head", horizontal=True, vertical_alignment="center", gap="small"):
        draw.section(f"Unit {chosen.channel}", f"of {chosen.activations.stage}")
        if not chosen.is_layer:
            _switch(chosen)
    if count := len(session().layers.off):
        st.button(
            f"{count} {'unit is' if count == 1 else 'units are'} off: see the effect",
            icon=":material/arrow_forward:",
            type="tertiary",
            on_click=_open_ablation,
        )
    scale = float(chosen.activations.ends.max()) if session().common_scale else None
    viewer(
        chosen.radiograph, [explanation], key="chosen unit", captions=[caption(explanation)], scale=scale, height=_TALL
    )


def figures(chosen: UnitSelection) -> None:
    """The unit's relevance for each finding, and the histogram of its activations."""
    draw.section(f"Unit {chosen.channel}", f"of {chosen.activations.stage}, on this film")
    st.html(markup.facts(_facts(chosen)))
    one, other = st.columns(2, gap="medium")
    with one:
        st.html(markup.small_title("For and against", "logits"))
        _relevance(chosen)
    with other:
        heat = chosen.activations.maps[chosen.channel]
        st.html(markup.small_title("Activations", f"{heat.size} cells"))
        st.plotly_chart(
            bars(heat),
            key="histogram of the unit",
            alt=f"Histogram of the activations of unit {chosen.channel}.",
            config={"displayModeBar": False},
        )


def _facts(chosen: UnitSelection) -> list[tuple[str, str]]:
    activations, channel = chosen.activations, chosen.channel
    relevance, count = activations.relevance[chosen.finding], len(activations.maps)

    def rank(values: NDArray[np.float32]) -> str:
        return f"{int((values > values[channel]).sum()) + 1} of {count}"

    heat = activations.maps[channel]
    return [
        ("Mean", f"{figure(float(heat.mean()))}, rank {rank(activations.means)}"),
        ("Minimum to maximum", f"{figure(float(heat.min()))} to {figure(float(heat.max()))}"),
        (f"For {words(chosen.finding)}", f"{signed(float(relevance[channel]))} logits, rank {rank(relevance)}"),
    ]


def _open_ablation() -> None:
    session().layers.part = "without"


def _switch(chosen: UnitSelection) -> None:
    """The switch that adds the unit to those switched off in the part "without"."""
    unit = (chosen.activations.stage, chosen.channel)
    off = session().layers.off
    draw.switch(
        "Switch off",
        unit in off,
        lambda here, off: unit_selection.switch(here, unit, off),
        help="Sets its map to zero, or to its mean. The prediction without it is shown under “Switch units off”.",
    )


def _relevance(chosen: UnitSelection) -> None:
    """A bar for each finding, after the backward passes for all findings."""
    cleaning = session().cleaning(chosen.radiograph.key)
    with layer_requests.relevance(chosen.card, chosen.radiograph, cleaning, chosen.activations.stage) as request:
        if request.wait(_PATIENCE):
            st.html(signed_bars(request.answer(), chosen.channel, chosen.finding))
        else:
            _relevance_later(chosen, request)


@st.fragment(parallel=True)
def _relevance_later(chosen: UnitSelection, request: QueuedRequest[Relevance]) -> None:
    with draw.errors():
        note = st.empty()
        with st.skeleton(height=26 * len(chosen.card.findings)):
            relevance = request.again().result(progress.reporter(note, "Relevance"))
        note.empty()
        st.html(signed_bars(relevance, chosen.channel, chosen.finding))


def signed_bars(relevance: Relevance, channel: int, explained: str) -> str:
    """A bar for each finding from the middle, to the right if the unit supports it; the longest fills its half."""
    values = {finding: float(each[channel]) for finding, each in relevance.items()}
    longest = max((abs(value) for value in values.values()), default=0.0) or 1.0
    return "".join(
        probability_bars.signed_bar(
            finding,
            value / longest,
            number=signed(value),
            spoken=f"{words(finding)} {signed(value)} logits",
            explained=finding == explained,
        )
        for finding, value in values.items()
    )


def signed(value: float) -> str:
    """The number with its sign."""
    return ("+" if value > 0 else "") + figure(value)


def bars(heat: NDArray[np.float32]) -> Plot:
    """Histogram of the activations of the map's cells."""
    counts, edges = histogram(heat, bins=_BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    return {
        "data": [
            {
                "type": "bar",
                "x": middles.tolist(),
                "y": counts.tolist(),
                "width": float(edges[1] - edges[0]),
                "marker": {"color": ACCENT},
                "hovertemplate": "%{y} cells at %{x:.3g}<extra></extra>",
            }
        ],
        "layout": {
            **axes.layout(x=axes.axis("activation", grid=False), y=axes.axis("cells"), height=170),
            "margin": {"l": 0, "r": 0, "t": 6, "b": 0},
            "bargap": 0.05,
        },
    }
