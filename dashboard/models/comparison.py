"""Two checkpoints side by side: near-equal AUC can have different reasons."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.card import LungFigures, SubsetFigures
from core.estimate import Estimate, available, estimate_text
from core.models.summary import held_out, retrained, summary
from core.types import Checkpoint
from dashboard import draw, markup
from dashboard.cache import model_files
from dashboard.models import export, plots
from dashboard.models.axes import NEUTRAL
from dashboard.models.limitations import groups, short_name
from dashboard.models.plots import IntervalMark

_FIRST, _SECOND = "densenet121-plain", "densenet121-lungs"
_OUT, _ONLY, _HEAT = "AUC, lungs blacked out", "AUC, lungs only", "Grad-CAM inside the lungs"
_INTERNAL, _HELD_OUT = "AUC, internal test", " held out *"
_Row = tuple[str, Estimate | None, Estimate | None]  # name, and the figure of each card


def section(cards: Sequence[Checkpoint]) -> None:
    """The choice of two checkpoints, their figures and a summary; nothing if there are fewer than two."""
    known = {card.name: card for card in cards}
    if len(known) < 2:
        return
    flagship = {_FIRST, _SECOND} <= set(known)
    first, second = (_FIRST, _SECOND) if flagship else tuple(known)[:2]
    draw.section("Plain against lungs" if flagship else "Two models side by side")
    st.html(
        markup.paragraph(
            "Nearly equal AUCs can have different reasons. Black out the lungs, and see which model still works."
        )
    )
    with st.container(horizontal=True, key="which two"):
        left = st.selectbox("First", list(known), list(known).index(first), key="first model", width=260)
        right = st.selectbox("Second", list(known), list(known).index(second), key="second model", width=260)
    if left == right:
        st.html(markup.paragraph("Choose two different models.", quiet=True))
        return
    _both(known[left], known[right])


def rows(first: Checkpoint, second: Checkpoint) -> list[_Row]:
    """The rows in order: name, and the figure of each card; None if it has none.

    A held-out hospital has a row only if both cards have it, with the same number of films.
    """
    one, two = _figures(first), _figures(second)
    longer, shorter = (one, two) if len(one) >= len(two) else (two, one)
    names = [*(name for name in longer if name != _HEAT), *(name for name in shorter if name not in longer), _HEAT]
    figures = [(name, one.get(name), two.get(name)) for name in names]
    return [*figures[:1], *_held_out_rows(first, second), *figures[1:]]


def _held_out_rows(first: Checkpoint, second: Checkpoint) -> list[_Row]:
    left, right = held_out(first), held_out(second)
    return [
        (f"AUC, {source}{_HELD_OUT}", figure, right[source])
        for source, figure in left.items()
        if source in right and figure.n == right[source].n
    ]


def _figures(card: Checkpoint) -> dict[str, Estimate | None]:
    """The figures of a card on its test films."""
    line = summary(card, model_files.folder(card.name))
    lungs = card.metrics.lungs or LungFigures()
    shortcuts = {  # groups in which the source does not give away the finding
        f"AUC, {_lower(short_name(each))}": available(each.macro_auc)
        for each in groups(card)
        if each.by in ("", "shortcut")
    }
    return {
        _INTERNAL: line.internal,
        **shortcuts,
        "AUC, films with lungs found": _macro_auc(lungs.whole),
        _OUT: _macro_auc(lungs.lungs_out),
        _ONLY: _macro_auc(lungs.lungs_only),
        _HEAT: line.lungs,
    }


def _macro_auc(films: SubsetFigures | None) -> Estimate | None:
    return available(films.macro_auc) if films else None


def summary_sentences(
    first: str, one: Mapping[str, Estimate | None], second: str, two: Mapping[str, Estimate | None]
) -> list[str]:
    """The figures in sentences that hold for any values."""
    sentences = []
    for row, begin, end in (
        (_INTERNAL, "Internal test", ""),
        (_OUT, "With the lungs blacked out", " What remains cannot come from the lungs; 0.5 is chance."),
        (
            _ONLY,
            "With the lungs only",
            " A drop here means the model relied on what lies outside the lungs, or that the black fill disturbs it.",
        ),
        (_HEAT, "Share of Grad-CAM inside the lungs", ""),
    ):
        left, right = one.get(row), two.get(row)
        if left and right:
            close = "; the intervals overlap" if _overlap(left, right) else "; the intervals do not overlap"
            sentences.append(f"{begin}: {first} {left.value:.2f}, {second} {right.value:.2f}{close}.{end}")
        else:
            lacking = " and ".join(name for name, figure in ((first, left), (second, right)) if not figure)
            sentences.append(f"{begin}: not measured for {lacking}.")
    return sentences


def _both(first: Checkpoint, second: Checkpoint) -> None:
    compared = rows(first, second)
    one = {name: figure for name, figure, _ in compared}
    two = {name: figure for name, _, figure in compared}
    marks = _marks(first, second, compared)
    exported = [
        {
            "figure": name.replace(_HELD_OUT, " left out (another network)"),  # the exported table has no footnote
            **export.columns(left, f"{first.name}_"),
            **export.columns(right, f"{second.name}_"),
        }
        for name, left, right in compared
    ]
    heading = "Figures on the same films" if same_films(compared) else "Figures on different films: n differs"
    with export.titled(heading, exported, name=f"{first.name} against {second.name}"):
        picture, numbers = st.columns([1, 1], gap="large")
        with picture:
            if marks:
                export.chart(
                    plots.intervals(marks, quantity="Ticks: chance, or an evenly spread map. * another network"),
                    name=f"{first.name} against {second.name}",
                    alt="; ".join(f"{mark.series}, {mark.row}: {estimate_text(mark.figure)}" for mark in marks),
                )
        with numbers:
            caption = "95 % intervals; with fewer than 50 films the interval comes first."
            st.html(
                markup.table(
                    ["", first.name, second.name],
                    [[name, _cell(left), _cell(right)] for name, left, right in compared],
                    caption=f"{caption} {_footnote(first, second)}".strip(),
                    label=f"{first.name} against {second.name}",
                )
                + "".join(map(markup.paragraph, summary_sentences(first.name, one, second.name, two)))
            )


def _marks(first: Checkpoint, second: Checkpoint, compared: Sequence[_Row]) -> list[IntervalMark]:
    return [
        IntervalMark(name, figure, colour, card.name, symbol, even=_even(card, name))
        for name, left, right in compared
        for card, figure, colour, symbol in (
            (first, left, NEUTRAL, "diamond"),
            (second, right, plots.ACCENT, "circle"),
        )
        if figure
    ]


def same_films(compared: Sequence[_Row]) -> bool:
    """Whether the AUCs of both cards are on the same number of films, row by row; the heat row is ignored."""
    return all(left.n == right.n for name, left, right in compared if left and right and name != _HEAT)


def _footnote(first: Checkpoint, second: Checkpoint) -> str:
    """Which networks the held-out figures belong to; empty if there are none."""
    if not _held_out_rows(first, second):
        return ""
    one, two = retrained(first), retrained(second)
    networks = f"{one}, by the recipe of each" if one == two else f"{one} ({first.name}); {two} ({second.name})"
    return f"* Held out: {networks}."


def _even(card: Checkpoint, row: str) -> float | None:
    """The uninformative value: chance, or for the heat the share of an evenly spread map."""
    if row != _HEAT:
        return 0.5
    area = available(card.metrics.lungs.lung_area) if card.metrics.lungs else None
    return area.value if area else None


def _lower(name: str) -> str:
    """The name for the middle of a sentence; "NIH" stays as it is."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _cell(figure: Estimate | None) -> str:
    return estimate_text(figure) if figure else "not measured"


def _overlap(left: Estimate, right: Estimate) -> bool:
    if not (left.has_interval and right.has_interval):
        return left.value == right.value
    return left.low <= right.high and right.low <= left.high
