"""Which units of a stage are listed and which one is chosen: the session's choices, checked against the network."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.errors import BadSetting
from core.layers.activations import ORDERS, Activations, Order, ranked, scores, search
from core.layers.plan import NetworkPlan
from core.overlay import figure
from core.types import Checkpoint, Prediction, Radiograph
from dashboard import progress, selection
from dashboard.cache import map_requests
from dashboard.state import Session, session

PAGE = 24  # units


@dataclass(frozen=True, eq=False)
class UnitSelection:
    """One page of a stage's units, and the unit shown large.

    order:    criterion that ranks the units.
    values:   (K,) their values of that criterion.
    ranks:    (K,) from 1.
    channels: search results in order; all units without a search.
    page:     number of the page, from 0.
    channel:  of the chosen unit.
    problem:  a request that is not available, in a sentence; empty if all are.
    """

    radiograph: Radiograph
    card: Checkpoint
    finding: str
    activations: Activations
    order: Order
    values: NDArray[np.float32]
    ranks: NDArray[np.intp]
    channels: tuple[int, ...]
    page: int
    channel: int
    problem: str = ""

    @property
    def is_layer(self) -> bool:
        """Whether this is a layer within a stage: it has a path in the network, and no entry in an atlas."""
        return "." in self.activations.stage

    @property
    def pages(self) -> int:
        return -(-len(self.channels) // PAGE)

    @property
    def channels_of_page(self) -> tuple[int, ...]:
        return self.channels[self.page * PAGE : (self.page + 1) * PAGE]

    @property
    def range_text(self) -> str:
        """The range on the page: "1–24 of 1024"."""
        first, last = self.page * PAGE + 1, self.page * PAGE + len(self.channels_of_page)
        return f"{first}–{last} of {len(self.channels)}" if last > first else f"{first} of {len(self.channels)}"

    def figure(self, channel: int) -> str:
        """The figure below a unit's map: its ranking criterion, or its mean if ordered by number."""
        values = self.activations.means if self.order == "index" else self.values
        return figure(float(values[channel]))

    def description(self, channel: int) -> str:
        """The tooltip of a unit."""
        rank = "" if self.order == "index" else f", {self.ranks[channel]} of {len(self.values)} {ORDERS[self.order]}"
        return f"Unit {channel}: {self.figure(channel)}{rank}"


def prediction_and_finding(radiograph: Radiograph, card: Checkpoint) -> tuple[Prediction, str]:
    """The prediction of the film and the finding to explain; shows progress while it waits."""
    place = st.empty()
    cleaning = session().cleaning(radiograph.key)
    prediction = map_requests.predict(card, radiograph, cleaning, report=progress.reporter(place, "Prediction"))
    place.empty()
    return prediction, selection.selected_finding(prediction, card)


def stage_of(plan: NetworkPlan, card: Checkpoint, *, inner: bool = True) -> tuple[str, str]:
    """The stage or layer to show, by default the last stage with maps; and a sentence if it is not the requested one.

    inner: whether it may be a layer within a stage; otherwise the stage that contains it.
    """
    names = [stage.name for stage in plan.stages]
    wanted = session().layers.stage
    if wanted in names or (inner and wanted in plan.within):
        return str(wanted), ""
    for stage in plan.stages:
        if wanted in [layer.name for layer in stage.layers]:
            return (
                stage.name,
                f"Units can be switched off in whole stages only: this is {stage.name}, which holds {wanted}.",
            )
    last = next(stage.name for stage in reversed(plan.stages) if stage is plan.stages[0] or min(stage.shape[-2:]) > 1)
    return last, f"{card.name} has no layer {wanted!r}; showing its {last}." if wanted else ""


def orders(usual: NDArray[np.float32] | None) -> dict[Order, str]:
    """The available orders; the difference from the usual activation needs an atlas."""
    return {order: words for order, words in ORDERS.items() if order != "difference" or usual is not None}


def select_units(
    radiograph: Radiograph,
    card: Checkpoint,
    finding: str,
    activations: Activations,
    *,
    usual: NDArray[np.float32] | None = None,
    problem: str = "",
) -> UnitSelection:
    """The session's choices applied to these activations; an unavailable choice falls back, with a sentence.

    usual: (K,) mean activations of the units over a reference set; None without an atlas.
    """
    here, count = session().layers, len(activations.maps)
    order = here.order if here.order in orders(usual) else "mean"
    ranking = [int(channel) for channel in ranked(activations, order, finding=finding, usual=usual)]
    problems = [problem] if problem else []
    listed = tuple(ranking)
    try:
        wanted = set(search(here.search, count))
        listed = tuple(channel for channel in ranking if channel in wanted)
    except BadSetting as error:
        problems.append(f"{error} Showing all.")
    channel = listed[0] if here.channel is None else here.channel
    if not 0 <= channel < count:
        problems.append(
            f"{activations.stage} has no unit {channel}; it has units 0 to {count - 1}. Showing unit {listed[0]}."
        )
        channel = listed[0]
    values = scores(activations, order, finding=finding, usual=usual)
    return UnitSelection(
        radiograph,
        card,
        finding,
        activations,
        order,
        values,
        np.argsort(ranking) + 1,
        listed,
        _page(here.page, listed, channel),
        channel,
        " ".join(problems),
    )


def _page(wanted: int | None, listed: tuple[int, ...], channel: int) -> int:
    """The requested page, or else the one with the unit, if it is listed."""
    if wanted is None:
        wanted = listed.index(channel) // PAGE if channel in listed else 0
    return min(max(wanted, 0), (len(listed) - 1) // PAGE)


def show_stage(here: Session, stage: str) -> None:
    """Shows another stage, from its first page."""
    if stage != here.layers.stage:
        here.layers.stage, here.layers.channel = stage, None
        here.layers.page, here.layers.search = None, ""


def search_for(here: Session, text: str) -> None:
    """Lists the units that match; a single match is also chosen."""
    here.layers.search, here.layers.page = text, 0
    if text.strip().isdecimal():
        here.layers.channel = int(text)


def first_page() -> None:
    """Goes to the first page of the list."""
    session().layers.page = 0


def switch(here: Session, unit: tuple[str, int], off: bool) -> None:
    """Switches the unit off, or on again."""
    rest = tuple(each for each in here.layers.off if each != unit)
    here.layers.off = (*rest, unit) if off else rest
