"""What is drawn on the films, kept with them in the session: it outlives a reload and is part of every report.

The viewers draw and measure without the server. What was drawn is sent here a moment after each change, and comes back
to a page that was loaded anew.
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
    """Hands the session's annotations to the viewers of the page, and takes what they changed; draws nothing."""
    here = session()
    films = {key: _json(each) for key, each in here.annotations.items() if key in here.radiographs}
    with st.container(key="annotations"):
        _component(key=_KEY, data={"open": list(here.radiographs), "films": films}, on_changed_change=_change)


def _change() -> None:
    here = session()
    for key, value in (entered(_KEY).changed or {}).items():
        if key not in here.radiographs:
            continue  # removed meanwhile
        try:
            here.annotations[key] = annotations_of(value, key)
        except UserError as error:
            here.problems[:] = [str(error)]


def _json(annotations: FilmAnnotations) -> dict[str, Any]:
    """As `core.report.annotation.annotations_of` reads it."""
    shapes = [
        {"kind": each.kind, "points": [list(point) for point in each.points], "text": each.text}
        for each in annotations.items
    ]
    return {"shapes": shapes, "calibration": annotations.calibration}
