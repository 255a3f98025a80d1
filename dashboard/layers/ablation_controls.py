"""What is switched off: chosen by rank, by number, or as what lies outside the lungs; listed, and switched on again."""

from collections.abc import Mapping

import streamlit as st

from core.errors import UserError
from core.layers.activations import search
from core.layers.outcome import runs
from core.layers.plan import Plan
from core.layers.switch import Fill, Ranking, Switched, Unit, top
from core.models.findings import words
from dashboard import cache, draw, progress
from dashboard.layers.unit_selection import keep_stage
from dashboard.selection import MapView
from dashboard.state import Session, bind, entered, session

RANKINGS: dict[Ranking, str] = {
    "relevance": "that speak most for it",
    "activation": "that answer strongest",
    "random": "drawn at random",
}
_FILLS: dict[Fill, str] = {"zero": "Zero", "mean": "Their mean"}
_CHIPS = 24  # names, before the units of a stage stand under one


def switched() -> Switched:
    """What the session has switched off."""
    here = session().layers
    return Switched(tuple(sorted(set(here.off))), here.outside, here.fill)


def controls(chosen: MapView, plan: Plan, stage: str) -> None:
    """Four ways to switch something off at the stage, and why the last wish cannot be had."""
    here, units = session().layers, plan.stage(stage).shape[0]
    with st.container(key="off asked", horizontal=True, vertical_alignment="bottom", gap="small"):
        names = [each.name for each in plan.stages]
        draw.select("Stage", names, stage, _keep_stage, at="off", width=120)
        key = bind("top of off", min(here.removing.top, units))
        st.number_input(f"Units, of {units}", 1, units, key=key, on_change=draw.kept, args=(key, keep_top), width=120)
        rankings: list[Ranking] = list(RANKINGS)
        draw.select("Which", rankings, here.removing.by, _keep_by, at="off", words=RANKINGS.__getitem__, width=205)
        st.button(
            f"Switch off {min(here.removing.top, units)} for {words(chosen.finding)}",
            key="switch off",
            type="primary",
            icon=":material/toggle_off:",
            help="They take the place of the units of this stage that are off now",
            on_click=_want_top,
        )
        key = bind("typed of off", here.removing.typed)
        st.text_input(
            "By number",
            key=key,
            placeholder="3, 7, 10-19",
            max_chars=200,
            on_change=draw.kept,
            args=(key, _keep_typed),
            width=130,
        )
        key = bind("outside of off", stage in here.outside)
        st.toggle(
            "All outside the lungs",
            key=key,
            help=f"Every unit of {stage} is switched off where the film shows no lung and no rim of it",
            on_change=_flip_outside,
            args=(stage,),
        )
    place = st.empty()  # always there, so that what follows keeps its place on the page
    if here.removing.wrong:
        with place:
            draw.problem(here.removing.wrong)


def listed() -> None:
    """What is off, each with a cross, and what stands in its place."""
    here = session().layers
    names = {**runs(here.off, most=_CHIPS), **{_outside(stage): () for stage in here.outside}}
    with st.container(key="off listed", horizontal=True, vertical_alignment="bottom", gap="small"):
        key = bind("off", list(names))
        st.multiselect(
            "Switched off",
            list(names),
            key=key,
            placeholder="Nothing is switched off",
            on_change=_keep_listed,
            args=(key, names),
            disabled=not names,
        )
        key = bind("fill of off", here.fill)
        st.segmented_control(
            "In their place",
            list(_FILLS),
            key=key,
            format_func=_FILLS.__getitem__,
            required=True,
            on_change=draw.kept,
            args=(key, _keep_fill),
            help="Zero silences a unit. Its mean over the films of the atlas, or over this film where there is none, "
            "leaves it at what it usually says: milder, and less strange to the network.",
        )
        st.button(
            "Switch all on again",
            icon=":material/restart_alt:",
            type="tertiary",
            on_click=all_on,
            disabled=not names,
        )


def take(chosen: MapView, plan: Plan, stage: str) -> None:
    """Switches off what was asked for in the last run. What cannot be is kept as a sentence, and nothing changes."""
    removing, place = session().layers.removing, st.empty()
    try:
        if removing.named:
            numbers = search(removing.typed, plan.stage(stage).shape[0])
            put([*session().layers.off, *((stage, channel) for channel in numbers)])
            removing.typed = ""
        if removing.wanted:
            asked = cache.activations(chosen.checkpoint, chosen.radiograph, chosen.cleaning, stage, chosen.finding)
            found = asked.result(progress.tells(place, f"Units of {stage}"))
            place.empty()
            instead(stage, top(found, chosen.finding, min(removing.top, len(found.maps)), by=removing.by))
    except UserError as error:
        removing.wrong = str(error)
    removing.named, removing.wanted = False, False


def instead(stage: str, units: tuple[Unit, ...]) -> None:
    """These are off at the stage, and no others of it."""
    put([*(unit for unit in session().layers.off if unit[0] != stage), *units])


def put(units: list[Unit]) -> None:
    """These are off, each once."""
    session().layers.off = tuple(dict.fromkeys(units))


def all_on() -> None:
    """Nothing is off."""
    here = session().layers
    here.off, here.outside = (), ()


def remember() -> None:
    """What is off has been answered: a request that is cancelled goes back to it."""
    here = session().layers
    here.removing.before = (here.off, here.outside, here.fill)


def back() -> None:
    """What was off before; all on where just that cannot be had."""
    here = session().layers
    now = (here.off, here.outside, here.fill)
    here.off, here.outside, here.fill = here.removing.before if here.removing.before != now else ((), (), here.fill)


def _keep_stage(here: Session, stage: str) -> None:
    keep_stage(here, stage)
    here.layers.removing.wrong = ""  # it was about the units of another one


def keep_top(here: Session, count: int) -> None:
    """So many units are meant, here and on the curve."""
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


def _keep_fill(here: Session, fill: Fill) -> None:
    here.layers.fill = fill


def _keep_listed(key: str, names: Mapping[str, tuple[Unit, ...]]) -> None:
    here, left = session().layers, entered(key)
    here.off = tuple(unit for name in left for unit in names[name])
    here.outside = tuple(stage for stage in here.outside if _outside(stage) in left)


def _outside(stage: str) -> str:
    return f"{stage} · outside the lungs"
