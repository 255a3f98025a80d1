"""The units of a stage as a grid of small maps over the film; a click, or Enter, chooses one."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.layers.stamps import stamps
from core.overlay import DIVERGING, OPACITY, SEQUENTIAL, table_text
from dashboard.layers.unit_selection import UnitSelection
from dashboard.state import Session, entered, session
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
    keep: Callable[[Session, int], None],
    turn: Callable[[Session, int], None],
    key: str,
) -> None:
    """Draw one page of units with the window and colours of the large viewer; all else happens in the browser.

    off:    channels that are marked as switched off.
    common: one colour scale for all units of the stage instead of one per unit.
    keep:   is handed the channel that was clicked, before the page is drawn again.
    turn:   is handed the number of another page, from 0 (Page Up and Page Down in the grid).
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
            "units": [
                {
                    "channel": channel,
                    "end": float(ends[channel]),
                    "figure": chosen.figure(channel),
                    "description": chosen.description(channel),
                    "off": channel in off,
                }
                for channel in channels
            ],
            "label": f"Units of {activations.stage}",
            "chosen": chosen.channel,
            "page": chosen.page,
            "pages": chosen.pages,
            "tables": {name: table_text(name) for name in SEQUENTIAL + DIVERGING},
            "sequential": SEQUENTIAL,
            "diverging": DIVERGING,
            "opacity": OPACITY,
        },
        on_chosen_change=lambda: _keep(key, "chosen", keep),
        on_page_change=lambda: _keep(key, "page", turn),
    )


def _keep(key: str, name: str, keep: Callable[[Session, int], None]) -> None:
    value: Any = getattr(entered(key), name)
    if value is not None:
        keep(session(), int(value))
