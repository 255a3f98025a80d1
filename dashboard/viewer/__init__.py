"""The radiograph viewer: the film at full depth with the heat over it, windowed and coloured in the browser.

The film's pixels are transferred once: Streamlit serves them with its pictures (`/media`), at an address derived from
their content, and the browser caches them while the page is open. A rerun sends only the small map and its texts.
Window, zoom, opacity, threshold, colours and mode never go back to the server.

Place, window, turn, mirror and measurements belong to the film, so that all viewers of one film show the same on every
page; the display of the heat and the tool are shared by all viewers. Place, window and display are stored after the #
of the page's address (`#view=...`), which Python never sees; turn, mirror and measurements (dashboard.annotations) are
part of the session.
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

_OUTLINE = 0.002  # of the long side: width of the outline of a drawn finding
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

_LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL")  # DICOM's view positions, and manufacturers' variants


def script(*names: str, folder: Path = _HERE) -> str:
    """These files as one module: a component's script can't import other files."""
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

    explanations: maps of this radiograph; without any, the film is shown without heat, with room for the colour bar.
    key:      of this viewer on its page; zoom and window belong to the radiograph, heat display to all viewers.
    title:    one line above the film, "model · method · stage" on a page with several viewers.
    captions: texts beside the colour bar, one per map; by default `core.overlay.caption`.
    scale:    value at the end of the colour map, in the maps' unit, if viewers share one; None: each its own peak.
    height:   of the film on screen in CSS px; None: as tall as the window allows.
    note:     why there is no map, in place of the colour bar.
    source:   names model and prediction in the saved view (`core.explain.export.source_line`).
    withheld: why available maps are not drawn; empty to draw them.
    link:     viewers with the same link all show a cross and the values under the pointer of one of them, and can share
              one bar of `controls`. Viewers of one film share their view anyway; other films of the link follow each
              change: the same place as a share of the film, the same window as a preset or as a share of their own.
    compact:  for one of several small panes: title, film, probe, colour bar and caption; no controls of its own.
    outdated: whether another map is about to replace this one; its heat is drawn faintly.
    Raises:   ValueError if a map is of another radiograph, or there is not one caption per map.
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
    """Applies turn, mirror and inversion from the viewer to the screen and the network."""
    change = entered(viewer).arranged
    if change:
        session().clean(
            radiograph.key, turn=-int(change["turn"]) % 4, mirror=bool(change["flip"]), invert=bool(change["invert"])
        )


def _adopt(radiograph: Radiograph, viewer: str) -> None:
    """Applies the window on screen to the network as well."""
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
    """Draw one bar of controls for all viewers of a link, anywhere on the page.

    It acts on the viewer used last; the others follow. It is inactive until the first viewer is there.
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
    scale:    value at the end of the colour map of all maps; None: each its own.
    withheld: why available maps are not drawn; empty to draw them.
    Returns:  the clicked layer, only in the rerun after the click; else None.
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
    """The film's data for the browser, with the address of its pixels: rows, little-endian, uncompressed."""
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
    """(H, W) the drawn pixels of the overlay; for the ground truth of a drawn film only the outline."""
    if not plane.is_truth:
        return plane.shape
    width = max(1, round(_OUTLINE * max(plane.shape.shape)))
    inner = cv2.erode(plane.shape.astype(np.uint8), np.ones((2 * width + 1, 2 * width + 1), np.uint8))
    return np.asarray(plane.shape & (inner == 0))


def _linear(radiograph: Radiograph) -> list[Window]:
    """The file's further windows that the browser can apply on its own: linear ones, on these pixels."""
    return [window for window in radiograph.windows if window.curve is None and radiograph.linear is None]


def _sides(radiograph: Radiograph) -> dict[str, str] | None:
    """The patient's side at each edge of the stored film; None if the file does not give its orientation."""
    if radiograph.orientation is None:
        return None
    across, down = radiograph.orientation
    letters = {"left": OPPOSITE[across], "top": OPPOSITE[down], "right": across, "bottom": down}
    return {edge: letter if letter in "RLAP" else "" for edge, letter in letters.items()}


def _hung(radiograph: Radiograph, cleaning: Cleaning) -> list[str] | None:
    """The patient's side at the left, top, right and bottom of the screen, as frontal films are hung, in brackets.

    "?" if that is unknown: the film was mirrored, or is not an upright frontal chest as displayed. None if the file
    gives the orientation, or says that the film is lateral.
    """
    if radiograph.orientation is not None or radiograph.view in _LATERAL:
        return None
    checks = [check for check in film_properties.quality(radiograph, cleaning) if check.name in ("frontal", "turned")]
    usual = not cleaning.mirror and not any(check.withholds for check in checks)
    return ["(R)", "", "(L)", ""] if usual else ["?", "", "?", ""]


def _address(radiograph: Radiograph, key: str) -> str:
    """Address that serves the pixels while a session shows this film; empty without a server.

    Streamlit names big files by samples of their content, so that an edited film of the same size could be mistaken for
    the original; the radiograph's key as file name distinguishes them.
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
    """The map at its own size, with everything drawn or written with it."""
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
