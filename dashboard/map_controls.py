"""The sentence above the film, with menus in it; the settings of the method; and downloads."""

import math
from collections.abc import Mapping
from functools import partial

import streamlit as st

from core.explain.method import Setting, Value
from core.models.findings import words
from core.types import FUSED
from dashboard import draw, film_pair, link, save_menu, selection
from dashboard.bound_field import BoundField, widget
from dashboard.cache import networks
from dashboard.method_menu import method_menu
from dashboard.selection import MapView
from dashboard.state import Session, session

_WIDE = 1000  # whole numbers between the bounds of a setting, from which a slider is too coarse to set
_FEWEST, _MOST = 30, 250  # positions of a slider for real numbers
_EXACT = 1e-6  # of a step: tolerance for rounding
METHOD = BoundField("method", then=selection.no_refusal)


def sentence(chosen: MapView) -> None:
    """Where the model looked for [finding] with [method] at [stage]."""
    with st.container(key="sentence", horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown("Where the model looked for", width="content")
        findings = chosen.checkpoint.findings
        draw.select(
            "Finding",
            findings,
            chosen.finding,
            BoundField("finding", then=selection.no_refusal),
            at="read",
            words=words,
            hidden=True,
            width=max(130, 60 + 8 * max(map(len, findings))),  # px: wide enough for the longest name
        )
        st.markdown("with", width="content")
        method_menu(chosen.method, selection.refusals(chosen.checkpoint), METHOD, key="method menu")
        if chosen.layer is None:
            for _ in range(2):
                st.empty()  # otherwise the menu of another method would remain while this one is computed
        else:
            st.markdown("at", width="content")
            _stage(chosen, chosen.layer)
        _settings(chosen)


def _stage(chosen: MapView, layer: str) -> None:
    """A menu of the single stages, and all that can have a map fused into one."""
    sizes = networks.stage_sizes(chosen.checkpoint)
    fit = networks.fitting(chosen.checkpoint, chosen.method.name)
    unfit = networks.incompatibilities(chosen.checkpoint, chosen.method.name)
    fused = FUSED.join(fit)

    def words(layer: str) -> str:
        if FUSED in layer:
            return "all stages, fused" if layer == fused else layer.replace(FUSED, " + ")
        return f"{layer} · {sizes[layer][0]} × {sizes[layer][1]}" if layer in fit else f"{layer} · no map"

    several = [fused] if len(fit) > 1 else []
    own = [layer] if layer not in (*sizes, fused) else []
    draw.select(
        "Stage",
        [*sizes, *several, *own],
        layer,
        partial(_set_layer, chosen.method.title, unfit),
        at="read",
        words=words,
        hidden=True,
        width=160,
    )


def _settings(chosen: MapView) -> None:
    """The method's settings from its registry entry, collapsed; nothing if it has none."""
    method = chosen.method
    if not method.settings:
        st.empty()
        return
    own = chosen.settings != method.parse({})
    with st.popover("Settings ·" if own else "Settings", icon=":material/tune:", type="tertiary", key="settings"):
        for setting in method.settings:
            _setting(method.name, setting, chosen.settings[setting.name])
        if own:
            st.button("Reset to defaults", type="tertiary", on_click=_reset, args=(method.name,))


def _setting(method: str, setting: Setting, value: Value) -> None:
    label = setting.name.replace("_", " ").capitalize()
    common = widget(
        f"{method} {setting.name}", value, lambda here, value: here.set_setting(method, setting.name, value)
    )
    common["help"] = setting.meaning[:1].upper() + setting.meaning[1:] + "."
    if setting.choices:
        st.selectbox(label, setting.choices, **common)
    elif setting.kind is bool:
        st.toggle(label, **common)
    elif setting.low is None or setting.high is None:
        st.number_input(label, **common)
    elif setting.kind is float:
        step = tick(setting.low, setting.high, float(setting.default))
        if step is None:
            st.number_input(label, float(setting.low), float(setting.high), **common)
        else:
            digits = max(0, -math.floor(math.log10(step)))
            st.slider(label, float(setting.low), float(setting.high), step=step, format=f"%.{digits}f", **common)
    elif setting.high - setting.low > _WIDE:
        st.number_input(label, int(setting.low), int(setting.high), step=1, **common)
    else:
        st.slider(label, int(setting.low), int(setting.high), **common)


def tick(low: float, high: float, default: float) -> float | None:
    """The widest round step (1, 2 or 5 times a power of ten) from `low` that meets the default and leaves a slider 30
    to 250 positions; None if there is none and the number has to be typed."""
    steps = [digit * 10.0**power for power in range(4, -7, -1) for digit in (5, 2, 1)]
    for step in steps:
        places = (high - low) / step
        off = abs((default - low) / step - round((default - low) / step))
        if _FEWEST <= places <= _MOST and off < _EXACT:
            return step
    return None


def downloads(chosen: MapView, *, pair: bool = True) -> None:
    """The Save menu and the link. pair: whether there is a menu for a second film."""
    with st.container(key="downloads", horizontal=True, gap="xsmall", wrap=False, width="content"):
        if pair:
            film_pair.menu()
        save_menu.menu(chosen)
        save_menu.send_button(chosen)
        link.button()


def _set_layer(title: str, unfit: Mapping[str | None, str], here: Session, layer: str) -> None:
    if reason := unfit.get(layer):
        here.refuse(f"{title} is not available at {layer}: {reason}")
        return
    here.layer = layer
    here.refuse("")


def _reset(method: str) -> None:
    session().settings.pop(method, None)
