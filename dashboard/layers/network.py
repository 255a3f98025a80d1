"""The network as a column of stages: what each gives, what a cell of it sees, and the layers in it, unfolded."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.layers.field import Field, millimetres
from core.layers.plan import Layer, Plan, Stage
from core.types import Checkpoint, Placement, Radiograph
from dashboard.state import Session, entered, session
from dashboard.viewer import script

_HERE = Path(__file__).parent
_network = st.components.v2.component(
    "lightbox.network",
    html='<nav class="network" data-testid="network"></nav>',
    css=script("network.css", folder=_HERE),
    js=script("network.js", folder=_HERE),
)


def network(
    plan: Plan,
    card: Checkpoint,
    radiograph: Radiograph,
    placement: Placement,
    *,
    chosen: str,
    keep: Callable[[Session, str], None],
) -> None:
    """Draw the map of the network; stages unfold in the browser, `keep` is handed the stage or layer that is clicked.

    placement: of the network's square on the film, for what a cell sees in mm.
    """

    def sees(field: Field | None) -> str:
        return seen(field, plan.size, placement, radiograph.spacing)

    key = "map of the network"
    _network(
        key=key,
        data={
            "name": card.key,
            "film": f"{plan.size} × {plan.size} px",
            "stages": [_entry(stage, sees(stage.field), plan.within) for stage in plan.stages],
            "head": {**_entry(plan.head, "", ()), "shape": f"{len(card.findings)} findings"},
            "chosen": chosen,
        },
        on_chosen_change=lambda: _picked(key, keep),
    )


def seen(field: Field | None, size: int, placement: Placement, spacing: tuple[float, float] | None) -> str:
    """What one cell sees, in px of the network's square of `size` px and, where the film says its spacing, in mm."""
    if field is None:
        return "what a cell sees cannot be told"
    high, wide = field.rows.size, field.columns.size
    if (field.whole and field.rows.jump == 1) or min(high, wide) >= size:
        return "a cell sees the whole film"
    found = millimetres(field, placement, size, spacing)
    inches = f" · {found[0]:.0f} × {found[1]:.0f} mm" if found else ""
    gates = " and, by gates, all" if field.whole else ""
    return f"a cell sees {high} × {wide} px{inches}{gates}"


def count(parameters: int) -> str:
    """How many numbers were learnt, in three digits."""
    for unit, word in ((1_000_000, " M"), (1_000, " k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g}{word}"
    return str(parameters)


def given(shape: Sequence[int]) -> str:
    """What a layer gives: "64 units, 56 × 56"."""
    if len(shape) == 3:
        return f"{shape[0]} units, {shape[1]} × {shape[2]}"
    return " × ".join(map(str, shape)) + " values"


def _entry(stage: Stage, sees: str, asked: Collection[str]) -> dict[str, Any]:
    return {
        "name": stage.name,
        "shape": given(stage.shape),
        "size": list(stage.shape),
        "parameters": count(stage.parameters),
        "sees": sees,
        "layers": [_line(layer, layer.name in asked) for layer in stage.layers],
    }


def _line(layer: Layer, asked: bool) -> list[str | bool]:
    """Its name, short and in full; its kind, shape and parameters; whether its units can be asked for."""
    own = f"{count(layer.parameters)} parameters" if layer.parameters else ""
    shape = " × ".join(map(str, layer.shape))
    return [layer.name.split(".", 1)[-1], layer.name, layer.kind, shape, own, asked]


def _picked(key: str, keep: Callable[[Session, str], None]) -> None:
    name = entered(key).chosen
    if name:
        keep(session(), str(name))
