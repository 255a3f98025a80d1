"""The controls of the what-if bench: which edit, how strong, where; undo."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import UserError
from core.explain.method import Setting
from core.types import Radiograph
from core.what_if.edit import EditKind, edits, made_edit
from core.what_if.region import parsed
from dashboard import draw
from dashboard.bound_field import BoundField, widget
from dashboard.cache import film_properties
from dashboard.state import Session, entered, session
from dashboard.viewer import SHARED, script
from dashboard.what_if.what_if_state import DRAWN, WHOLE

_HERE = Path(__file__).parent
_TOOLS = "region tools"
_tools = st.components.v2.component(
    "lightbox.region_tools",
    html='<div class="region" data-testid="region-tools"></div>',
    css=script("region_tools.css", folder=_HERE),
    js=script(*SHARED) + "\n" + script("region_tools.js", folder=_HERE),
)


def controls(radiograph: Radiograph) -> None:
    """The edit, its settings, its place, and the buttons; a change draws the page again."""
    here = session()
    state, kind = here.what_if, edits[here.what_if.name]
    places = _places(radiograph, kind)
    where = state.where if state.where in places else places[0]
    with st.container(key="what-if choice", horizontal=True, vertical_alignment="bottom", gap="small"):
        draw.select(
            "Edit", list(edits), state.name, BoundField("what_if.name"), at="what-if", words=_title, help=kind.plain
        )
        if len(places) > 1:
            draw.select("Where", places, where, BoundField("what_if.where"), at="what-if")
        for setting in kind.settings:
            _setting(radiograph, kind, setting)
    with st.container(key="what-if act", horizontal=True, vertical_alignment="center", gap="small"):
        if where == DRAWN:
            height, width = radiograph.pixels.shape
            _tools(
                key=_TOOLS,
                data={"film": radiograph.key, "width": width, "height": height},
                on_drawn_change=partial(_apply_drawn, radiograph),
            )
        else:
            region = "" if where == WHOLE else f"zone:{where}"
            st.button("Apply", type="primary", on_click=apply, args=(radiograph, region), key="what-if apply")
        made = state.edits.get(radiograph.key, ())
        undo = partial(state.undo, radiograph.key)
        st.button("Undo", icon=":material/undo:", disabled=not made, on_click=undo, key="undo edit")
        st.button("Remove all", disabled=not made, on_click=partial(state.clear, radiograph.key), key="no edits")
    if state.problem:
        draw.problem(state.problem)


def apply(radiograph: Radiograph, region: str) -> None:
    """Makes the chosen edit; region: as text, empty for the whole film. An error becomes the page's `problem`."""
    state = session().what_if
    try:
        change = made_edit(state.name, state.settings.get(state.name, {}), parsed(region) if region else None)
    except UserError as error:
        state.problem = str(error)
        return
    add(radiograph.key, change.text)


def add(key: str, text: str) -> None:
    """Adds an edit to the film."""
    state = session().what_if
    state.edits[key] = (*state.edits.get(key, ()), text)
    state.problem = ""


def _apply_drawn(radiograph: Radiograph) -> None:
    text = entered(_TOOLS).drawn
    if text:
        apply(radiograph, str(text))


def _places(radiograph: Radiograph, kind: EditKind) -> list[str]:
    zones = list(film_properties.zones(radiograph, session().cleaning(radiograph.key)))
    return {"film": [WHOLE], "region": [DRAWN, *zones], "either": [DRAWN, WHOLE, *zones]}[kind.scope]


def _setting(radiograph: Radiograph, kind: EditKind, setting: Setting) -> None:
    """A slider or menu of one setting."""
    here = session()
    value = here.what_if.settings.get(kind.name, {}).get(setting.name, setting.default)

    def store(here: Session, entry: Any) -> None:
        here.what_if.settings.setdefault(kind.name, {})[setting.name] = entry

    label, bound = setting.name.capitalize(), widget(f"what-if {kind.name} {setting.name}", value, store)
    if setting.choices:
        st.selectbox(label, setting.choices, **bound)
    elif setting.low is None or setting.high is None:
        others = {key: film.name for key, film in here.radiographs.items() if key != radiograph.key}
        if others:
            bound = widget(
                f"what-if {kind.name} {setting.name}", value if value in others else next(iter(others)), store
            )
            st.selectbox("Film", list(others), format_func=lambda key: others[key], **bound)
    elif setting.kind is int:
        st.slider(label, int(setting.low), int(setting.high), help=setting.meaning, **bound)
    else:
        low, high = float(setting.low), float(setting.high)
        st.slider(label, low, high, step=(high - low) / 200, help=setting.meaning, **bound)


def _title(name: str) -> str:
    return edits[name].title
