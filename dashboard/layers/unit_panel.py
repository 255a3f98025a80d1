"""The chosen unit: its map over the film, its figures, what it counts for each finding, and the switch."""

from collections.abc import Mapping
from functools import partial
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.layers.activations import histogram, shown
from core.models.findings import words
from core.overlay import caption, figure
from dashboard import cache, draw, markup, progress
from dashboard.layers import unit_selection as looks
from dashboard.layers.unit_selection import UnitSelection
from dashboard.models import axes
from dashboard.models.axes import Plot
from dashboard.models.plots import ACCENT
from dashboard.request_queue import QueuedRequest
from dashboard.state import Session, session
from dashboard.viewer import viewer

_BINS = 24
_TALL = 400  # px, of the film
_PATIENCE = 0.05  # s for which the page waits for what should be there

Relevance = Mapping[str, NDArray[np.float32]]


def picture(look: UnitSelection) -> None:
    """Its map over the film, and the switch."""
    explanation = shown(look.found, look.channel)
    with st.container(key="unit head", horizontal=True, vertical_alignment="center", gap="small"):
        draw.section(f"Unit {look.channel}", f"of {look.found.stage}")
        if not look.inner:
            _switch(look)
    if count := len(session().layers.off):
        st.button(
            f"{count} {'unit is' if count == 1 else 'units are'} off: see what changes",
            icon=":material/arrow_forward:",
            type="tertiary",
            on_click=_without,
        )
    scale = float(look.found.ends.max()) if session().common_scale else None
    viewer(
        look.radiograph, [explanation], key="chosen unit", captions=[caption(explanation)], scale=scale, height=_TALL
    )


def figures(look: UnitSelection) -> None:
    """What it counts for each finding, and how strongly it answers."""
    draw.section(f"Unit {look.channel}", f"of {look.found.stage}, on this film")
    st.html(markup.facts(_facts(look)))
    one, other = st.columns(2, gap="medium")
    with one:
        st.html(_title("For and against", "logits"))
        _relevance(look)
    with other:
        heat = look.found.maps[look.channel]
        st.html(_title("How strongly it answers", f"{heat.size} cells"))
        st.plotly_chart(
            bars(heat),
            key="histogram of the unit",
            alt=f"Histogram of the activations of unit {look.channel}.",
            config={"displayModeBar": False},
        )


def _title(text: str, aside: str) -> str:
    return f'<p class="lb-small-title">{escape(text)} <span class="lb-quiet">{escape(aside)}</span></p>'


def _facts(look: UnitSelection) -> list[tuple[str, str]]:
    found, channel = look.found, look.channel
    relevance, count = found.relevance[look.finding], len(found.maps)

    def place(values: NDArray[np.float32]) -> str:
        return f"{int((values > values[channel]).sum()) + 1} of {count}"

    heat = found.maps[channel]
    return [
        ("Mean", f"{figure(float(heat.mean()))}, place {place(found.means)}"),
        ("Least and greatest", f"{figure(float(heat.min()))} to {figure(float(heat.max()))}"),
        (f"For {words(look.finding)}", f"{signed(float(relevance[channel]))} logits, place {place(relevance)}"),
    ]


def _without() -> None:
    session().layers.part = "without"


def _switch(look: UnitSelection) -> None:
    """Takes the unit out of the network that the part "without" asks."""
    unit = (look.found.stage, look.channel)
    off = session().layers.off
    draw.switch(
        "Switch it off",
        unit in off,
        partial(_keep_off, unit),
        help="Sets its map to nought, or to its mean; what the network then says stands under Without units.",
    )


def _keep_off(unit: tuple[str, int], here: Session, off: bool) -> None:
    looks.switch(here, unit, off)


def _relevance(look: UnitSelection) -> None:
    """A bar for each finding, once the backward passes for all of them are done."""
    cleaning = session().cleaning(look.radiograph.key)
    with cache.relevance(look.card, look.radiograph, cleaning, look.found.stage) as asked:
        if asked.wait(_PATIENCE):
            st.html(signed_bars(asked.answer(), look.channel, look.finding))
        else:
            _coming(look, asked)


@st.fragment(parallel=True)
def _coming(look: UnitSelection, asked: QueuedRequest[Relevance]) -> None:
    with draw.shown():
        note = st.empty()
        with st.skeleton(height=26 * len(look.card.findings)):
            found = asked.again().result(progress.tells(note, "Relevance"))
        note.empty()
        st.html(signed_bars(found, look.channel, look.finding))


def signed_bars(relevance: Relevance, channel: int, asked: str) -> str:
    """A bar for each finding from the middle, right where the unit speaks for it; the longest fills its half."""
    values = {finding: float(each[channel]) for finding, each in relevance.items()}
    longest = max((abs(value) for value in values.values()), default=0.0) or 1.0
    rows = []
    for finding, value in values.items():
        side = "left" if value >= 0 else "right"
        name = escape(words(finding))
        rows.append(
            f'<div class="lb-signed{" lb-asked" if finding == asked else ""}" role="img" '
            f'aria-label="{name} {signed(value)} logits"><span class="lb-name">{name}</span>'
            f'<span class="lb-track"><b style="{side}:50%;width:{50 * abs(value) / longest:.1f}%;'
            f'background:{markup.colour(finding)}"></b><i class="lb-mark" style="left:50%"></i></span>'
            f'<span class="lb-number">{signed(value)}</span></div>'
        )
    return "".join(rows)


def signed(value: float) -> str:
    """The number with its sign."""
    return ("+" if value > 0 else "") + figure(value)


def bars(heat: NDArray[np.float32]) -> Plot:
    """How many cells of the map have which activation."""
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
