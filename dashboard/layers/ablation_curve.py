"""The finding's logit as more and more units of a stage are switched off, in three orders; a click sets the number."""

from collections.abc import Sequence
from functools import partial
from math import log10
from typing import Any

import streamlit as st

from core.layers.ablation_curve import AblationCurve, points
from core.layers.plan import NetworkPlan
from core.layers.unit_ablation import Ranking
from core.models.findings import words
from dashboard import draw, markup, progress
from dashboard.bound_field import BoundField
from dashboard.cache import unit_requests
from dashboard.layers import ablation_controls
from dashboard.models import axes
from dashboard.models.plots import ACCENT
from dashboard.selection import MapView
from dashboard.state import entered, session

_CHART = "curve of units"
_TALL = 300  # px
_TICKS = (0, 1, 3, 10, 30, 100, 300, 1000, 3000)
_NAMES: dict[Ranking, str] = {
    "relevance": "most relevant first",
    "activation": "strongest first",
    "random": "at random",
}
_LINES: dict[Ranking, tuple[str, str]] = {  # colour and dash
    "relevance": (ACCENT, "solid"),
    "activation": (axes.NEUTRAL, "solid"),
    "random": (axes.NEUTRAL, "dot"),
}


def section(chosen: MapView, plan: NetworkPlan, stage: str) -> None:
    """The curve: immediately for the last stage, on request for others, since it runs the rest of the network."""
    last = plan.stages[-1].name == stage
    draw.section(f"Drop of {words(chosen.finding)}", f"as units of {stage} are switched off, on this film")
    requested, key = session().layers.removing.drawn, _key(chosen, stage)
    with draw.errors():
        if not last and key not in requested:
            passes = 3 * (len(points(plan.stage(stage).shape[0])) - 1)
            text = f"The rest of the network runs {passes} times, with fewer units each time."
            with st.container(key="curve offered", gap="small"):  # the progress row replaces it, button included
                st.html(markup.paragraph(text, quiet=True))
                st.button("Draw the curve", icon=":material/show_chart:", on_click=requested.add, args=(key,))
            st.empty()  # otherwise the curve of another stage would remain
            return
        fill = session().layers.fill
        withdraw = None if last else partial(requested.discard, key)
        about = (chosen.checkpoint, chosen.radiograph, chosen.cleaning, chosen.finding, stage, fill)
        with unit_requests.removal(*about, unit_requests.usual_means(chosen.checkpoint, fill)) as request:
            if progress.is_ready(request, "Curve", key="curve", withdraw=withdraw):
                with st.container(key="curve result", gap="xsmall"):
                    _draw(request.answer(), stage)


def _draw(curves: Sequence[AblationCurve], stage: str) -> None:
    """The plot and, below it, the number of units, the same as in the field above the films."""
    removing = session().layers.removing
    measured = curves[0].counts[1:].tolist()
    now = min(removing.top, measured[-1])
    st.plotly_chart(
        plot(curves, now),
        key=_CHART,
        on_select=_set_point,
        selection_mode="points",
        config={"displayModeBar": False},
        theme="streamlit",
    )
    with st.container(key="curve chosen", horizontal=True, vertical_alignment="bottom", gap="small"):
        top = BoundField("layers.removing.top").widget(at="curve", value=now)
        st.select_slider("Units switched off", sorted({*measured, now}), **top)
        curve = next(curve for curve in curves if curve.ranking == removing.by)
        units = tuple((stage, int(channel)) for channel in curve.order[:now])
        st.button(
            f"Switch off these {now}",
            key="switch off these",
            on_click=ablation_controls.replace_units,
            args=(stage, units),
        )
    st.html(markup.paragraph(summary(curves, now), quiet=True))


def summary(curves: Sequence[AblationCurve], count: int) -> str:
    """The logit change with about this many units off, in each order, and the areas under the curves."""
    near = min(curves[0].counts[1:].tolist(), key=lambda tried: abs(tried - count))
    falls = ", ".join(f"{markup.signed(-curve.fall(near))} {_NAMES[curve.ranking]}" for curve in curves)
    areas = ", ".join(f"{markup.signed(curve.area)} {_NAMES[curve.ranking]}" for curve in curves)
    return (
        f"With {near} off, the logit changes by {falls}. Area under the curve (mean logit until all units are off; "
        f"lower means that the order removes what matters earlier): {areas}."
    )


def plot(curves: Sequence[AblationCurve], now: int) -> axes.Plot:
    """The logit against the number of units that are off, on a logarithmic axis; a line at `now`."""
    most = int(curves[0].counts[-1])
    traces: list[dict[str, Any]] = []
    for curve in curves:
        colour, dash = _LINES[curve.ranking]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": _NAMES[curve.ranking],
                "x": [_place(count) for count in curve.counts.tolist()],
                "y": curve.logits.tolist(),
                "customdata": curve.counts.tolist(),
                "line": {"color": colour, "width": 2, "dash": dash},
                "marker": {"size": 6, "color": colour},
                "hovertemplate": f"%{{customdata}} off, {_NAMES[curve.ranking]}<br>logit %{{y:.2f}}<extra></extra>",
            }
        )
    ticks = [tick for tick in _TICKS if tick <= most]
    x = axes.axis("Units switched off", ends=[-0.05, _place(most) + 0.05], grid=False)
    x |= {"tickvals": [_place(tick) for tick in ticks], "ticktext": [str(tick) for tick in ticks]}
    layout = axes.layout(x=x, y=axes.axis("Logit"), height=_TALL)
    layout["margin"]["r"] = 16  # room for the last number
    return {"data": traces, "layout": layout | {"shapes": [axes.upright(_place(now))]}}


def _place(count: int) -> float:
    """The position of a count on the axis: logarithmic, with a position for 0."""
    return log10(1 + count)


def _key(chosen: MapView, stage: str) -> tuple[str, str, str, str]:
    return chosen.checkpoint.key, chosen.radiograph.key, chosen.finding, stage


def _set_point() -> None:
    """Handles a click on a point: sets the number of units, and the order of that curve."""
    points_clicked = entered(_CHART).selection.points
    if points_clicked and points_clicked[0]["customdata"]:
        count = points_clicked[0]["customdata"]
        session().layers.removing.top = int(count[0] if isinstance(count, list) else count)
        session().layers.removing.by = list(_NAMES)[points_clicked[0]["curve_number"]]
