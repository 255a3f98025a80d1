"""Annotations on the films, kept in the session: they survive a reload and are part of every report.

The viewers draw and measure without the server. They send the annotations here a moment after each change, and get
them back after a reload.
"""

from typing import Any

import streamlit as st

from core.errors import UserError
from core.report.annotation import FilmAnnotations, annotations_of
from dashboard.state import entered, session
from dashboard.viewer import script

_KEY = "the annotations"
_component = st.components.v2.component("lightbox.annotations", js=script("store.js", "kept_annotations.js"))


@st.fragment
def keep() -> None:
    """Sends the session's annotations to the viewers of the page and stores their changes; draws nothing."""
    here = session()
    films = {key: _json(each) for key, each in here.annotations.items() if key in here.radiographs}
    with st.container(key="annotations"):
        _component(key=_KEY, data={"open": list(here.radiographs), "films": films}, on_changed_change=_change)


def _change() -> None:
    here = session()
    for key, value in (entered(_KEY).changed or {}).items():
        if key not in here.radiographs:
            continue  # removed in the meantime
        try:
            here.annotations[key] = annotations_of(value, key)
        except UserError as error:
            here.problems[:] = [str(error)]


def _json(annotations: FilmAnnotations) -> dict[str, Any]:
    """The format that `core.report.annotation.annotations_of` reads."""
    shapes = [
        {"kind": each.kind, "points": [list(point) for point in each.points], "text": each.text}
        for each in annotations.items
    ]
    return {"shapes": shapes, "calibration": annotations.calibration}
