"""What is looked at among the units of a stage: the session's choices, checked against what there is."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.errors import BadSetting
from core.layers.activations import ORDERS, Activations, Order, ranked, scores, search
from core.layers.plan import Plan
from core.overlay import figure
from core.types import Checkpoint, Prediction, Radiograph
from dashboard import cache, progress, selection
from dashboard.state import Session, session

SHEET = 24  # units a page


@dataclass(frozen=True, eq=False)
class UnitSelection:
    """One page of a stage's units, and the one of them that is looked at.

    order:   what the units are ranked by. values: (K,) their figure in it. places: (K,) their place, from 1.
    listed:  the channels that were searched for, in order; all of them where nothing was.
    sheet:   the page, from 0. sheets: how many there are.
    channel: of the chosen unit.
    told:    what was asked for and is not there, in a sentence; empty where all is.
    """

    radiograph: Radiograph
    card: Checkpoint
    finding: str
    found: Activations
    order: Order
    values: NDArray[np.float32]
    places: NDArray[np.intp]
    listed: tuple[int, ...]
    sheet: int
    channel: int
    told: str = ""

    @property
    def inner(self) -> bool:
        """Whether this is a layer within a stage: it has a path in the network, and no page of its own in an atlas."""
        return "." in self.found.stage

    @property
    def sheets(self) -> int:
        return -(-len(self.listed) // SHEET)

    @property
    def page(self) -> tuple[int, ...]:
        """The channels on the page."""
        return self.listed[self.sheet * SHEET : (self.sheet + 1) * SHEET]

    @property
    def between(self) -> str:
        """Which of how many: "1-24 of 1024"."""
        first, last = self.sheet * SHEET + 1, self.sheet * SHEET + len(self.page)
        return f"{first}–{last} of {len(self.listed)}" if last > first else f"{first} of {len(self.listed)}"

    def figure(self, channel: int) -> str:
        """What stands under a unit's map: what it is ranked by, or its mean where that is its number."""
        values = self.found.means if self.order == "index" else self.values
        return figure(float(values[channel]))

    def words(self, channel: int) -> str:
        """What is said of a unit to who points at it."""
        rank = "" if self.order == "index" else f", {self.places[channel]} of {len(self.values)} {ORDERS[self.order]}"
        return f"Unit {channel}: {self.figure(channel)}{rank}"


def said(radiograph: Radiograph, card: Checkpoint) -> tuple[Prediction, str]:
    """What the network says of the film, and the finding that is asked; says in its place that it is on its way."""
    place = st.empty()
    cleaning = session().cleaning(radiograph.key)
    prediction = cache.predict(card, radiograph, cleaning, tell=progress.tells(place, "Prediction"))
    place.empty()
    return prediction, selection.asked_finding(prediction, card)


def stage_of(plan: Plan, card: Checkpoint, *, inner: bool = True) -> tuple[str, str]:
    """The stage or layer that is looked at, by default the last stage with maps; what to say if another was wanted.

    inner: whether it may be a layer within a stage; else the stage that holds it is looked at.
    """
    names = [stage.name for stage in plan.stages]
    wanted = session().layers.stage
    if wanted in names or (inner and wanted in plan.within):
        return str(wanted), ""
    for stage in plan.stages:
        if wanted in [layer.name for layer in stage.layers]:
            return stage.name, f"Only whole stages can do without units: this is {stage.name}, which holds {wanted}."
    last = next(stage.name for stage in reversed(plan.stages) if stage is plan.stages[0] or min(stage.shape[-2:]) > 1)
    told = f"{card.name} has no layer {wanted!r}; its {last} is shown." if wanted else ""
    return last, told


def orders(usual: NDArray[np.float32] | None) -> dict[Order, str]:
    """The orders that can be had; that by what is usual needs an atlas."""
    return {order: words for order, words in ORDERS.items() if order != "difference" or usual is not None}


def look(
    radiograph: Radiograph,
    card: Checkpoint,
    finding: str,
    found: Activations,
    *,
    usual: NDArray[np.float32] | None = None,
    told: str = "",
) -> UnitSelection:
    """What the session asks of these activations; a choice that is not there falls back, and is told.

    usual: (K,) what the units answer on average over a reference set, where there is an atlas.
    """
    here, count = session().layers, len(found.maps)
    order = here.order if here.order in orders(usual) else "mean"
    ranking = [int(channel) for channel in ranked(found, order, finding=finding, usual=usual)]
    problems = [told] if told else []
    wanted = set(range(count))
    try:
        wanted = set(search(here.search, count))
    except BadSetting as error:
        problems.append(f"{error} All are shown.")
    listed = tuple(channel for channel in ranking if channel in wanted)
    channel = listed[0] if here.channel is None else here.channel
    if not 0 <= channel < count:
        problems.append(
            f"{found.stage} has no unit {channel}; it has units 0 to {count - 1}. Unit {listed[0]} is shown."
        )
        channel = listed[0]
    places = np.empty(count, np.intp)
    places[ranking] = np.arange(1, count + 1)
    values = scores(found, order, finding=finding, usual=usual)
    return UnitSelection(
        radiograph,
        card,
        finding,
        found,
        order,
        values,
        places,
        listed,
        _sheet(here.sheet, listed, channel),
        channel,
        " ".join(problems),
    )


def _sheet(wanted: int | None, listed: tuple[int, ...], channel: int) -> int:
    """The page that is asked for, or else the one with the unit, if it is listed."""
    if wanted is None:
        wanted = listed.index(channel) // SHEET if channel in listed else 0
    return min(max(wanted, 0), (len(listed) - 1) // SHEET)


def keep_stage(here: Session, stage: str) -> None:
    """Another stage, from its first page on."""
    if stage != here.layers.stage:
        here.layers.stage, here.layers.channel = stage, None
        here.layers.sheet, here.layers.search = None, ""


def keep_channel(here: Session, channel: int) -> None:
    here.layers.channel = channel


def keep_order(here: Session, order: Order) -> None:
    here.layers.order, here.layers.sheet = order, 0


def keep_search(here: Session, text: str) -> None:
    """Shows what was searched for; a single unit is chosen as well."""
    here.layers.search, here.layers.sheet = text, 0
    if text.strip().isdecimal():
        here.layers.channel = int(text)


def keep_sheet(here: Session, sheet: int) -> None:
    here.layers.sheet = sheet


def switch(here: Session, unit: tuple[str, int], off: bool) -> None:
    """Switches the unit off, or on again."""
    rest = tuple(each for each in here.layers.off if each != unit)
    here.layers.off = (*rest, unit) if off else rest
