"""The map of cases: films laid out by their features; a lasso chooses some."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from core.cohort.projection import MOST, NEIGHBOURS, Projection, neighbour_purity
from core.cohort.representation import FEWEST, PIXELS, representation_text, representations
from core.cohort.table import CohortTable, Selection
from core.models.findings import words
from dashboard import draw, markup, progress
from dashboard.bound_field import BoundField
from dashboard.cache import cohort_results
from dashboard.cohort.film_preview import film_preview
from dashboard.models import axes
from dashboard.models.axes import NEUTRAL, Plot
from dashboard.state import entered, session

_HEIGHT = 520  # px
_FEW = 500  # films, up to which large marks do not cover each other
_UNKNOWN = "unknown"
_COLUMNS = ("label", "called", "source", "sex", "age group", "view", "split", "map_zone")
_HELP = (
    "Features that make films neighbours. A run made with --earlier-stages or --untrained holds more: the earlier "
    "stages, and the same network with random weights (before training)."
)
_HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")  # Okabe and Ito
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star")


def case_map(table: CohortTable, chosen: Selection) -> None:
    """The films of the selection, or a sample of them, by features of the chosen model or raw pixels."""
    state = session().cohort
    columns = [name for name in _COLUMNS if table.has("age" if name == "age group" else name)]
    colour = state.colour if state.colour in columns else columns[0]
    known = representations(table, chosen.checkpoint)
    if not known:
        st.html(markup.paragraph("A map needs stored features or thumbnails; this run has neither.", quiet=True))
        return
    by = state.representation if state.representation in known else known[0]
    with st.container(key="cohort map menus", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.segmented_control("Method", list(MOST), **BoundField("cohort.projection").widget(), required=True)
        st.selectbox(
            "Films by",
            known,
            **BoundField("cohort.representation").widget(value=by),
            format_func=representation_text,
            width=230,
            help=_HELP,
        )
        st.selectbox("Colour", columns, **BoundField("cohort.colour").widget(value=colour), width=200)
    of_map = chosen if chosen.outcome != "all" else replace(chosen, threshold=0.0)  # which decides the outcome only
    request = cohort_results.case_projection(table, of_map, by, state.projection)
    with progress.place(request, name="Map of cases", key="cohort map", height=_HEIGHT) as ((numbers, laid_out),):
        if laid_out is None:
            text = f"A map needs {FEWEST} films with stored features; there are {len(numbers)}."
            st.html(markup.paragraph(text, quiet=True))
            return
        _drawn(table, chosen, numbers, laid_out, by, colour)


def _drawn(
    table: CohortTable, chosen: Selection, numbers: Sequence[int], laid_out: Projection, by: str, colour: str
) -> None:
    """The map, and how far it can be trusted."""
    rows = {row[0]: row for row in table.sample(chosen, colour, MOST[session().cohort.projection])}
    values = [_value(rows[number][3], chosen.finding) for number in numbers]
    title = representation_text(by) + ("" if by == PIXELS else f", {chosen.checkpoint}")
    draw.section(f"{len(numbers):,} films by {title}", "draw around films to choose them")
    plot = _plot(laid_out, [rows[number] for number in numbers], values)
    st.plotly_chart(
        plot,
        key=(key := "cohort case map"),
        config={"displayModeBar": False},
        on_select=lambda: _choose(key),
        selection_mode="lasso",
    )
    film_preview(table, chosen, chart="st-key-cohort-case-map")
    st.html(markup.paragraph(_belief(laid_out, values, colour), quiet=True))


def _belief(laid_out: Projection, values: Sequence[str], colour: str) -> str:
    """How far the map can be trusted."""
    known = np.array([value != _UNKNOWN for value in values])
    labels = np.array(values)[known]
    text = f"Trustworthiness {laid_out.trustworthiness:.2f} (1: neighbours here are neighbours in the features)."
    if len(labels) > NEIGHBOURS and len(set(labels.tolist())) > 1:
        purity, chance = neighbour_purity(laid_out.points[known], labels)
        text += f" {purity:.0%} of the {NEIGHBOURS} nearest films share the {colour} ({chance:.0%} by chance)."
    if laid_out.distances is not None:
        text += " Background: bright where neighbouring cells differ (U-matrix)."
    return text


def _plot(laid_out: Projection, rows: Sequence[tuple[int, str, float, Any]], values: Sequence[str]) -> Plot:
    traces: list[dict[str, Any]] = []
    if laid_out.distances is not None:
        grey = [[0, "rgba(139,145,156,0)"], [1, "rgba(139,145,156,0.55)"]]
        traces.append(
            {"type": "heatmap", "z": laid_out.distances.round(3).tolist(), "colorscale": grey, "showscale": False}
            | {"hoverinfo": "skip"}
        )
    order = sorted(set(values), key=lambda value: (value == _UNKNOWN, -values.count(value)))
    for place, value in enumerate(order):
        own = [index for index, each in enumerate(values) if each == value]
        known = value != _UNKNOWN
        traces.append(
            {
                "type": "scattergl",
                "mode": "markers",
                "name": f"{value} ({len(own):,})",
                "x": laid_out.points[own, 0].round(3).tolist(),
                "y": laid_out.points[own, 1].round(3).tolist(),
                "customdata": [rows[index][0] for index in own],
                "text": [f"{rows[index][1]}<br>probability {rows[index][2]:.2f}" for index in own],
                "marker": {
                    "size": 10 if len(rows) <= _FEW else 6,
                    "opacity": 0.8,
                    "color": _HUES[place % len(_HUES)] if known else NEUTRAL,
                    "symbol": _SYMBOLS[place % len(_SYMBOLS)] if known else "circle-open",
                },
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    layout = axes.layout(x=_bare(), y=_bare(), height=_HEIGHT)
    return {"data": traces, "layout": layout | {"dragmode": "lasso"}}


def _bare() -> Plot:
    """An axis without numbers: distances on such a map have no unit."""
    return axes.axis("", grid=False) | {"showticklabels": False}


def _value(value: Any, finding: str) -> str:
    if value is None or value == "":
        return _UNKNOWN
    if isinstance(value, bool):
        return words(finding) if value else f"not {words(finding)}"
    return str(value)


def _choose(key: str) -> None:
    points = entered(key)["selection"]["points"]
    numbers = [point["customdata"] for point in points if point.get("customdata") is not None]
    state = session().cohort
    state.films = tuple(sorted(int(each[0] if isinstance(each, list) else each) for each in numbers))
    state.first = 0
