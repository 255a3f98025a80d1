"""Switch units off: the prediction for this film, and the map, without some of the network's units."""

from functools import partial
from pathlib import Path

import streamlit as st

from core.compare.map_agreement import difference
from core.layers.ablation_outcome import ProbabilityChange, probability_changes, sentence
from core.layers.unit_ablation import AblationResult, UnitSwitches
from core.models.findings import words
from core.overlay import caption, common_end
from core.types import Checkpoint, Explanation, Radiograph
from dashboard import draw, engine, markup, probability_bars, progress, selection
from dashboard.cache import networks
from dashboard.engine import WithoutUnits
from dashboard.layers import ablation_controls, ablation_curve
from dashboard.layers.unit_selection import stage_of
from dashboard.selection import MapView
from dashboard.viewer import controls, viewer

NAME, TITLE, ORDER = "without", "Switch units off", 2
_LINK = "without"  # between the panes
_PAGE = "switched off"  # owner of the requests
_STYLES = Path(__file__).parent / "ablation.css"
_HINTS = (
    "The units with the largest relevance for the finding: does the prediction rest on a few, or on many?",
    "Units by number, as in 3, 7, 10-19; “Units” shows what each of them responds to.",
    "Everything outside the lungs: does the prediction rest on the lungs, or on what surrounds them?",
    "As many units at random: the effect of losing any units.",
)
_PATIENCE = 0.5  # s until progress is shown
_WIDE = 390  # px: about the width of a pane on a desktop
_TALL = (220, 420)  # px: least and greatest height of a film on a pane


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """The units that are off, the effect on prediction and map, and the curve as more units are switched off."""
    st.html(_STYLES)
    place = st.empty()
    plan = networks.network_plan(card).result(progress.reporter(place, "Network"))
    chosen = selection.view(radiograph, card, report=progress.reporter(place, "Prediction"))
    place.empty()
    stage, problem = stage_of(plan, card, inner=False)
    with st.container(key="without", gap="small"):
        ablation_controls.apply(chosen, plan, stage)
        ablation_controls.controls(chosen, plan, stage)
        if problem:
            st.html(markup.status(problem, level="note"))
        ablation_controls.off_list()
        switched = ablation_controls.switched()
        without = WithoutUnits(missing="The map without these units is not available.")
        with draw.errors():
            without = _without(chosen, switched)
        _summary(chosen, switched, without)
        with st.container(key="without panes"):
            _panes(chosen, without, all_on=not switched.stages)
        figures, curve = st.columns([1, 1.25], gap="large")
        with figures:
            _figures(chosen, without.result)
        with curve, st.container(key="curve of units off", gap="xsmall"):
            ablation_curve.section(chosen, plan, stage)


def _without(chosen: MapView, switched: UnitSwitches) -> WithoutUnits:
    """The result as far as it is ready within a moment. Raises: UserError if the probabilities are not available."""
    if not switched.stages:
        engine.give_up(_PAGE)
        return WithoutUnits()
    without = engine.look_without_units(
        chosen.radiograph, chosen.checkpoint, chosen.request, switched, page=_PAGE, patience=_PATIENCE
    )
    if not without.pending:
        ablation_controls.remember()
    return without


def _summary(chosen: MapView, switched: UnitSwitches, without: WithoutUnits) -> None:
    """One sentence; progress and Cancel while something is pending."""
    with st.container(key="without summary", horizontal=True, vertical_alignment="center", gap="small"):
        if not switched.stages:
            st.html(
                markup.highlight(
                    f"All units on: {words(chosen.finding)} {chosen.prediction.probability(chosen.finding):.2f}.",
                    "Switch some off to see what the prediction rests on.",
                )
            )
        elif without.result:
            text = sentence(without.result, switched, chosen.finding, chosen.checkpoint)
            st.html(markup.highlight(text, without.result.description))
        about = (chosen.radiograph, chosen.checkpoint)
        if without.pending:
            progress.busy(without.pending, without.pending_name, key="without", withdraw=ablation_controls.restore)
        elif chosen.pending:
            progress.busy(
                chosen.pending,
                chosen.method.title,
                key="without",
                withdraw=partial(selection.cancel, *about),
                stopped=partial(selection.stopped, *about),
            )


def _panes(chosen: MapView, without: WithoutUnits, *, all_on: bool) -> None:
    """The maps with and without the units on one colour scale, and their difference; linked."""
    before, after = chosen.answered, without.explanation
    scale = common_end([before, after]) if before and after else None
    _pane(chosen, before, "With all units", chosen.missing or "The map is being computed.", scale)
    if all_on:
        with st.container(key="without hint"):
            st.html(markup.sentences(_HINTS))
        return
    _pane(chosen, after, "Without them", without.missing or "The map is being computed.", scale)
    between = None
    if before and after:
        between = difference(chosen.radiograph, before, after, names=("with", "without"))
    _pane(chosen, between, "Difference (with − without)", "Drawn once both maps are ready.", None)
    with st.container(key="without controls"):
        controls(_LINK, key="controls without")


def _pane(chosen: MapView, map_: Explanation | None, title: str, missing: str, scale: float | None) -> None:
    high, wide = chosen.radiograph.pixels.shape
    withheld = "Hidden because of its caveat. Show it on the Read page." if chosen.hidden else ""
    viewer(
        chosen.radiograph,
        [map_] if map_ else [],
        key=f"pane {title}",
        title=title,
        captions=[caption(map_)] if map_ else [],
        scale=scale,
        height=int(min(max(_WIDE * high / wide, _TALL[0]), _TALL[1])),
        note=missing,
        withheld=withheld,
        link=_LINK,
        compact=True,
    )


def _figures(chosen: MapView, result: AblationResult | None) -> None:
    """Every finding before and after."""
    draw.section("Probabilities", "with and without the units" if result else "")
    if result is None:
        draw.probabilities(chosen.prediction, chosen.checkpoint, explained=chosen.finding)
        return
    changes = probability_changes(result)
    st.html("".join(_change(each, explained=each.finding == chosen.finding) for each in changes))
    st.html(
        markup.paragraph(
            "Pale bar: all units on. Full bar: without the units. Points are percentage points of probability; the "
            "logit is the network's score before the softmax or sigmoid.",
            quiet=True,
        )
    )


def _change(change: ProbabilityChange, *, explained: bool) -> str:
    """One finding with and without the units: two bars, and the change in numbers."""
    name, points, logit = words(change.finding), markup.signed(change.points, 1), markup.signed(change.logit, 2)
    label = f"{name} {change.before:.2f}, without {change.after:.2f}, {points} points, logit {logit}"
    return probability_bars.two_bars(
        change.finding,
        change.before,
        change.after,
        asides=(f"{points} points", f"logit {logit}"),
        spoken=label,
        explained=explained,
    )
