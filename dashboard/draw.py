"""Elements that several pages share, with the same words and appearance."""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import streamlit as st

from core.errors import UserError
from core.estimate import quantity
from core.evaluate.age_group import age_sentence
from core.explain.method import Method
from core.image.film_checks import Check
from core.models.findings import present, words
from core.models.summary import calibration_sentence
from core.overlay import NOTICE, setting_words
from core.trust.verdicts import Verdict, Word
from core.types import Checkpoint, Explanation, Prediction, Radiograph
from core.verdict_line import Call, VerdictLine, call
from dashboard import markup, probability_bars
from dashboard.bound_field import widget
from dashboard.state import Session, session

Option = TypeVar("Option")
_HERE = Path(__file__).parent
_MIME = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "npz": "application/octet-stream",
    "pdf": "application/pdf",
    "png": "image/png",
    "zip": "application/zip",
}
_FEW = 6  # findings with a two-line bar each; more get one line each


def look() -> None:
    """The styles; drawn first, so that nothing appears without them."""
    st.html(_HERE / "styles.css")


def section(title: str, aside: str = "") -> None:
    """A section's title with a few quiet words beside it."""
    st.html(markup.heading(title, aside))


def select(
    label: str,
    options: Sequence[Option],
    value: Option,
    store: Callable[[Session, Option], None],
    *,
    at: str,
    words: Callable[[Option], str] = str,
    width: int | Literal["stretch"] = "stretch",
    hidden: bool = False,
    help: str | None = None,
) -> None:
    """A menu that shows `value` and passes the choice to `store` before the page is drawn again.

    at:     distinguishes several menus for the same choice.
    hidden: whether the label is only for screen readers.
    """
    st.selectbox(
        label,
        options,
        **widget(f"{label} {at}", value, store),
        format_func=words,
        label_visibility="collapsed" if hidden else "visible",
        width=width,
        help=help,
    )


def switch(
    label: str, value: bool, store: Callable[[Session, bool], None], *, at: str = "", help: str | None = None
) -> None:
    """A switch that shows `value` and passes its new value to `store` before the page is drawn again."""
    st.toggle(label, help=help, **widget(f"{label} {at}", value, store))


def download(
    label: str,
    data: bytes | str | Callable[[], bytes] | Callable[[], str],
    file: str,
    *,
    help: str | None = None,
    disabled: bool = False,
    key: str | None = None,
) -> None:
    """A button that saves the data, or the result of a function that runs on the click."""
    st.download_button(
        label,
        data,
        file,
        _MIME[file.rpartition(".")[2]],
        help=help,
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
        disabled=disabled,
        key=key,
    )


def probabilities(prediction: Prediction, checkpoint: Checkpoint, *, explained: str) -> None:
    """A bar for each finding with its operating point; the finding of the map in bold.

    Findings of a multi-label network are grouped by their operating point, then sorted by probability.
    """
    answer = call(prediction, checkpoint)

    def bars(findings: Sequence[str]) -> str:
        return "".join(
            probability_bars.bar(
                finding,
                prediction.probability(finding),
                threshold=checkpoint.thresholds.get(finding),
                explained=finding == explained,
                called=None if checkpoint.multi_label else answer.reached and finding == answer.finding,
            )
            for finding in findings
        )

    points = checkpoint.thresholds
    if checkpoint.multi_label:
        html = _judged_alone(prediction, checkpoint, bars)
    else:
        many = len(prediction.findings) > _FEW
        html = markup.block("lb-many", bars(prediction.findings)) if many else bars(prediction.findings)
    calibrated = calibration_sentence(checkpoint)
    mark = " The mark on each bar is the operating point." if points else ""
    also = ", ".join(map(words, answer.others)) if not checkpoint.multi_label else ""
    also = f" Also above its operating point: {also}." if also else ""
    st.html(html)
    with st.expander("About these numbers", type="compact"):
        st.html(markup.paragraph(f"{calibrated}{mark}{also}"))


def _judged_alone(prediction: Prediction, checkpoint: Checkpoint, bars: Callable[[Sequence[str]], str]) -> str:
    """Bars of a multi-label network: present findings, then the others, most likely first in each group."""
    order = sorted(prediction.findings, key=lambda finding: -prediction.probability(finding))
    alone = markup.paragraph("Findings are independent: several may be present, or none.", quiet=True)
    if not checkpoint.thresholds:
        return markup.block("lb-many", bars(order)) + alone
    findings = present(prediction, checkpoint)
    rest = [finding for finding in order if finding not in findings]
    html = ""
    if not findings:
        html = markup.paragraph("No finding reaches its operating point: the model reports none.")
    for title, group in (("At or above the operating point", findings), ("Below it", rest)):
        if group:
            html += probability_bars.group(f"{title} ({len(group)})", bars(group))
    return html + alone


STATES: dict[Word, str] = {"holds": "ok", "doubtful": "note", "fails": "warning", "unjudged": "unknown"}  # of a chip


def verdict_line(call: Call, line: VerdictLine | None = None, *, label: str) -> str:
    """The verdict in one line; without `line`, only the call, as the map is not judged yet.

    label: whether the call is the film's label, in words; empty for none.
    """
    shown = line or VerdictLine(call.sentence)
    return markup.verdict_line(shown.call, shown.looks, shown.map, call.operating_point, level=shown.level, label=label)


def verdicts(verdicts: Sequence[Verdict]) -> None:
    """The four verdicts as chips, each with the sentences of its measures."""
    st.html("".join(_verdict(each) for each in verdicts))


def _verdict(verdict: Verdict) -> str:
    lines = [(figure.title, figure.text) for figure in verdict.figures]
    meaning = verdict.sentence
    for figure in verdict.figures:
        meaning = meaning.replace(figure.text, "").strip()  # the sentence stands beside the name of its measure
    return markup.chip(
        STATES[verdict.word], verdict.title, verdict.label, [*lines, *([("", meaning)] if meaning else [])]
    )


def checks(checks: Sequence[Check], mend: Callable[[Check], None], *, of: int) -> None:
    """Warnings first, then notes, as chips, each followed by `mend`; passed checks are collapsed with their figures.

    of: total number of checks, including those drawn elsewhere.
    """
    order = [each for level in ("warning", "note") for each in checks if each.level == level]
    passed = [each for each in checks if each.level == "ok"]
    measured: set[str] = set()  # two checks may use the same figure: show it once
    with st.container(gap=None, key="film checks"):
        for each in order:
            st.html(markup.chip(each.level, each.title, each.level, [("", each.sentence)]))
            mend(each)
    if passed:
        with st.expander(f"{len(passed)} of {of} checks passed", type="compact"):
            st.html("".join(_check(each, measured) for each in passed))


def film_facts(radiograph: Radiograph, credit: str | None, checkpoint: Checkpoint | None) -> None:
    """Age, sex, view, spacing and device if the file has them, the steps of reading, and a note on the age.

    Patient names and numbers are never read.
    """
    height, width = radiograph.pixels.shape
    spacing, age = radiograph.spacing, radiograph.age
    shows = [radiograph.body_part, radiograph.view, {"L": "left", "R": "right"}.get(radiograph.laterality or "")]
    pairs = [
        ("Age", "" if age is None else f"{age:.0f} years" if age >= 2 else f"{12 * age:.0f} months"),
        ("View", ", ".join(word for word in shows if word)),
        *radiograph.header,
        ("Size", f"{width} × {height} px"),
        ("Spacing", f"{spacing[1]:.3g} mm per pixel" + " at the detector" * radiograph.at_detector if spacing else ""),
        ("File", f"{radiograph.origin.format}, {radiograph.origin.mode}, {radiograph.origin.bits} bits"),
        *(("Reading", step) for step in radiograph.steps),
        ("Credit", credit or ""),
    ]
    sentence, worse = age_sentence(checkpoint, age) if checkpoint else ("", False)
    st.html(
        (markup.paragraph(sentence) if sentence and not worse else "")  # `age_warning` shows it
        + markup.facts([(name, value) for name, value in pairs if value])
    )


def age_warning(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """Warns if the model is worse at this patient's age; nothing if the file or the card lacks the data."""
    sentence, worse = age_sentence(checkpoint, radiograph.age)
    if worse:
        st.html(markup.remark("warning", "Age", f"{radiograph.age:.0f} years", sentence))


@contextmanager
def errors() -> Iterator[None]:
    """Shows a UserError as a sentence in place; the rest of the page is still drawn."""
    try:
        yield
    except UserError as error:
        problem(str(error))


def problem(sentence: str) -> None:
    """A problem in one sentence."""
    st.error(plain(sentence), icon=":material/error:")


def problems() -> None:
    """Files that could not be opened, until dismissed or another file is opened."""
    here = session()
    place = st.empty()  # always present, so that the rest of the page does not move
    if not here.problems:
        return
    with place.container(horizontal=True, vertical_alignment="center", wrap=False, key="problems"):
        st.error("  \n".join(map(plain, here.problems)), icon=":material/error:")
        st.button("Dismiss", icon=":material/close:", type="tertiary", on_click=here.problems.clear)


def foot(checkpoint: Checkpoint | None) -> None:
    """The notice, the version and the digest of the weights in use."""
    weights = f"{checkpoint.name} {checkpoint.sha256[:8]}" if checkpoint else "no model"
    st.html(markup.foot(NOTICE, f"Lightbox {version()} · {weights}"))


@cache
def version() -> str:
    """The version from pyproject.toml."""
    with (_HERE.parent / "pyproject.toml").open("rb") as file:
        number: str = tomllib.load(file)["project"]["version"]
    return number


def plain(text: str) -> str:
    """The text with all Markdown signs escaped."""
    for sign in "\\`*_{}[]<>#$~:|":
        text = text.replace(sign, f"\\{sign}")
    return text


def _check(check: Check, measured: set[str]) -> str:
    figure = "" if check.measured in measured else quantity(check.figure, check.unit)
    if check.measured:
        measured.add(check.measured)
    return markup.remark(check.level, check.title, figure, check.sentence)


def about_map(
    method: Method, explanation: Explanation | None, *, passes: tuple[int, int], maps: int, lesions: str = ""
) -> None:
    """The method in one plain sentence, how it misleads, its source and, once the map is ready, its cost.

    lesions: how well this method finds lesions with this model, in a sentence.
    """
    section("About this map", method.title)
    pairs = []
    if explanation is not None:
        height, width = explanation.heat.shape
        forwards, backwards = passes
        cost = f"{_count(forwards, 'forward pass')}" + (f", {_count(backwards, 'backward pass')}" if backwards else "")
        shared = f" for {maps} maps and the prediction" if maps > 1 else ""
        pairs = [
            (
                "Size",
                "one value per region, in flat colour"
                if explanation.regions
                else f"{height} × {width} values, enlarged smoothly: no detail is finer than one of them",
            ),
            ("Unit", explanation.unit),
            ("Cost", f"{cost}{shared}, {explanation.seconds:.2f} s"),
        ]
        pairs += [("Settings", ", ".join(setting_words(*each) for each in explanation.settings.items()))] * bool(
            explanation.settings
        )
    st.html(
        markup.paragraph(method.plain)
        + markup.paragraph(f"How it misleads: {method.misleads}")
        + (markup.paragraph(lesions) if lesions else "")
        + markup.facts([*pairs, ("Computed by", method.computed_by), ("Source", method.source)])
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}es"


def title(text: str, words: str) -> None:
    """A page's title and purpose."""
    st.html(markup.title(text) + markup.paragraph(words, quiet=True))
