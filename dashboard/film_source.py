"""The fields in which a person names films on this machine."""

from collections.abc import Callable
from typing import Protocol

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
    """What was asked stands."""


def naming(
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

    def keep_path(here: Session, path: str) -> None:
        asked.path = path.strip()
        anew()

    def keep_split(here: Session, split: str) -> None:
        asked.split = split
        anew()

    def keep_most(here: Session, most: int) -> None:
        asked.most = most
        anew()

    key = bind(f"path of {at}", asked.path)
    st.text_input(
        label, key=key, placeholder=hint, on_change=draw.kept, args=(key, keep_path), disabled=disabled, width=width
    )
    readable = False
    with draw.shown():
        if found := sources.splits(asked.path):
            found = ["", *found] if whole else found
            now = asked.split if asked.split in found else found[0]
            draw.select(split, found, now, keep_split, at=at, words=lambda name: name or "all", width=130)
        readable = True
    key = bind(f"most of {at}", asked.most)
    st.number_input(
        "Films at most",
        least,
        most,
        step=50,
        key=key,
        on_change=draw.kept,
        args=(key, keep_most),
        disabled=disabled,
        width=150,
    )
    return readable
