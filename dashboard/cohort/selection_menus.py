"""The menus and the filter of the Cohort page."""

from typing import Any, cast

import streamlit as st

from core.cohort.table import CohortTable, Outcome, Selection
from core.explain.method import methods
from core.models.findings import EVEN, words
from dashboard import draw
from dashboard.bound_field import BoundField
from dashboard.state import session


def selection(table: CohortTable) -> Selection:
    """The rows chosen in the menus, unfiltered except for the threshold."""
    state, manifest = session().cohort, table.manifest
    cards = {card["name"]: card for card in manifest["checkpoints"]}
    checkpoint = state.checkpoint if state.checkpoint in cards else next(iter(cards))
    findings = cards[checkpoint]["findings"]
    finding = state.finding if state.finding in findings else findings[0]
    names = manifest["settings"]["methods"]
    method = state.method if state.method in names else next(iter(names), None)
    threshold = state.threshold
    if threshold is None:
        threshold = cards[checkpoint]["thresholds"].get(finding, EVEN)
    return Selection(checkpoint, finding, method, threshold=threshold)


def filtered(chosen: Selection) -> Selection:
    """The same selection with the page's filter."""
    state = session().cohort
    return Selection(
        chosen.checkpoint,
        chosen.finding,
        chosen.method,
        cast(Outcome, state.outcome),
        state.text,
        state.low,
        state.high,
        chosen.threshold,
        state.films,
    )


def menus(table: CohortTable, chosen: Selection) -> None:
    """Model, finding, method and threshold, each where there is a choice."""
    cards = {card["name"]: card for card in table.manifest["checkpoints"]}
    names = table.manifest["settings"]["methods"]
    state = session().cohort
    with st.container(key="cohort menus", horizontal=True, vertical_alignment="bottom", gap="small"):
        if len(cards) > 1:
            _menu("Model", list(cards), chosen.checkpoint, "checkpoint")
        _menu("Finding", cards[chosen.checkpoint]["findings"], chosen.finding, "finding", words)
        if len(names) > 1:
            _menu("Method", names, chosen.method, "method", lambda name: methods[name].title)
        st.slider(
            "Operating point",
            0.0,
            1.0,
            step=0.001,
            format="%.3f",
            **BoundField("cohort.threshold", then=state.first_page).widget(value=chosen.threshold),
            help="Probability from which the finding counts as called.",
            width=260,
        )
        st.text_input(
            "Filter",
            **BoundField("cohort.text", str.strip, state.first_page).widget(),
            placeholder="age > 60 AND lung_share < 0.4 AND source = 'A'",
            help="A condition on the columns of the run, in SQL. Columns: "
            + ", ".join(table.manifest["columns"]["rows"]),
            width=380,
        )


def chips(table: CohortTable, chosen: Selection, count: int) -> None:
    """How many films pass the filter, the filter in words, and a button that removes it."""
    state = session().cohort
    parts = [state.outcome] if state.outcome != "all" else []
    parts += [f"probability {state.low:.2f} to {state.high:.2f}"] if (state.low, state.high) != (0, 1) else []
    parts += [state.text] if state.text else []
    parts += [f"{len(state.films):,} chosen on the map"] if state.films else []
    with st.container(key="cohort chips", horizontal=True, vertical_alignment="center", gap="small"):
        draw.section(f"{count:,} {'film' if count == 1 else 'films'}", " · ".join(parts) or words(chosen.finding))
        if parts:
            st.button("Clear filter", key="clear cohort", type="tertiary", icon=":material/close:", on_click=_clear)


def _menu(label: str, options: list[str], value: Any, field: str, name: Any = str) -> None:
    bound = BoundField(f"cohort.{field}", then=_reset)
    st.selectbox(label, options, **bound.widget(value=value), format_func=name, width=200)


def _reset() -> None:
    """After a change of model, finding or method: its own operating point, from the start of the gallery."""
    state = session().cohort
    state.threshold, state.first = None, 0


def _clear() -> None:
    state = session().cohort
    state.outcome, state.text, state.low, state.high, state.first, state.films = "all", "", 0.0, 1.0, 0, ()
