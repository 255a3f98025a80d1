"""Units: the network's stages, what each unit of one answers to this film, and one unit in full."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.errors import BadData
from core.models.findings import words
from core.types import Checkpoint, Radiograph
from dashboard import cache, draw, link, markup, progress, selection
from dashboard.layers import unit_details
from dashboard.layers import unit_selection as looks
from dashboard.layers.export import downloads
from dashboard.layers.network import network
from dashboard.layers.unit_grid import grid
from dashboard.layers.unit_panel import figures, picture
from dashboard.layers.unit_selection import UnitSelection
from dashboard.state import Session, bind, session

NAME, TITLE, ORDER = "units", "Units", 1
_UNIT = "Each is a detector; its map shows where on this film it answers."
_INNER = (
    "This layer lies within a stage. What a unit answers to in other films, what excites it and what is said without "
    "it is known of the stages' own units: click a stage."
)
_LOOKS = Path(__file__).parent / "unit_browser.css"


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """The network, the units of the stage that is looked at, and the one that is chosen."""
    st.html(_LOOKS)
    place = st.empty()
    with st.container(key="units"):
        plan = cache.plan(card).result(progress.tells(place, "Network"))
        place.empty()
        cleaning = session().cleaning(radiograph.key)
        stage, told = looks.stage_of(plan, card)
        left, middle, right = st.columns([1.05, 2.35, 2.2], gap="medium")
        with left, st.container(key="network"):
            where = cache.placement(card, radiograph, cleaning)
            network(plan, card, radiograph, where, chosen=stage, keep=looks.keep_stage)
        note = middle.empty()
        with draw.shown():
            prediction = cache.predict(card, radiograph, cleaning, tell=progress.tells(note, "Prediction"))
            finding = selection.asked_finding(prediction, card)
            asked = cache.activations(card, radiograph, cleaning, stage, finding)
            found = asked.result(progress.tells(note, f"Units of {stage}"))
            note.empty()
            usual = _usual(card, stage)
            look = looks.look(radiograph, card, finding, found, usual=usual, told=told)
            with right, st.container(key="unit", gap="small"):
                picture(look)  # first: what was clicked for
            with middle, st.container(key="listed", gap="small"):
                _listed(look, usual)
            with middle, st.container(key="figures", gap="small"):
                figures(look)
            with right, st.container(key="beside"):
                if look.inner:
                    st.html(markup.paragraph(_INNER, quiet=True))
                else:
                    unit_details.told(radiograph, card, stage, look.channel)


def _usual(card: Checkpoint, stage: str) -> NDArray[np.float32] | None:
    """What the stage's units answer on average, where there is an atlas; why one cannot be read is told below."""
    with suppress(BadData):
        atlas = cache.atlas(card)
        return atlas.usual.get(stage) if atlas else None
    return None


def _listed(look: UnitSelection, usual: NDArray[np.float32] | None) -> None:
    """The units in order, a page of them, and the ways to find others."""
    high, wide = look.found.maps.shape[1:]
    draw.section(f"Units of {look.found.stage}", f"{len(look.found.maps)} maps of {high} × {wide} on this film")
    st.html(markup.paragraph(_UNIT, quiet=True))
    with st.container(key="order", horizontal=True, vertical_alignment="bottom", gap="small", wrap=False):
        names = {**looks.orders(usual), "relevance": f"by how much they speak for {words(look.finding)}"}
        draw.select(
            "Order", list(names), look.order, looks.keep_order, at="units", words=names.__getitem__, hidden=True
        )
        key = bind("search for units", session().layers.search)
        st.text_input(
            "Find",
            key=key,
            placeholder="Find 3, 7, 10-19",
            max_chars=200,
            label_visibility="collapsed",
            on_change=draw.kept,
            args=(key, looks.keep_search),
            width=130,
        )
    if look.told:
        st.html(markup.status(look.told, level="note"))
    grid(
        look.radiograph,
        look.found,
        look.page,
        figures=[look.figure(channel) for channel in look.page],
        told=[look.words(channel) for channel in look.page],
        chosen=look.channel,
        off=[channel for stage, channel in session().layers.off if stage == look.found.stage],
        common=session().common_scale,
        keep=looks.keep_channel,
        sheet=look.sheet,
        sheets=look.sheets,
        between=look.between,
        turn=looks.keep_sheet,
        key="units of the stage",
    )
    with st.container(key="units taken away", horizontal=True, vertical_alignment="center", gap="small"):
        draw.switch(
            "Same scale", session().common_scale, _keep_common, help="Draws the maps of all units on one colour scale."
        )
        downloads(look, usual=usual)
        link.button()


def _keep_common(here: Session, common: bool) -> None:
    here.common_scale = common
