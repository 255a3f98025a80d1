"""The films of the chosen study: rendered by the server, opened in Read."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import streamlit as st

from core.errors import UserError
from core.pacs.dicomweb import InstanceEntry, retrieve, thumbnail
from core.pacs.server import PacsServer
from dashboard import film_upload, markup
from dashboard.state import session

_SHOWN = 24  # films with a preview
_AT_ONCE = 4  # requests to the server at a time


def films(server: PacsServer) -> None:
    """Small pictures of the study's films, each with a button, and one button that opens all."""
    state = session().pacs
    if not state.films:
        return
    count = len(state.films)
    shown = state.films[:_SHOWN]
    with st.spinner("Fetching previews"):
        _fetch_thumbnails(server, shown)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(markup.number(f"{count} {'film' if count == 1 else 'films'} in the study"), width="content")
        if count > 1:
            label = f"Open all {count}"
            st.button(label, key="pacs open all", type="primary", on_click=_open, args=(server, state.films))
    with st.container(key="film cards pacs"):
        for each in shown:
            with st.container(key=f"film card pacs {each.uid}", gap="xsmall"):
                _card(server, each)
    if state.results:
        objects = "1 result is" if state.results == 1 else f"{state.results} results are"
        st.html(
            markup.paragraph(f"{objects} in the study that Lightbox sent. Open results in a PACS viewer.", quiet=True)
        )
    if count > _SHOWN:
        st.html(markup.paragraph(f"{count - _SHOWN} more without a preview; “Open all” opens them too.", quiet=True))


def _card(server: PacsServer, each: InstanceEntry) -> None:
    size = f"{each.columns} × {each.rows} px".replace(" ", "\N{NO-BREAK SPACE}")
    words = " · ".join(part for part in (each.description, each.modality, size) if part)
    picture = session().pacs.thumbnails.get(each.uid)
    if picture:
        st.html(markup.block("lb-film", markup.picture(picture, words)))
    else:
        st.html(markup.paragraph("No preview from the server.", quiet=True))
    st.caption(words)
    st.button("Open", key=f"pacs open {each.uid}", on_click=_open, args=(server, (each,)), width="stretch")


def _fetch_thumbnails(server: PacsServer, films: tuple[InstanceEntry, ...]) -> None:
    thumbnails = session().pacs.thumbnails
    missing = [each for each in films if each.uid not in thumbnails]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for each, picture in zip(missing, threads.map(partial(_webp, server), missing), strict=True):
            thumbnails[each.uid] = picture


def _webp(server: PacsServer, each: InstanceEntry) -> bytes:
    """The film rendered by the server, WebP; empty if it renders none, though the film can still be opened."""
    try:
        picture = thumbnail(server, each)
    except UserError:
        return b""
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=80)
    return file.getvalue()


def _open(server: PacsServer, chosen: tuple[InstanceEntry, ...]) -> None:
    here = session()
    here.problems.clear()
    contents = []
    for number, each in enumerate(chosen, 1):
        name = f"{each.description or each.modality or 'film'} {number}.dcm"
        try:
            contents.append((retrieve(server, each), name))
        except UserError as error:
            here.problems.append(str(error))
    here.opens_read = film_upload.open_contents(contents)
