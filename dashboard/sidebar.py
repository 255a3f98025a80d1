"""The sidebar of every page: adding films, model and finding, and the strip of open films.

The strip is filled after the page, so that no film waits for the thumbnails and predictions of the others.
"""

from pathlib import Path

import streamlit as st

from core.models.findings import words
from core.types import Checkpoint
from dashboard import draw, film_upload, kept_sessions, markup, selection
from dashboard.bound_field import BoundField
from dashboard.cache import model_files
from dashboard.film_strip import film_strip
from dashboard.state import session

_LIKELIEST = "most likely"
_drawer = st.components.v2.component(
    "lightbox.drawer", js=Path(__file__).with_name("drawer.js").read_text(encoding="utf-8")
)


def ways_in() -> None:
    """Files, drawn cases, examples."""
    with st.container(key="drawer"):
        _drawer(key="drawer closes")
    film_upload.files("Add radiographs", at="sidebar")
    with st.container(key="ways in", horizontal=True, wrap=False, gap="small"):
        film_upload.phantom_button()
        film_upload.examples_menu()


def questions(checkpoint: Checkpoint | None) -> None:
    """Model and finding, the same on all pages."""
    name = selection.model_name()
    if name is None:
        st.html(markup.paragraph("No model in weights/. Train one with `python -m core train`, or restore the folder."))
        return
    draw.select("Model", model_files.names(), name, BoundField("checkpoint", then=selection.no_refusal), at="sidebar")
    if checkpoint is not None:
        finding = session().finding
        options = [_LIKELIEST, *checkpoint.findings]
        value = finding if finding in checkpoint.findings else _LIKELIEST
        field = BoundField("finding", lambda entry: None if entry == _LIKELIEST else entry, selection.no_refusal)
        draw.select("Finding", options, value, field, at="sidebar", words=words)


def strip(checkpoint: Checkpoint | None) -> None:
    """The films, the last removal, and how long films are kept."""
    here = session()
    undo()
    if not here.radiographs:
        return
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key="films head"):
        draw.section(f"Films ({len(here.radiographs)})")
        st.button("Clear", type="tertiary", help="Remove all films from memory", on_click=here.clear)
    film_strip(checkpoint)
    step = "J and K: next and previous film. " if len(here.radiographs) > 1 else ""
    st.caption(
        f"{step}In memory, never in a file, until Clear or {kept_sessions.MINUTES} minutes after you close the tab."
    )


def undo() -> None:
    """The last removal, with the button that restores it; nothing once the time is over."""
    here = session()
    if here.removed is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key="undo"):
        st.html(markup.paragraph(f"Removed {here.removed.words}.", quiet=True))
        st.button("Undo", type="tertiary", icon=":material/undo:", on_click=here.undo_removal)
