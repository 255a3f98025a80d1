"""All checkpoints in one table; a row opens its card."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import streamlit as st

from core.estimate import Estimate
from core.models.summary import Summary, summary
from core.types import Checkpoint
from dashboard import draw, markup
from dashboard.cache import model_files
from dashboard.models import export

_HEAD = [
    "Model",
    "Macro AUC, internal test",
    "Macro AUC, held-out hospital",
    "Accuracy, internal test",
    "Heat in lungs",
    "Size",
    "Date",
]


def none() -> None:
    """What to do without weights."""
    draw.title("Models", "There is no model in weights/.")
    st.html(markup.paragraph("Import one trained elsewhere, restore the folder from the repository, or train one:"))
    st.code("python -m core train", language="bash")


def table(cards: Sequence[Checkpoint]) -> None:
    """One line per checkpoint: architecture, internal and held-out figures, heat in the lungs."""
    lines = [summary(card, model_files.folder(card.name)) for card in cards]
    with export.titled("Checkpoints", [_exported(line) for line in lines], name="checkpoints"):
        st.html(
            markup.sheet(
                _HEAD,
                [(line.name, _cells(line)) for line in lines],
                label="All checkpoints; a row opens its card",
            )
            + markup.paragraph(
                "Internal test: films of patients that training did not see, from hospitals that it did see. Held-out "
                "hospital: not these weights, which saw all their hospitals, but other networks, each trained without "
                "one hospital and tested on its films; the mean of the AUCs within its sources. 95 % intervals; with "
                "fewer than 50 films the interval comes first.",
                quiet=True,
            )
        )


def _cells(line: Summary) -> list[str]:
    source = markup.below(line.lowest) + markup.below(line.retrained)
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
    left_out = {"source_left_out_lowest": line.lowest, "source_left_out_is_of": line.retrained if line.held_out else ""}
    return row | left_out | {"megabytes": size, "date": line.date}
