"""Which card is open, in the page's address, so that it can be shared; clicks keep the session."""

from pathlib import Path

import streamlit as st

from dashboard import cache
from dashboard.state import entered, session

_NAME = "checkpoint"  # in the address: ?checkpoint=densenet121-lungs
_KEY = "models links"
_links = st.components.v2.component(
    "lightbox.models.links", js=(Path(__file__).parent / "links.js").read_text(encoding="utf-8")
)


def opened() -> str | None:
    """The checkpoint in the address, None for the list; it and the model of the sidebar follow each other."""
    here = session()
    name = st.query_params.get(_NAME)
    if name != here.opened_card:  # a link, or the browser's way back
        here.opened_card = name
        if name in cache.names() and name != here.checkpoint:
            here.checkpoint = name
            st.rerun()  # the sidebar is drawn before the page
    elif name in cache.names() and here.checkpoint not in (None, name):
        st.query_params[_NAME] = here.opened_card = here.checkpoint
    return here.opened_card


def links() -> None:
    """Makes elements with `data-checkpoint` open that card without reloading the page."""
    with st.container(key="links"):
        _links(key=_KEY, on_opened_change=_open)


def back() -> None:
    """The button back to the list."""
    st.button("All models", icon=":material/arrow_back:", type="tertiary", on_click=close)


def show(name: str) -> None:
    """Opens the card of that checkpoint, and makes it the model of the sidebar."""
    here = session()
    here.opened_card = here.checkpoint = st.query_params[_NAME] = name


def close() -> None:
    """Closes the open card, and an import."""
    here = session()
    here.opened_card = here.model_import = None
    st.query_params.pop(_NAME, None)


def _open() -> None:
    show(entered(_KEY).opened)
