"""All checkpoints in one table; a row opens its card."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import streamlit as st

from core.estimate import Estimate
from core.models.summary import Summary, held_out_source, summary
from core.types import Checkpoint
from dashboard import cache, draw, markup
from dashboard.models import export

_HEAD = [
    "Model",
    "Macro AUC, inside",
    "Macro AUC, source left out",
    "Accuracy, inside",
    "Heat in lungs",
    "Size",
    "Date",
]


def none() -> None:
    """No weights: what to do."""
    draw.title("Models", "There is no model in weights/ yet.")
    st.html(markup.paragraph("Add one that others trained, train one, or restore the folder from the repository:"))
    st.code("python -m core train", language="bash")


def table(cards: Sequence[Checkpoint]) -> None:
    """One line a checkpoint: what it is, how well it does inside and elsewhere, where it looks."""
    lines = [summary(card, cache.folder(card.name)) for card in cards]
    with export.titled("Checkpoints", [_exported(line) for line in lines], name="checkpoints"):
        st.html(
            markup.sheet(
                _HEAD,
                [(line.name, _cells(line)) for line in lines],
                label="All checkpoints; a row opens its card",
            )
            + markup.paragraph(
                "Inside: test films of patients that training never saw, from sources that it did see. Source left "
                "out: not of these weights, which saw all their sources, but of another network, trained anew and "
                "shortly without that source, on its films; the lowest, where several were left out. 95 % intervals; "
                "with fewer than 50 films the interval comes first.",
                quiet=True,
            )
        )


def _cells(line: Summary) -> list[str]:
    source = markup.below(held_out_source(line)) + markup.below(line.retrained)
    return [
        markup.stacked(line.name, line.architecture, link=line.name),
        markup.missing(line.note) if line.note else markup.estimate(line.internal),
        markup.estimate(line.held_out) + source if line.held_out else markup.unmeasured(),
        markup.estimate(line.accuracy),
        markup.estimate(line.lungs) if line.lungs else markup.unmeasured(),
        markup.stacked("–" if isnan(line.megabytes) else f"{line.megabytes:.0f} MB", ""),
        markup.stacked(line.date or "–", ""),
    ]


def _exported(line: Summary) -> dict[str, Any]:
    figures: list[tuple[str, Estimate | None]] = [
        ("macro_auc_inside_", line.internal),
        ("macro_auc_source_left_out_", line.held_out),
        ("accuracy_inside_", line.accuracy),
        ("heat_in_lungs_", line.lungs),
    ]
    row: dict[str, Any] = {"name": line.name, "architecture": line.architecture}
    for prefix, figure in figures:
        row |= export.columns(figure, prefix)
    size = "" if isnan(line.megabytes) else round(line.megabytes, 1)
    left_out = {"source_left_out": line.source, "source_left_out_is_of": line.retrained if line.held_out else ""}
    return row | left_out | {"megabytes": size, "date": line.date}
