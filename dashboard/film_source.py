"""The fields for a folder or table of films on this machine."""

from collections.abc import Callable
from typing import Any, Protocol

import streamlit as st

from dashboard import draw
from dashboard.compare import sources
from dashboard.state import Session, bind


class Named(Protocol):
    """A folder or table, which of the table's splits, and how many films at most; part of the session."""

    path: str
    split: str
    most: int


def _nothing() -> None:
    """No-op."""


def film_fields(
    asked: Named,
    *,
    at: str,
    label: str,
    hint: str,
    width: int,
    most: int,
    least: int = 1,
    split: str = "Split",
    whole: bool = False,
    disabled: bool = False,
    anew: Callable[[], None] = _nothing,
) -> bool:
    """Shows what is named, and keeps what is entered; a menu of splits stands there where the table has some.

    Returns: False where it is no table or path that can be read, which has been told.

    at:    the place, where there are several such fields. width: of the path, in px.
    split: name of that menu. whole: whether all of a table can be meant, as "".
    anew:  is called after each change.
    """

    def keep(name: str) -> Callable[[Session, Any], None]:
        def changed(here: Session, value: Any) -> None:
            setattr(asked, name, value.strip() if isinstance(value, str) else value)
            anew()

        return changed

    key = bind(f"path of {at}", asked.path)
    st.text_input(
        label,
        key=key,
        placeholder=hint,
        on_change=draw.store,
        args=(key, keep("path")),
        disabled=disabled,
        width=width,
    )
    readable = False
    with draw.errors():
        if found := sources.splits(asked.path):
            found = ["", *found] if whole else found
            now = asked.split if asked.split in found else found[0]
            draw.select(split, found, now, keep("split"), at=at, words=lambda name: name or "all", width=130)
        readable = True
    key = bind(f"most of {at}", asked.most)
    st.number_input(
        "Maximum films",
        least,
        most,
        step=50,
        key=key,
        on_change=draw.store,
        args=(key, keep("most")),
        disabled=disabled,
        width=150,
    )
    return readable
