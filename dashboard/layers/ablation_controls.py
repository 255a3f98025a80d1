"""Which units are switched off: by rank, by number, or all outside the lungs; their list, and the way back."""

from collections.abc import Mapping

import streamlit as st

from core.errors import UserError
from core.layers.ablation_outcome import runs
from core.layers.activations import search
from core.layers.plan import NetworkPlan
from core.layers.unit_ablation import Ranking, Unit, UnitFill, UnitSwitches, top
from core.models.findings import words
from dashboard import cache, draw, progress
from dashboard.layers.unit_selection import keep_stage
from dashboard.selection import MapView
from dashboard.state import Session, bind, entered, session

RANKINGS: dict[Ranking, str] = {
    "relevance": "largest relevance",
    "activation": "strongest activation",
    "random": "at random",
}
_FILLS: dict[UnitFill, str] = {"zero": "Zero", "mean": "Mean"}
_CHIPS = 24  # names; beyond, the units of a stage are listed under one name


def switched() -> UnitSwitches:
    """What the session has switched off."""
    here = session().layers
    return UnitSwitches(tuple(sorted(set(here.off))), here.outside, here.fill)


def controls(chosen: MapView, plan: NetworkPlan, stage: str) -> None:
    """Four ways to switch units of the stage off, and why the last one was not possible."""
    here, units = session().layers, plan.stage(stage).shape[0]
    with st.container(key="off asked", horizontal=True, vertical_alignment="bottom", gap="small"):
        names = [each.name for each in plan.stages]
        draw.select("Stage", names, stage, _keep_stage, at="off", width=120)
        key = bind("top of off", min(here.removing.top, units))
        st.number_input(f"Units, of {units}", 1, units, key=key, on_change=draw.store, args=(key, keep_top), width=120)
        rankings: list[Ranking] = list(RANKINGS)
        draw.select("Which", rankings, here.removing.by, _keep_by, at="off", words=RANKINGS.__getitem__, width=205)
        st.button(
            f"Switch off {min(here.removing.top, units)} for {words(chosen.finding)}",
            key="switch off",
            type="primary",
            icon=":material/toggle_off:",
            help="Replaces the units of this stage that are off now",
            on_click=_want_top,
        )
        key = bind("typed of off", here.removing.typed)
        st.text_input(
            "By number",
            key=key,
            placeholder="3, 7, 10-19",
            max_chars=200,
            on_change=draw.store,
            args=(key, _keep_typed),
            width=130,
        )
        key = bind("outside of off", stage in here.outside)
        st.toggle(
            "Everything outside the lungs",
            key=key,
            help=f"Switches every unit of {stage} off outside the lungs and a rim around them",
            on_change=_flip_outside,
            args=(stage,),
        )
    place = st.empty()  # always there, so that the rest of the page does not move
    if here.removing.wrong:
        with place:
            draw.problem(here.removing.wrong)


def off_list() -> None:
    """The units that are off, each with a cross, and the value that replaces them."""
    here = session().layers
    names = {**runs(here.off, most=_CHIPS), **{_outside(stage): () for stage in here.outside}}
    with st.container(key="off listed", horizontal=True, vertical_alignment="bottom", gap="small"):
        key = bind("off", list(names))
        st.multiselect(
            "Switched off",
            list(names),
            key=key,
            placeholder="All units are on",
            on_change=_keep_off_list,
            args=(key, names),
            disabled=not names,
        )
        key = bind("fill of off", here.fill)
        st.segmented_control(
            "Replaced by",
            list(_FILLS),
            key=key,
            format_func=_FILLS.__getitem__,
            required=True,
            on_change=draw.store,
            args=(key, _keep_fill),
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
    """Switches off the units asked for in the last run; where that is not possible, notes why and changes nothing."""
    removing, place = session().layers.removing, st.empty()
    try:
        if removing.named:
            numbers = search(removing.typed, plan.stage(stage).shape[0])
            switch_off([*session().layers.off, *((stage, channel) for channel in numbers)])
            removing.typed = ""
        if removing.wanted:
            request = cache.activations(chosen.checkpoint, chosen.radiograph, chosen.cleaning, stage, chosen.finding)
            activations = request.result(progress.reporter(place, f"Units of {stage}"))
            place.empty()
            count = min(removing.top, len(activations.maps))
            replace_units(stage, top(activations, chosen.finding, count, by=removing.by))
    except UserError as error:
        removing.wrong = str(error)
    removing.named, removing.wanted = False, False


def replace_units(stage: str, units: tuple[Unit, ...]) -> None:
    """Switches these units of the stage off, and its others on."""
    switch_off([*(unit for unit in session().layers.off if unit[0] != stage), *units])


def switch_off(units: list[Unit]) -> None:
    """Switches exactly these off, each once."""
    session().layers.off = tuple(dict.fromkeys(units))


def all_on() -> None:
    """Switches all units on."""
    here = session().layers
    here.off, here.outside = (), ()


def remember() -> None:
    """Notes the units that are off now as the last selection with a result; Cancel returns to it."""
    here = session().layers
    here.removing.before = (here.off, here.outside, here.fill)


def restore() -> None:
    """Restores the last selection with a result; if that is the present one, switches all on."""
    here = session().layers
    now = (here.off, here.outside, here.fill)
    here.off, here.outside, here.fill = here.removing.before if here.removing.before != now else ((), (), here.fill)


def _keep_stage(here: Session, stage: str) -> None:
    keep_stage(here, stage)
    here.layers.removing.wrong = ""  # it was about another stage


def keep_top(here: Session, count: int) -> None:
    """Sets the number of units, here and on the curve."""
    here.layers.removing.top = count


def _keep_by(here: Session, by: Ranking) -> None:
    here.layers.removing.by = by


def _want_top() -> None:
    removing = session().layers.removing
    removing.wanted, removing.wrong = True, ""


def _keep_typed(here: Session, typed: str) -> None:
    removing = here.layers.removing
    removing.typed, removing.named, removing.wrong = typed.strip(), bool(typed.strip()), ""


def _flip_outside(stage: str) -> None:
    here = session().layers
    rest = tuple(each for each in here.outside if each != stage)
    here.outside = rest if stage in here.outside else (*rest, stage)


def _keep_fill(here: Session, fill: UnitFill) -> None:
    here.layers.fill = fill


def _keep_off_list(key: str, names: Mapping[str, tuple[Unit, ...]]) -> None:
    here, left = session().layers, entered(key)
    here.off = tuple(unit for name in left for unit in names[name])
    here.outside = tuple(stage for stage in here.outside if _outside(stage) in left)


def _outside(stage: str) -> str:
    return f"{stage} · outside the lungs"
