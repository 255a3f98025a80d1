"""Choosing the units to switch off: by rank, by number, or all outside the lungs; their list; switching on again."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from core.errors import UserError
from core.layers.ablation_outcome import runs
from core.layers.activations import search
from core.layers.plan import NetworkPlan
from core.layers.unit_ablation import Ranking, Unit, UnitFill, UnitSwitches, top_units
from core.models.findings import words
from dashboard import draw, progress
from dashboard.bound_field import BoundField, widget
from dashboard.cache import layer_requests
from dashboard.layers.unit_selection import show_stage
from dashboard.selection import MapView
from dashboard.state import Session, session

RANKINGS: dict[Ranking, str] = {
    "relevance": "largest relevance",
    "activation": "strongest activation",
    "random": "at random",
}
_FILLS: dict[UnitFill, str] = {"zero": "Zero", "mean": "Mean"}
_CHIPS = 24  # names; beyond that, one name stands for all units of a stage


def switched() -> UnitSwitches:
    """The units that the session has switched off."""
    here = session().layers
    return UnitSwitches(tuple(sorted(set(here.off))), here.outside, here.fill)


def controls(chosen: MapView, plan: NetworkPlan, stage: str) -> None:
    """Four ways to switch units of the stage off, and why the last one was not possible."""
    here, units = session().layers, plan.stage(stage).shape[0]
    with st.container(key="off controls", horizontal=True, vertical_alignment="bottom", gap="small"):
        names = [each.name for each in plan.stages]
        draw.select("Stage", names, stage, _show_stage, at="off", width=120)
        top = BoundField("layers.removing.top").widget(value=min(here.removing.top, units))
        st.number_input(f"Units (of {units})", 1, units, **top, width=120)
        rankings: list[Ranking] = list(RANKINGS)
        by = BoundField("layers.removing.by")
        draw.select("Which", rankings, here.removing.by, by, at="off", words=RANKINGS.__getitem__, width=205)
        st.button(
            f"Switch off {min(here.removing.top, units)} for {words(chosen.finding)}",
            key="switch off",
            type="primary",
            icon=":material/toggle_off:",
            help="Replaces the units of this stage that are off now",
            on_click=_want_top,
        )
        typed = BoundField("layers.removing.typed", str.strip, _want_typed)
        st.text_input("Unit numbers", **typed.widget(), placeholder="3, 7, 10-19", max_chars=200, width=130)
        draw.switch(
            "Everything outside the lungs",
            stage in here.outside,
            partial(_switch_outside, stage),
            help=f"Switches off every unit of {stage} outside the lungs and a rim around them",
        )
    place = st.empty()  # always present, so that the rest of the page does not move
    if here.removing.wrong:
        with place:
            draw.problem(here.removing.wrong)


def off_list() -> None:
    """The units that are off, each with a cross that restores it, and the value that replaces them."""
    here = session().layers
    names = {**runs(here.off, most=_CHIPS), **{_outside(stage): () for stage in here.outside}}
    with st.container(key="off listed", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.multiselect(
            "Switched off",
            list(names),
            **widget("off", list(names), partial(_set_off, names)),
            placeholder="All units are on",
            disabled=not names,
        )
        st.segmented_control(
            "Replaced by",
            list(_FILLS),
            **BoundField("layers.fill").widget(),
            format_func=_FILLS.__getitem__,
            required=True,
            help="Zero silences a unit. The mean, over the films of the atlas or else over this film, keeps it at its "
            "usual value: a milder change, and closer to what the network was trained on.",
        )
        st.button(
            "Switch all on",
            icon=":material/restart_alt:",
            type="tertiary",
            on_click=all_on,
            disabled=not names,
        )


def apply(chosen: MapView, plan: NetworkPlan, stage: str) -> None:
    """Switches off the units requested in the last run; if that is not possible, notes why and changes nothing."""
    removing, place = session().layers.removing, st.empty()
    try:
        if removing.named:
            numbers = search(removing.typed, plan.stage(stage).shape[0])
            switch_off([*session().layers.off, *((stage, channel) for channel in numbers)])
            removing.typed = ""
        if removing.wanted:
            request = layer_requests.unit_activations(
                chosen.checkpoint, chosen.radiograph, chosen.cleaning, stage, chosen.finding
            )
            activations = request.result(progress.reporter(place, f"Units of {stage}"))
            place.empty()
            count = min(removing.top, len(activations.maps))
            replace_units(stage, top_units(activations, chosen.finding, count, by=removing.by))
    except UserError as error:
        removing.wrong = str(error)
    removing.named, removing.wanted = False, False


def replace_units(stage: str, units: tuple[Unit, ...]) -> None:
    """Switches these units of the stage off, and all its others on."""
    switch_off([*(unit for unit in session().layers.off if unit[0] != stage), *units])


def switch_off(units: list[Unit]) -> None:
    """Switches off exactly these units, each once."""
    session().layers.off = tuple(dict.fromkeys(units))


def all_on() -> None:
    """Switches all units on."""
    here = session().layers
    here.off, here.outside = (), ()


def remember() -> None:
    """Stores the units that are off now as the last selection with a result; Cancel returns to it."""
    here = session().layers
    here.removing.before = (here.off, here.outside, here.fill)


def restore() -> None:
    """Restores the last selection with a result; if that is the present one, switches all on."""
    here = session().layers
    now = (here.off, here.outside, here.fill)
    here.off, here.outside, here.fill = here.removing.before if here.removing.before != now else ((), (), here.fill)


def _show_stage(here: Session, stage: str) -> None:
    show_stage(here, stage)
    here.layers.removing.wrong = ""  # it belonged to another stage


def _want_top() -> None:
    removing = session().layers.removing
    removing.wanted, removing.wrong = True, ""


def _want_typed() -> None:
    removing = session().layers.removing
    removing.named, removing.wrong = bool(removing.typed), ""


def _switch_outside(stage: str, here: Session, off: bool) -> None:
    rest = tuple(each for each in here.layers.outside if each != stage)
    here.layers.outside = (*rest, stage) if off else rest


def _set_off(units: Mapping[str, tuple[Unit, ...]], here: Session, names: list[str]) -> None:
    here.layers.off = tuple(unit for name in names for unit in units[name])
    here.layers.outside = tuple(stage for stage in here.layers.outside if _outside(stage) in names)


def _outside(stage: str) -> str:
    return f"{stage} · outside the lungs"
