"""Labelled films say whether what a checkpoint is kept as can be true: its findings, its grey values, bright bone."""

import os
from pathlib import Path

import streamlit as st

from core.evaluate.labelled_films import read
from core.evaluate.polarity import Polarity, polarity
from core.models.classifier import Classifier
from core.models.importers import Found, corrected
from dashboard import draw, markup, paths
from dashboard.models import export
from dashboard.state import ModelImport


def section(here: ModelImport, wanted: Found) -> None:
    """Labelled films say whether findings, grey values and polarity can be right; what they say can be taken over.

    They lie on this machine: nothing for somebody who does not sit at it.
    """
    if not paths.local():
        return
    with export.section("Test it with labelled films", "findings swapped? grey values wrong? bone dark?"):
        with st.form("examples", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            path = st.text_input(
                "Table with the columns file and label, or a folder with cxr.csv",
                os.environ.get("LIGHTBOX_DATA", ""),
                placeholder="/data/films.csv",
            ).strip()
            asked = st.form_submit_button("Test")
        key = wanted.checkpoint("").key
        if asked and path:
            with draw.shown():
                here.judged = key, _asked(wanted, paths.typed(path))
        if here.judged and here.judged[0] == key:
            _judged(here, wanted, here.judged[1])


def said(here: ModelImport, wanted: Found) -> tuple[str, ...]:
    """What labelled films said of exactly this; empty where none were asked."""
    if here.judged is None or here.judged[0] != wanted.checkpoint("").key:
        return ()
    return tuple(here.judged[1].sentences)


def _asked(wanted: Found, path: Path) -> Polarity:
    bar = st.progress(0.0, text="Looking at labelled films")

    def tell(done: int, total: int) -> None:
        bar.progress(done / total, text=f"{done} of {total} labelled films")

    found = polarity(Classifier(wanted.checkpoint("imported"), wanted.network()), read(path), tell=tell)
    bar.empty()
    return found


def _judged(here: ModelImport, wanted: Found, found: Polarity) -> None:
    first, *rest = found.sentences
    level = "warning" if found.warnings else "ok"
    st.html(markup.paragraph(first) + "".join(markup.remark(level, "", "", sentence) for sentence in rest))
    with st.container(horizontal=True):
        if found.findings:
            st.button("Take that order of findings", on_click=_take, args=(here, wanted, found.findings, None))
        if found.normalisation:
            st.button("Take those grey values", on_click=_take, args=(here, wanted, None, found.normalisation))


def _take(here: ModelImport, wanted: Found, findings: tuple[str, ...] | None, normalisation: str | None) -> None:
    here.take(corrected(wanted, findings=findings, normalisation=normalisation))
