"""The sidebar of every page: adding films, model and finding, and the strip of open films.

The strip is filled after the page, so that no film waits for the thumbnails and predictions of the others.
"""

import streamlit as st

from core.errors import UserError
from core.image.quality import withheld
from core.models.findings import present, words
from core.types import Checkpoint, Radiograph
from dashboard import cache, draw, film_upload, kept_sessions, markup, selection
from dashboard.state import BoundField, session

_LIKELIEST = "most likely"
_ROOM = 5  # films before the strip scrolls


def ways_in() -> None:
    """Files, drawn cases, examples."""
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
    draw.select("Model", cache.names(), name, BoundField("checkpoint", then=selection.no_refusal), at="sidebar")
    if checkpoint is not None:
        finding = session().finding
        options = [_LIKELIEST, *checkpoint.findings]
        value = finding if finding in checkpoint.findings else _LIKELIEST
        field = BoundField("finding", lambda entry: None if entry == _LIKELIEST else entry, selection.no_refusal)
        draw.select("Finding", options, value, field, at="sidebar", words=words)


def strip(checkpoint: Checkpoint | None) -> None:
    """The films: thumbnail, name, most likely finding, and a mark where a check warns; a click opens one."""
    here = session()
    undo()
    if not here.radiographs:
        return
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key="films head"):
        draw.section(f"Films ({len(here.radiographs)})")
        st.button("Clear", type="tertiary", help="Remove all films from memory", on_click=here.clear)
    crowded = len(here.radiographs) > _ROOM
    with st.container(height=400 if crowded else "content", border=False, gap="xsmall"):
        for radiograph in list(here.radiographs.values()):
            _case(radiograph, checkpoint)
    st.caption(f"In memory until Clear, or {kept_sessions.MINUTES} minutes after you close the tab. In no file.")


def undo() -> None:
    """What was removed last, with the button that restores it; nothing once that is over."""
    here = session()
    if here.removed is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key="undo"):
        st.html(markup.paragraph(f"Removed {here.removed.words}.", quiet=True))
        st.button("Undo", type="tertiary", icon=":material/undo:", on_click=here.undo_removal)


def _case(radiograph: Radiograph, checkpoint: Checkpoint | None) -> None:
    here = session()
    key = radiograph.key
    chosen = key == here.film_key
    with st.container(
        key="case-chosen" if chosen else f"case-{key}",
        horizontal=True,
        vertical_alignment="center",
        gap="small",
        wrap=False,
    ):
        st.html(
            markup.thumbnail(cache.thumbnail(radiograph, session().cleaning(radiograph.key)), radiograph.name),
            width="content",
        )
        with st.container(gap=None):
            st.button(
                draw.plain(radiograph.name),
                key=f"look at {key}",
                type="tertiary",
                on_click=_look,
                args=(key,),
                width="stretch",
                wrap=False,
            )
            st.html(markup.block("lb-case", _summary(radiograph, checkpoint)))
        st.button(
            "",
            key=f"remove {key}",
            icon=":material/close:",
            type="tertiary",
            help="Remove film",
            on_click=here.remove,
            args=(key,),
        )


def _summary(radiograph: Radiograph, checkpoint: Checkpoint | None) -> str:
    """The top finding and the mark; a film that this model cannot read gets its sentence here and stops nothing."""
    now = session().cleaning(radiograph.key)
    checks = cache.quality(radiograph, now)
    mark = markup.icon("warning") if any(check.level == "warning" for check in checks) else ""
    drawn = markup.badge("drawn") if radiograph.drawn else ""
    if checkpoint is None:
        return drawn + mark
    if withheld(checks) and not now.anyway:
        return markup.quiet("answer withheld") + drawn + mark
    try:
        prediction = cache.predict(checkpoint, radiograph, now)
    except UserError as error:
        return markup.paragraph(str(error), quiet=True)
    findings = present(prediction, checkpoint) if checkpoint.multi_label else prediction.likeliest[:1]
    if not findings:
        return markup.quiet("no finding") + drawn + mark
    return markup.dot(findings[0], prediction.probability(findings[0]), more=len(findings) - 1) + drawn + mark


def _look(key: str) -> None:
    session().film_key = key
    selection.no_refusal()
