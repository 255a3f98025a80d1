"""The units of a stage as a grid of small maps over the film; a click, or Enter, chooses one."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.layers.unit_thumbnails import stamps
from core.overlay import DIVERGING, OPACITY, SEQUENTIAL, table_text
from dashboard.bound_field import BoundField
from dashboard.layers.unit_selection import UnitSelection
from dashboard.state import entered, session
from dashboard.viewer import SHARED, film_data, script

_HERE = Path(__file__).parent
_grid = st.components.v2.component(
    "lightbox.units",
    html='<div class="units" data-testid="units"></div>',
    css=script("unit_grid.css", folder=_HERE),
    js=script(*SHARED, "small.js") + "\n" + script("unit_grid.js", folder=_HERE),
)


def grid(
    chosen: UnitSelection,
    *,
    off: Sequence[int],
    common: bool,
    key: str,
) -> None:
    """Draw one page of units with the window and colours of the large viewer; everything else happens in the browser.

    A click chooses a unit of the session; Page Up and Page Down turn to another page.

    off:    channels to mark as switched off.
    common: one colour scale for all units of the stage instead of one per unit.
    """
    activations, channels = chosen.activations, chosen.channels_of_page
    maps, ends, box = stamps(activations, channels), activations.ends, activations.placement
    _grid(
        key=key,
        data={
            "film": film_data(chosen.radiograph),
            "maps": base64.b64encode(maps.tobytes()).decode(),
            "name": f"{activations.radiograph} {activations.checkpoint} {activations.cleaning} {activations.stage}",
            "height": maps.shape[1],
            "width": maps.shape[2],
            "box": [box.x0, box.y0, box.x1, box.y1],
            "turn": box.turn % 4,
            "signed": activations.signed,
            "common": float(ends.max()) if common else None,
            "units": [_unit(chosen, channel, off=channel in off) for channel in channels],
            "label": f"Units of {activations.stage}",
            "chosen": chosen.channel,
            "page": chosen.page,
            "pages": chosen.pages,
            "tables": {name: table_text(name) for name in SEQUENTIAL + DIVERGING},
            "sequential": SEQUENTIAL,
            "diverging": DIVERGING,
            "opacity": OPACITY,
        },
        on_chosen_change=lambda: _store(key, "chosen", BoundField("layers.channel", int)),
        on_page_change=lambda: _store(key, "page", BoundField("layers.page", int)),
    )


def _unit(chosen: UnitSelection, channel: int, *, off: bool) -> dict[str, Any]:
    return {
        "channel": channel,
        "end": float(chosen.activations.ends[channel]),
        "figure": chosen.figure(channel),
        "description": chosen.description(channel),
        "off": off,
    }


def _store(key: str, name: str, field: BoundField) -> None:
    value = getattr(entered(key), name)
    if value is not None:
        field(session(), value)
