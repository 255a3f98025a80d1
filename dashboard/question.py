"""The sentence above the film, whose gaps are menus; the settings of the method; and what can be taken away."""

from functools import partial

import streamlit as st

from core.explain.export import map_npz, overlay_png
from core.explain.method import Setting, Value, methods
from core.models.findings import words
from dashboard import cache, draw
from dashboard.desk import Chosen
from dashboard.download import file_name
from dashboard.state import Session, bind


def sentence(chosen: Chosen) -> None:
    """Where the model looked for [finding] with [method] at [stage]."""
    with st.container(key="sentence", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Where the model looked for", width="content")
        findings = chosen.checkpoint.findings
        draw.select(
            "Finding",
            findings,
            chosen.finding,
            _keep_finding,
            at="read",
            words=words,
            hidden=True,
            width=max(150, 60 + 8 * max(map(len, findings))),  # px: the longest name is not cut
        )
        st.markdown("with", width="content")
        draw.select(
            "Method",
            list(methods),
            chosen.method.name,
            _keep_method,
            at="read",
            words=lambda name: methods[name].title,
            hidden=True,
            width=205,
        )
        if chosen.layer is not None:
            sizes = cache.stage_sizes(chosen.checkpoint)
            st.markdown("at", width="content")
            draw.select(
                "Stage",
                list(sizes),
                chosen.layer,
                _keep_layer,
                at="read",
                words=lambda stage: f"{stage} · {sizes[stage][0]} × {sizes[stage][1]}",
                hidden=True,
                width=170,
            )
        _settings(chosen)
        st.space("stretch")
        _downloads(chosen)


def _settings(chosen: Chosen) -> None:
    """The method's settings as its registry entry lists them, folded away; nothing where it has none."""
    if not chosen.method.settings:
        return
    with st.popover("Settings", icon=":material/tune:", type="tertiary"):
        for setting in chosen.method.settings:
            _setting(chosen.method.name, setting, chosen.settings[setting.name])


def _setting(method: str, setting: Setting, value: Value) -> None:
    label = setting.name.replace("_", " ").capitalize()
    key = bind(f"{method} {setting.name}", value)
    keep = (key, partial(_keep_setting, method, setting.name))
    meaning = setting.meaning[:1].upper() + setting.meaning[1:] + "."
    if setting.choices:
        st.selectbox(label, setting.choices, key=key, help=meaning, on_change=draw.kept, args=keep)
    elif setting.kind is bool:
        st.toggle(label, key=key, help=meaning, on_change=draw.kept, args=keep)
    else:
        low, high = setting.kind(setting.low), setting.kind(setting.high)
        st.slider(label, low, high, key=key, help=meaning, on_change=draw.kept, args=keep)


def _downloads(chosen: Chosen) -> None:
    """The overlay as a picture and the map as numbers; made only when asked for."""
    st.download_button(
        "Overlay",
        partial(overlay_png, chosen.radiograph, chosen.explanation),
        file_name(chosen.radiograph, chosen.explanation, "png"),
        "image/png",
        help="The heat over the whole film in the standard look, with colour bar and notice (PNG)",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )
    st.download_button(
        "Map",
        partial(map_npz, chosen.radiograph, chosen.explanation, chosen.checkpoint, chosen.prediction),
        file_name(chosen.radiograph, chosen.explanation, "npz"),
        "application/octet-stream",
        help="The raw numbers with their place on the film, method, finding and model (NumPy .npz)",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def _keep_finding(here: Session, finding: str) -> None:
    here.finding = finding


def _keep_method(here: Session, method: str) -> None:
    here.method = method


def _keep_layer(here: Session, layer: str) -> None:
    here.layer = layer


def _keep_setting(method: str, name: str, here: Session, value: Value) -> None:
    here.settings.setdefault(method, {})[name] = value
