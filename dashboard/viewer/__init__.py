"""The radiograph viewer: the film at full depth with the heat over it, windowed and coloured in the browser.

The film's pixels travel once: they are put where Streamlit serves its pictures (`/media`), under an address made of
their content, and the browser keeps them for as long as the page is open. What a rerun sends is the small map and its
texts. Window, zoom, opacity, threshold, colours and mode never come back to the server.

What belongs to what: place, window, turn, mirror and measurements to the film, so that all viewers of one film show the
same on every page; the look of the heat and the tool to all viewers. Place, window and look stand behind the # of the
page's address (`#view=...`), which Python never sees, and which restores them; turn, mirror and measurements
(dashboard.annotations) are part of the session.
"""

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime import Runtime

from core.image.arrangement import OPPOSITE, by_hand, through
from core.overlay import DIVERGING, OPACITY, SEQUENTIAL, absence, caption, end, legend_lines, table_text
from core.types import Cleaning, Explanation, Plane, Radiograph, Window, digest
from dashboard.cache import film_properties
from dashboard.state import entered, session

_OUTLINE = 0.002  # of the long side: how wide the outline of a drawn finding is
_HERE = Path(__file__).parent
SHARED = ("store.js", "transfer.js", "window.js", "frame.js", "film.js", "heat.js", "colours.js", "address.js")
_CONTROLS = (
    "icons.js",
    "help.js",
    "measures.js",
    "shapes.js",
    "labels.js",
    "saved_view.js",
    "tools.js",
    "legend.js",
    "present.js",
    "acts.js",
    "keys.js",
    "pointer.js",
    "cross.js",
)
_STYLES = ("viewer.css", "tools.css", "help.css")

_LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL")  # DICOM's view positions, and what makers write


def script(*names: str, folder: Path = _HERE) -> str:
    """The plain files as one module: a component's script can't import its neighbours."""
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


_viewer = st.components.v2.component(
    "lightbox.viewer",
    html='<div class="viewer" data-testid="viewer"></div>',
    css=script(*_STYLES),
    js=script(*SHARED, *_CONTROLS, "contours.js", "marks.js", "loupe.js", "viewer.js"),
)
_controls = st.components.v2.component(
    "lightbox.controls",
    html='<div class="viewer" data-testid="controls"></div>',
    css=script(*_STYLES),
    js=script(*SHARED, *_CONTROLS, "bar.js"),
)
_strip = st.components.v2.component(
    "lightbox.stage_strip",
    html='<div class="strip" data-testid="stage-strip"></div>',
    css=script("strip.css"),
    js=script(*SHARED, "small.js", "strip.js"),
)


def viewer(
    radiograph: Radiograph,
    explanations: Sequence[Explanation] = (),
    *,
    key: str,
    title: str = "",
    captions: Sequence[str] = (),
    scale: float | None = None,
    height: int | None = None,
    note: str = "",
    source: str = "",
    withheld: str = "",
    link: str | None = None,
    compact: bool = False,
    outdated: bool = False,
) -> None:
    """Draw the radiograph with the first map over it; `[` and `]` step through further ones without a rerun.

    explanations: maps of this radiograph; none shows the bare film, and the room for the colour bar stays.
    key:      of this viewer on its page; zoom and window belong to the radiograph, the look of the heat to all viewers.
    title:    one line above the film, "model · method · stage" on a page with several viewers.
    captions: what stands beside the colour bar, one a map; by default `core.overlay.caption`.
    scale:    value at the end of the colour map, in the maps' unit, where viewers share one; None: each its own peak.
    height:   of the film on screen in CSS px; None: as tall as the window allows.
    note:     stands where the colour bar would be, if there is no map: why there is none.
    source:   names model and prediction in the saved view (`core.explain.export.source_line`).
    withheld: why maps that could be drawn are not; empty to draw them.
    link:     viewers of one link show a cross, and what is read there, where one of them is pointed at; `controls` can
              stand for them all. Those of one film share their view anyway; another film of the link follows each
              change: the same place as a share of the film, and the same window as a preset or as a share of its own.
    compact:  for one of several small panes: title, film, probe, colour bar and caption; no controls of its own.
    outdated: whether another map is about to replace this one; its heat is drawn faintly.
    Raises:   ValueError if a map is of another radiograph, or there is not one caption a map.
    """
    if captions and len(captions) != len(explanations):
        raise ValueError(f"there are {len(captions)} captions for {len(explanations)} maps")
    words = captions or [caption(explanation) for explanation in explanations]
    maps = [_map(radiograph, explanation, scale=scale, withheld=withheld) for explanation in explanations]
    for entry, explanation in zip(maps, explanations, strict=True):
        entry["legend"] = legend_lines(radiograph, explanation, source)
    _viewer(
        key=key,
        data={
            "viewer": key,
            "film": film_data(radiograph),
            "maps": [entry | {"caption": text} for entry, text in zip(maps, words, strict=True)],
            "tables": {name: table_text(name) for name in SEQUENTIAL + DIVERGING},
            "sequential": SEQUENTIAL,
            "diverging": DIVERGING,
            "opacity": OPACITY,
            "title": title,
            "height": height,
            "note": note,
            "legend": legend_lines(radiograph, None, source),
            "link": link,
            "compact": compact,
            "outdated": outdated,
        },
        on_arranged_change=lambda: _arrange(radiograph, key),
        on_windowed_change=lambda: _adopt(radiograph, key),
    )


def _arrange(radiograph: Radiograph, viewer: str) -> None:
    """Turn, mirror and inversion, as they were set in the viewer, for the screen and the network."""
    change = entered(viewer).arranged
    if change:
        session().clean(
            radiograph.key, turn=-int(change["turn"]) % 4, mirror=bool(change["flip"]), invert=bool(change["invert"])
        )


def _adopt(radiograph: Radiograph, viewer: str) -> None:
    """The window on screen, for the network, too."""
    change = entered(viewer).windowed
    if change and change["preset"] != "film":
        now = through(radiograph, session().cleaning(radiograph.key).window)
        if now.linear is not None:
            session().problems.append(
                "This film is shown through a lookup table. Choose another window for the model below the film first."
            )
            return
        session().clean(radiograph.key, window=by_hand(now, float(change["black"]), float(change["white"])))


def controls(link: str, *, key: str) -> None:
    """Draw one bar of controls for all viewers of a link, wherever they are on the page.

    It acts on the one that was used last; the others follow. Before the first of them is there it rests.
    """
    _controls(key=key, data={"link": link})


def stage_strip(
    radiograph: Radiograph,
    explanations: Sequence[Explanation],
    *,
    selected: str | None,
    key: str,
    scale: float | None = None,
    withheld: str = "",
) -> str | None:
    """Draw one row of small maps, one per stage; a click requests that stage.

    selected: layer of the map that the page shows large; it is marked.
    scale:    value at the end of the colour map of them all; None: each its own.
    withheld: why maps that could be drawn are not; empty to draw them.
    Returns:  the layer that was clicked, in the one rerun after the click; else None.
    Raises:   ValueError if a map is of another radiograph.
    """
    result = _strip(
        key=key,
        data={
            "film": film_data(radiograph),
            "maps": [_map(radiograph, explanation, scale=scale, withheld=withheld) for explanation in explanations],
            "common": scale is not None,
            "tables": {name: table_text(name) for name in SEQUENTIAL + DIVERGING},
            "sequential": SEQUENTIAL,
            "diverging": DIVERGING,
            "opacity": OPACITY,
            "selected": selected,
        },
        on_chosen_change=lambda: None,
    )
    chosen: str | None = result.chosen
    return chosen


def film_data(radiograph: Radiograph) -> dict[str, Any]:
    """What the browser must know of the film, and where it fetches the pixels: rows, little-endian, uncompressed."""
    now = session().cleaning(radiograph.key)
    film = through(radiograph, now.window)
    key = f"{radiograph.key}-{digest(now.window)[:8]}" if now.window else radiograph.key
    height, width = film.pixels.shape
    sized = next((check for check in film_properties.quality(radiograph, now) if check.name == "spacing"), None)
    trusted = sized is None or sized.level != "warning"
    return {
        "key": key,
        "address": _address(film, key),
        "name": radiograph.name,
        "width": width,
        "height": height,
        "bits": 8 * film.pixels.dtype.itemsize,
        "black": film.black,
        "white": film.white,
        "turn": -now.turn % 4,
        "flip": now.mirror,
        "invert": now.invert,
        "spacing": radiograph.spacing if trusted else None,
        "untrusted": not trusted,
        "drawn": radiograph.drawn,
        "windows": [(window.name, window.black, window.white) for window in _linear(radiograph)]
        if not now.window
        else [],
        "sides": _sides(radiograph),
        "hung": _hung(radiograph, now),
        "atDetector": radiograph.at_detector,
        "planes": [
            {"name": plane.name, "bits": base64.b64encode(np.packbits(_drawn(plane)).tobytes()).decode()}
            for plane in radiograph.planes
        ],
    }


def _drawn(plane: Plane) -> NDArray[np.bool_]:
    """(H, W) the pixels of the overlay that are drawn: the outline alone of what is the truth of a drawn film."""
    if not plane.is_truth:
        return plane.shape
    width = max(1, round(_OUTLINE * max(plane.shape.shape)))
    inner = cv2.erode(plane.shape.astype(np.uint8), np.ones((2 * width + 1, 2 * width + 1), np.uint8))
    return np.asarray(plane.shape & (inner == 0))


def _linear(radiograph: Radiograph) -> list[Window]:
    """The further windows of the file that the browser can show by itself: those without a curve, on these pixels."""
    return [window for window in radiograph.windows if window.curve is None and radiograph.linear is None]


def _sides(radiograph: Radiograph) -> dict[str, str] | None:
    """The patient's side at each edge of the stored film; None where the file does not say how it lies."""
    if radiograph.orientation is None:
        return None
    across, down = radiograph.orientation
    letters = {"left": OPPOSITE[across], "top": OPPOSITE[down], "right": across, "bottom": down}
    return {edge: letter if letter in "RLAP" else "" for edge, letter in letters.items()}


def _hung(radiograph: Radiograph, cleaning: Cleaning) -> list[str] | None:
    """The patient's side at the left, top, right and bottom of the screen, as frontal films are hung, in brackets.

    "?" where that cannot be said: the film was mirrored, or is no upright frontal chest as it is seen. None where the
    file says how the film lies, or that it is a lateral one.
    """
    if radiograph.orientation is not None or radiograph.view in _LATERAL:
        return None
    checks = [check for check in film_properties.quality(radiograph, cleaning) if check.name in ("frontal", "turned")]
    usual = not cleaning.mirror and not any(check.withholds for check in checks)
    return ["(R)", "", "(L)", ""] if usual else ["?", "", "?", ""]


def _address(radiograph: Radiograph, key: str) -> str:
    """Where the pixels are served for as long as a session shows this film; empty without a server.

    Streamlit names big files by samples of their content, so an edited film of the same size could be taken for the
    original; the radiograph's key as file name keeps them apart.
    """
    if not Runtime.exists():
        return ""
    little = radiograph.pixels.astype(radiograph.pixels.dtype.newbyteorder("<"), copy=False)
    return Runtime.instance().media_file_mgr.add(
        little.tobytes(),
        "application/octet-stream",
        coordinates=f"lightbox.film.{key}",
        file_name=key,
    )


def _map(radiograph: Radiograph, explanation: Explanation, *, scale: float | None, withheld: str) -> dict[str, Any]:
    """The map at its own size and everything that is drawn or written with it."""
    if explanation.radiograph != radiograph.key:
        raise ValueError(f"the map is of radiograph {explanation.radiograph}, not of {radiograph.key}")
    height, width = explanation.heat.shape
    box = explanation.placement
    peak = None if math.isnan(explanation.peak) else explanation.peak
    return {
        "key": explanation.key,
        "heat": base64.b64encode(explanation.heat.astype(np.dtype("<f4"), copy=False).tobytes()).decode(),
        "width": width,
        "height": height,
        "box": [box.x0, box.y0, box.x1, box.y1],
        "turn": box.turn % 4,
        "signed": explanation.signed,
        "unit": explanation.unit,
        "peak": peak,
        "scale": scale or (None if peak is None else end(explanation)),
        "finding": explanation.finding,
        "method": explanation.method,
        "layer": explanation.layer,
        "absence": absence(explanation) or withheld or None,
    }
