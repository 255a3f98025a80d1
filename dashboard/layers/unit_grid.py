"""The units of a stage as a grid of small maps over the film; a click, or Enter, chooses one."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.layers.activations import Activations
from core.layers.small import stamps
from core.overlay import DIVERGING, OPACITY, SEQUENTIAL, table_text
from core.types import Radiograph
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
    radiograph: Radiograph,
    found: Activations,
    channels: Sequence[int],
    *,
    figures: Sequence[str],
    told: Sequence[str],
    chosen: int,
    off: Sequence[int],
    common: bool,
    sheet: int,
    sheets: int,
    between: str,
    keep: Callable[[Session, int], None],
    turn: Callable[[Session, int], None],
    key: str,
) -> None:
    """Draw one page of units, with the window and colours of the large viewer; all else happens in the browser.

    figures: what stands under each map beside its number. told: what is said of each to who points at it.
    chosen:  is marked. off: are marked as switched off.
    common:  whether all units of the stage end their colours at one value, or each at its own.
    sheet:   the number of this page, from 0, of `sheets`; between: which units of how many it shows.
    keep:    is handed the channel that was clicked, before the page is drawn again.
    turn:    is handed the number of another page.
    """
    maps = stamps(found, channels)
    ends = found.ends
    box = found.placement
    _grid(
        key=key,
        data={
            "film": film_data(radiograph),
            "maps": base64.b64encode(maps.tobytes()).decode(),
            "name": f"{found.radiograph} {found.checkpoint} {found.cleaning} {found.stage}",
            "height": maps.shape[1],
            "width": maps.shape[2],
            "box": [box.x0, box.y0, box.x1, box.y1],
            "turn": box.turn % 4,
            "signed": found.signed,
            "common": float(ends.max()) if common else None,
            "units": [
                {
                    "channel": channel,
                    "end": float(ends[channel]),
                    "figure": figure,
                    "told": words,
                    "off": channel in off,
                }
                for channel, figure, words in zip(channels, figures, told, strict=True)
            ],
            "label": f"Units of {found.stage}",
            "chosen": chosen,
            "sheet": sheet,
            "sheets": sheets,
            "between": between,
            "tables": {name: table_text(name) for name in SEQUENTIAL + DIVERGING},
            "sequential": SEQUENTIAL,
            "diverging": DIVERGING,
            "opacity": OPACITY,
        },
        on_chosen_change=lambda: _handed(key, "chosen", keep),
        on_sheet_change=lambda: _handed(key, "sheet", turn),
    )


def _handed(key: str, what: str, keep: Callable[[Session, int], None]) -> None:
    value: Any = getattr(entered(key), what)
    if value is not None:
        keep(session(), int(value))
