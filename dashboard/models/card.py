"""The card of one checkpoint: a line about it, its key figures, and one of five parts."""

from collections.abc import Callable, Mapping

import streamlit as st

from core.estimate import available
from core.models.findings import words
from core.models.summary import architecture_title, summary
from core.types import Checkpoint
from dashboard import draw, markup
from dashboard.cache import model_files
from dashboard.models import audit, card_address, limitations, own_models, performance, purpose, training

_PARTS: Mapping[str, Callable[[Checkpoint], None]] = {
    "Limitations": limitations.part,
    "Purpose and data": purpose.part,
    "Performance": performance.part,
    "Shortcuts": audit.part,
    "Training": training.part,
}

_VISIBLE = 2  # warnings
_FEW = 6  # findings to name in the line below the title


def page(card: Checkpoint) -> None:
    """The whole card; the open part is in the address."""
    with st.container(horizontal=True, vertical_alignment="center", key="card head"):
        with st.container():
            draw.title(card.name, _line(card))
        card_address.use(card.name)
        if card.name in model_files.own():
            own_models.changes(card.name)
    _key_figures(card)
    _warnings(card)
    for tab, draw_part in zip(st.tabs(list(_PARTS), key="part", bind="query-params"), _PARTS.values(), strict=True):
        if tab.open:
            with tab, st.container(gap="medium"):
                draw_part(card)


def _line(card: Checkpoint) -> str:
    one = summary(card, model_files.folder(card.name))
    count = len(card.findings)
    findings = ", ".join(map(words, card.findings)) if count <= _FEW else f"{count} findings"
    parts = [architecture_title(card), f"{card.input.size} × {card.input.size} px", findings, one.date]
    return " · ".join(part for part in parts if part)


def _key_figures(card: Checkpoint) -> None:
    """Internal test and held-out hospital side by side, never only one of them."""
    one = summary(card, model_files.folder(card.name))
    missing = markup.unmeasured()
    nothing = markup.missing(one.note) if one.note else missing
    area = available(card.metrics.lungs.lung_area) if card.metrics.lungs else None
    covered = f"{area.value:.2f} if spread evenly" if area else ""
    st.html(
        markup.tiles(
            [
                ("Macro AUC, internal test", markup.estimate(one.internal) if one.internal else nothing),
                (
                    "Macro AUC, held-out hospital",
                    markup.estimate(one.held_out) + markup.below(one.lowest) + markup.below(one.retrained)
                    if one.held_out
                    else missing,
                ),
                ("Accuracy, internal test", markup.estimate(one.accuracy) if one.accuracy else missing),
                (
                    "Grad-CAM inside the lungs",
                    markup.estimate(one.lungs) + markup.below(covered) if one.lungs else missing,
                ),
            ]
        )
    )


def _warnings(card: Checkpoint) -> None:
    """The first warnings visible, the others collapsed."""
    test = card.metrics.test
    warnings = list(test.warnings) if test else []
    if not test:
        origin = "It was imported and not evaluated here. " if card.imported else ""
        warnings.append(f"{origin}Its card has no test figures. Evaluate it before you rely on it.")
    if warnings:
        st.warning("  \n".join(map(draw.plain, warnings[:_VISIBLE])), icon=":material/warning:")
    if rest := warnings[_VISIBLE:]:
        with st.expander(f"{len(rest)} more warning{'s' if len(rest) > 1 else ''}", type="compact"):
            st.html(markup.sentences(rest))
