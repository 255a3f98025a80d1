"""Units: the network's stages, how each unit of one stage responds to this film, and one unit in detail."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.errors import BadData
from core.models.findings import words
from core.types import Checkpoint, Radiograph
from dashboard import draw, link, markup, progress, selection
from dashboard.bound_field import BoundField, widget
from dashboard.cache import atlas_results, film_properties, layer_requests, map_requests, networks
from dashboard.layers import unit_details, unit_selection
from dashboard.layers.export import downloads
from dashboard.layers.network import network
from dashboard.layers.unit_grid import grid
from dashboard.layers.unit_panel import figures, picture
from dashboard.layers.unit_selection import UnitSelection
from dashboard.state import session

NAME, TITLE, ORDER = "units", "Units", 1
_UNIT = "Each unit is a detector; its map shows where on this film it responds."
_LAYER = (
    "This layer lies within a stage. Examples in other films, what excites a unit and the prediction without it are "
    "available for the units of whole stages: click a stage."
)
_STYLES = Path(__file__).parent / "unit_browser.css"


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """The network, the units of the chosen stage, and the chosen unit."""
    st.html(_STYLES)
    place = st.empty()
    with st.container(key="units"):
        plan = networks.network_plan(card).result(progress.reporter(place, "Network"))
        place.empty()
        cleaning = session().cleaning(radiograph.key)
        stage, problem = unit_selection.stage_of(plan, card)
        left, middle, right = st.columns([1.05, 2.35, 2.2], gap="medium")
        with left, st.container(key="network"):
            where = film_properties.placement(card, radiograph, cleaning)
            network(plan, card, radiograph, where, chosen=stage)
        note = middle.empty()
        with draw.errors():
            prediction = map_requests.predict(card, radiograph, cleaning, report=progress.reporter(note, "Prediction"))
            finding = selection.selected_finding(prediction, card)
            request = layer_requests.unit_activations(card, radiograph, cleaning, stage, finding)
            activations = request.result(progress.reporter(note, f"Units of {stage}"))
            note.empty()
            usual = _usual(card, stage)
            chosen = unit_selection.select_units(radiograph, card, finding, activations, usual=usual, problem=problem)
            with right, st.container(key="unit", gap="small"):
                picture(chosen)  # first, in response to the click
            with middle, st.container(key="listed", gap="small"):
                _list(chosen, usual)
            with middle, st.container(key="figures", gap="small"):
                figures(chosen)
            with right, st.container(key="beside"):
                if chosen.is_layer:
                    st.html(markup.paragraph(_LAYER, quiet=True))
                else:
                    unit_details.details(radiograph, card, stage, chosen.channel)


def _usual(card: Checkpoint, stage: str) -> NDArray[np.float32] | None:
    """Mean activations of the stage's units, if there is a readable atlas; the details of the unit report a bad one."""
    with suppress(BadData):
        atlas = atlas_results.atlas(card)
        return atlas.usual.get(stage) if atlas else None
    return None


def _list(chosen: UnitSelection, usual: NDArray[np.float32] | None) -> None:
    """A page of the units in order, with search and paging."""
    maps, stage = chosen.activations.maps, chosen.activations.stage
    draw.section(f"Units of {stage}", f"{len(maps)} maps of {maps.shape[1]} × {maps.shape[2]} on this film")
    st.html(markup.paragraph(_UNIT, quiet=True))
    _order_and_search(chosen, usual)
    if chosen.problem:
        st.html(markup.status(chosen.problem, level="note"))
    grid(
        chosen,
        off=[channel for each, channel in session().layers.off if each == stage],
        common=session().common_scale,
        key="units of the stage",
    )
    _pager(chosen)
    with st.container(key="unit downloads", horizontal=True, vertical_alignment="center", gap="small"):
        draw.switch(
            "Same scale",
            session().common_scale,
            BoundField("common_scale"),
            help="Draws the maps of all units on one colour scale.",
        )
        downloads(chosen, usual=usual)
        link.button()


def _order_and_search(chosen: UnitSelection, usual: NDArray[np.float32] | None) -> None:
    with st.container(key="order", horizontal=True, vertical_alignment="bottom", gap="small", wrap=False):
        names = {**unit_selection.orders(usual), "relevance": f"by relevance for {words(chosen.finding)}"}
        draw.select(
            "Order",
            list(names),
            chosen.order,
            BoundField("layers.order", then=unit_selection.first_page),
            at="units",
            words=names.__getitem__,
            hidden=True,
        )
        st.text_input(
            "Find",
            **widget("search for units", session().layers.search, unit_selection.search_for),
            placeholder="Find 3, 7, 10-19",
            max_chars=200,
            label_visibility="collapsed",
            width=130,
        )


def _pager(chosen: UnitSelection) -> None:
    with st.container(key="unit pages", horizontal=True, vertical_alignment="center", gap="small"):
        if chosen.pages > 1:
            page = BoundField("layers.page", lambda number: number - 1)
            st.pagination(chosen.pages, max_visible_pages=5, **page.widget(value=chosen.page + 1))
        st.html(markup.paragraph(chosen.range_text, quiet=True))
