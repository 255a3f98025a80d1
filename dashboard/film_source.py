"""The fields for a folder or table of films on this machine."""

from collections.abc import Callable
from typing import Protocol

import streamlit as st

from dashboard import draw
from dashboard.bound_field import BoundField
from dashboard.compare import sources


class FilmChoice(Protocol):
    """A folder or table, the split of the table, and the maximum number of films; part of the session."""

    path: str
    split: str
    most: int


def film_fields(
    path: str,
    *,
    label: str,
    hint: str,
    width: int,
    most: int,
    least: int = 1,
    split: str = "Split",
    whole: bool = False,
    disabled: bool = False,
    then: Callable[[], None] = lambda: None,
) -> bool:
    """Fields for a `FilmChoice` of the session; with a menu of splits if the table has any.

    Returns: False if the path cannot be read; the reason is shown.

    path:  of the FilmChoice, as for BoundField.
    width: of the path field, in px.
    split: name of the menu.
    whole: whether the menu offers the whole table, as "".
    then:  called after each change.
    """
    films: FilmChoice = BoundField(path).value
    field = BoundField(f"{path}.path", str.strip, then)
    st.text_input(label, **field.widget(), placeholder=hint, disabled=disabled, width=width)
    readable = False
    with draw.errors():
        if splits := sources.splits(films.path):
            splits = ["", *splits] if whole else splits
            now = films.split if films.split in splits else splits[0]
            field = BoundField(f"{path}.split", then=then)
            draw.select(split, splits, now, field, at=path, words=lambda name: name or "all", width=130)
        readable = True
    field = BoundField(f"{path}.most", then=then)
    st.number_input("Maximum films", least, most, step=50, **field.widget(), disabled=disabled, width=150)
    return readable
