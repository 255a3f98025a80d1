"""The open card in the page's address, so that it can be shared; clicks keep the session."""

from pathlib import Path

import streamlit as st

from dashboard import selection
from dashboard.state import entered, session

_NAME = "checkpoint"  # in the address: ?checkpoint=densenet121-lungs
_KEY = "models links"
_links = st.components.v2.component(
    "lightbox.models.links", js=(Path(__file__).parent / "links.js").read_text(encoding="utf-8")
)


def opened() -> str | None:
    """The checkpoint in the address, None for the list."""
    here = session()
    here.opened_card = st.query_params.get(_NAME)
    return here.opened_card


def use(name: str) -> None:
    """The button that selects the open card's checkpoint on all pages."""
    used = name == selection.model_name()
    st.button(
        "The model of all pages" if used else "Use on all pages",
        icon=":material/check:" if used else ":material/output:",
        disabled=used,
        on_click=_use,
        args=(name,),
    )


def links() -> None:
    """Makes elements with `data-checkpoint` open that card without reloading the page."""
    with st.container(key="links"):
        _links(key=_KEY, on_opened_change=_open)


def back() -> None:
    """The button back to the list."""
    st.button("All models", icon=":material/arrow_back:", type="tertiary", on_click=close)


def show(name: str) -> None:
    """Opens the card of that checkpoint; the model of the pages does not change."""
    session().opened_card = st.query_params[_NAME] = name


def close() -> None:
    """Closes the open card, and an import."""
    here = session()
    here.opened_card = here.model_import = None
    st.query_params.pop(_NAME, None)


def _use(name: str) -> None:
    session().checkpoint = name


def _open() -> None:
    show(entered(_KEY).opened)
