"""The network as a column of stages, and a table of all its layers."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.layers.plan import NetworkPlan
from core.layers.receptive_field import ReceptiveField, millimetres
from core.types import Checkpoint, Placement, Radiograph
from dashboard import markup
from dashboard.bound_field import widget
from dashboard.layers.unit_selection import show_stage
from dashboard.state import entered, session

_STYLES = Path(__file__).parent / "network.css"


def network(
    plan: NetworkPlan,
    card: Checkpoint,
    radiograph: Radiograph,
    placement: Placement,
    *,
    chosen: str,
) -> None:
    """Draw the stages and the table of layers.

    placement: of the network's square on the film, for the receptive field in mm.
    chosen:    the stage or layer whose units are shown; a click chooses another.
    """
    st.html(_STYLES)
    stage = stage_of(plan, chosen)
    with st.container(key="stages", gap="xsmall"):
        st.radio(
            f"Stages, from a film of {plan.size} × {plan.size} px",
            [each.name for each in plan.stages],
            **widget("stage of the network", stage, show_stage),
            captions=[
                f"{output(each.shape)}  \n{receptive_field(each.field, plan.size, placement, radiograph.spacing)}  \n"
                f"{count(each.parameters)} parameters"
                for each in plan.stages
            ],
        )
        st.html(
            markup.paragraph(
                f"Head: {len(card.findings)} findings, {count(plan.head.parameters)} parameters", quiet=True
            )
        )
    if chosen != stage:
        st.html(markup.paragraph(f"Layer: {chosen}"))
        st.button(
            f"Units of {stage}",
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=show_stage,
            args=(session(), stage),
        )
    table = st.popover("Layers", icon=":material/table_rows:", key="layers of the network", on_change="rerun")
    if table.open:
        with table:
            _layers(plan)


def stage_of(plan: NetworkPlan, name: str) -> str:
    """The stage of this name, or the one with the layer of this name; the last stage for a layer of the head."""
    for stage in plan.stages:
        if name == stage.name or name in [layer.name for layer in stage.layers]:
            return stage.name
    return plan.stages[-1].name


def receptive_field(
    field: ReceptiveField | None, size: int, placement: Placement, spacing: tuple[float, float] | None
) -> str:
    """The field that one cell sees, in px of the network's square of `size` px and, if the spacing is known, in mm."""
    if field is None:
        return "receptive field unknown"
    high, wide = field.rows.size, field.columns.size
    if (field.whole and field.rows.jump == 1) or min(high, wide) >= size:
        return "a cell sees the whole film"
    sides = millimetres(field, placement, size, spacing)
    inches = f" · {sides[0]:.0f} × {sides[1]:.0f} mm" if sides else ""
    gates = " and, by gates, all" if field.whole else ""
    return f"a cell sees {high} × {wide} px{inches}{gates}"


def count(parameters: int) -> str:
    """A number of parameters to three significant digits."""
    for unit, word in ((1_000_000, " M"), (1_000, " k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g}{word}"
    return str(parameters)


def output(shape: Sequence[int]) -> str:
    """The output of a stage: "64 units, 56 × 56"."""
    if len(shape) == 3:
        return f"{shape[0]} units, {shape[1]} × {shape[2]}"
    return " × ".join(map(str, shape)) + " values"


def _layers(plan: NetworkPlan) -> None:
    layers = [(stage.name, layer) for stage in (*plan.stages, plan.head) for layer in stage.layers]
    st.html(markup.paragraph("Select a layer that has maps to see its units.", quiet=True))
    key = "table of layers"
    st.dataframe(
        {
            "Stage": [stage for stage, _ in layers],
            "Layer": [layer.name for _, layer in layers],
            "Kind": [layer.kind for _, layer in layers],
            "Output": [" × ".join(map(str, layer.shape)) for _, layer in layers],
            "Parameters": [layer.parameters for _, layer in layers],
            "Maps": [layer.name in plan.within for _, layer in layers],
        },
        key=key,
        hide_index=True,
        width="content",
        height=420,
        selection_mode="single-row",
        on_select=lambda: _show_layer(key, [layer.name for _, layer in layers], plan),
        alt="All layers of the network: stage, name, kind, output, parameters, and whether it has maps",
    )


def _show_layer(key: str, names: Sequence[str], plan: NetworkPlan) -> None:
    rows = entered(key).selection.rows
    if rows and names[rows[0]] in plan.within:
        show_stage(session(), names[rows[0]])
