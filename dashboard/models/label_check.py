"""A test of the import settings on labelled films: order of findings, grey values, polarity."""

import os
from pathlib import Path

import streamlit as st

from core.evaluate.labelled_films import read_labelled_films
from core.evaluate.polarity import Polarity, polarity
from core.models.classifier import Classifier
from core.models.importers import ImportCandidate, corrected
from dashboard import draw, markup, paths
from dashboard.models import export
from dashboard.models.model_import import ModelImport


def section(here: ModelImport, wanted: ImportCandidate) -> None:
    """The test, and buttons that apply its suggestions; only on the machine that runs Lightbox."""
    if not paths.local():
        return
    with export.section("Test on labelled films", "findings swapped? grey values wrong? image inverted?"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            path = st.text_input(
                "Table with the columns file and label, or a folder with cxr.csv",
                os.environ.get("LIGHTBOX_DATA", ""),
                key="path of labelled films",
                placeholder="/data/films.csv",
                persist_state="session",
            ).strip()
            submitted = st.button("Test")
        key = wanted.checkpoint("").key
        if submitted and path:
            with draw.errors():
                here.label_check = key, _test(wanted, paths.typed(path))
        if here.label_check and here.label_check[0] == key:
            _result(here, wanted, here.label_check[1])


def sentences(here: ModelImport, wanted: ImportCandidate) -> tuple[str, ...]:
    """The result for exactly these settings; empty if they were not tested."""
    if here.label_check is None or here.label_check[0] != wanted.checkpoint("").key:
        return ()
    return tuple(here.label_check[1].sentences)


def _test(wanted: ImportCandidate, path: Path) -> Polarity:
    bar = st.progress(0.0, text="Reading labelled films")

    def tell(done: int, total: int) -> None:
        bar.progress(done / total, text=f"{done} of {total} labelled films")

    result = polarity(Classifier(wanted.checkpoint("imported"), wanted.network()), read_labelled_films(path), tell=tell)
    bar.empty()
    return result


def _result(here: ModelImport, wanted: ImportCandidate, result: Polarity) -> None:
    first, *rest = result.sentences
    level = "warning" if result.warnings else "ok"
    st.html(markup.paragraph(first) + "".join(markup.remark(level, "", "", sentence) for sentence in rest))
    with st.container(horizontal=True):
        if result.findings:
            st.button("Use that order of findings", on_click=_apply, args=(here, wanted, result.findings, None))
        if result.normalisation:
            st.button("Use those grey values", on_click=_apply, args=(here, wanted, None, result.normalisation))


def _apply(
    here: ModelImport, wanted: ImportCandidate, findings: tuple[str, ...] | None, normalisation: str | None
) -> None:
    here.replace(corrected(wanted, findings=findings, normalisation=normalisation))
