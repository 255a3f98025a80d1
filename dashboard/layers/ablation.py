"""Without units: what the network says of this film, and where it looks, when some of its units are switched off."""

from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

import streamlit as st

from core.compare.maps import difference
from core.errors import UserError
from core.explain.run import Request
from core.layers.outcome import Change, changes, sentence
from core.layers.switch import Switched, Without
from core.models.findings import words
from core.overlay import caption, common_end
from core.types import Checkpoint, Explanation, Radiograph
from dashboard import cache, draw, markup, progress, selection
from dashboard.compare.agreement import box
from dashboard.layers import ablation_controls, ablation_curve
from dashboard.layers.unit_selection import stage_of
from dashboard.request_queue import QueuedRequest
from dashboard.selection import MapView
from dashboard.viewer import controls, viewer

NAME, TITLE, ORDER = "without", "Without units", 2
_LINK = "without"  # between the panes
_LOOKS = Path(__file__).parent / "ablation.css"
_WAYS = (
    "The units that speak most for the finding: does the answer stand on a few, or on many?",
    "Units by number, as in 3, 7, 10-19; the Units part shows what each of them responds to.",
    "All that lies outside the lungs: is the answer made of lung, or of what surrounds it?",
    "As many drawn at random: what any loss of units would do.",
)
_PATIENCE = 0.5  # s for which the page waits without a word
_WIDE = 390  # px: about the width of a pane on a desktop
_TALL = (220, 420)  # px: of a film on a pane, least and most


@dataclass(frozen=True, eq=False)
class _Answer:
    """What is there: the figures, the map without the units, why there is no map, and what is on its way."""

    found: Without | None = None
    map_: Explanation | None = None
    missing: str = ""
    asked: QueuedRequest[Without] | None = None


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """What is off, what that does to the answer and to the map, and how fast the finding falls."""
    st.html(_LOOKS)
    place = st.empty()
    plan = cache.plan(card).result(progress.tells(place, "Network"))
    chosen = selection.chosen(radiograph, card, tell=progress.tells(place, "Prediction"))
    place.empty()
    stage, told = stage_of(plan, card, inner=False)
    with st.container(key="without", gap="small"):
        ablation_controls.take(chosen, plan, stage)
        ablation_controls.controls(chosen, plan, stage)
        if told:
            st.html(markup.status(told, level="note"))
        ablation_controls.listed()
        switched = ablation_controls.switched()
        answer = _Answer()
        try:
            answer = _answer(chosen, switched) if switched.stages else answer
        except UserError as error:  # told above; the pane says that nothing comes
            draw.problem(str(error))
            answer = _Answer(missing="There is no map without them.")
        _said(chosen, switched, answer)
        with st.container(key="without panes"):
            _panes(chosen, answer, bare=not switched.stages)
        figures, curve = st.columns([1, 1.25], gap="large")
        with figures:
            _figures(chosen, answer)
        with curve, st.container(key="falling", gap="xsmall"):
            ablation_curve.section(chosen, plan, stage)


def _answer(chosen: MapView, switched: Switched) -> _Answer:
    """As much as is there within a moment. Raises: UserError where the figures cannot be had."""
    about = (chosen.checkpoint, chosen.radiograph, chosen.cleaning, switched)
    with cache.without(*about, None) as asked:
        if not asked.wait(_PATIENCE):
            return _Answer(asked=asked)
        found = asked.answer()
    map_ = Request(chosen.method.name, chosen.finding, chosen.layer, dict(chosen.settings))
    with cache.without(*about, map_) as asked:
        if not asked.wait(_PATIENCE):
            return _Answer(found, asked=asked)
        ablation_controls.remember()
        try:
            return _Answer(found, asked.answer().explanations[0])
        except UserError as error:  # the network without the units cannot serve this method; the figures stand
            return _Answer(found, missing=str(error))


def _said(chosen: MapView, switched: Switched, answer: _Answer) -> None:
    """One sentence; progress and a way out while something is on its way."""
    with st.container(key="without said", horizontal=True, vertical_alignment="center", gap="small"):
        if not switched.stages:
            st.html(
                box(
                    f"With all units on {words(chosen.finding)} stands at "
                    f"{chosen.prediction.probability(chosen.finding):.2f}.",
                    "Switch some off, and see what it stands on.",
                )
            )
        elif answer.found:
            told = sentence(answer.found, switched, chosen.finding, chosen.checkpoint)
            st.html(box(told, answer.found.told))
        if waited := answer.asked or chosen.asked:
            withdraw = (
                ablation_controls.back
                if answer.asked
                else partial(selection.cancel, chosen.radiograph, chosen.checkpoint)
            )
            progress.following(waited, "The map without them" if answer.found else chosen.method.title, withdraw)
            st.button(
                "Cancel",
                key="cancel without",
                icon=":material/close:",
                type="tertiary",
                on_click=withdraw,
            )


def _panes(chosen: MapView, answer: _Answer, *, bare: bool) -> None:
    """The map with and without the units in colours of one scale, and their difference; linked."""
    before, after = chosen.answered, answer.map_
    scale = common_end([before, after]) if before and after else None
    _pane(chosen, before, "With all units", chosen.missing or "The map is on its way.", scale)
    if bare:
        with st.container(key="without hint"):
            st.html(markup.sentences(_WAYS))
        return
    _pane(chosen, after, "Without them", answer.missing or "The map is on its way.", scale)
    between = None
    if before and after:
        between = difference(chosen.radiograph, before, after, names=("with", "without"))
    _pane(chosen, between, "What they had added", "It is drawn when both maps are there.", None)
    with st.container(key="without controls"):
        controls(_LINK, key="controls without")


def _pane(chosen: MapView, map_: Explanation | None, title: str, missing: str, scale: float | None) -> None:
    high, wide = chosen.radiograph.pixels.shape
    withheld = "Hidden because of its caveat. It can be shown on the Read page." if chosen.hidden else ""
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


def _figures(chosen: MapView, answer: _Answer) -> None:
    """Every finding before and after."""
    draw.section("What it says", "with and without" if answer.found else "")
    if answer.found is None:
        draw.probabilities(chosen.prediction, chosen.checkpoint, asked=chosen.finding)
        return
    st.html("".join(_shifted(each, asked=each.finding == chosen.finding) for each in changes(answer.found)))
    st.html(
        markup.paragraph(
            "The pale bar is with all units, the full one without them. Points are percentage points of probability; "
            "the logit is the network's score before it becomes one.",
            quiet=True,
        )
    )


def _shifted(change: Change, *, asked: bool) -> str:
    """One finding with and without the units: two bars, and in numbers what changed; as HTML."""
    name, points, logit = words(change.finding), markup.signed(change.points, 1), markup.signed(change.logit, 2)
    spoken = f"{name} {change.before:.2f}, without {change.after:.2f}, {points} points, logit {logit}"
    hue = markup.colour(change.finding)
    return (
        f'<div class="lb-shift{" lb-asked" if asked else ""}" role="img" aria-label="{escape(spoken)}">'
        f'<span class="lb-name">{escape(name)}</span>'
        f'<span class="lb-number">{change.before:.2f} → {change.after:.2f}</span>'
        f'<span class="lb-number lb-quiet">{points} points</span><span class="lb-number lb-quiet">logit {logit}</span>'
        f'<span class="lb-track"><b style="width:{change.before:.1%};background:{hue};opacity:0.4"></b></span>'
        f'<span class="lb-track"><b style="width:{change.after:.1%};background:{hue}"></b></span></div>'
    )
