"""A person's own checkpoints: their origin, renaming and removing."""

from collections.abc import Callable

import streamlit as st

from core.card import ImportRecord
from core.errors import UserError
from core.models import library
from dashboard import markup, paths
from dashboard.cache import model_files
from dashboard.models import card_address
from dashboard.state import entered, session


def origin(record: ImportRecord) -> list[tuple[str, str]]:
    """The file that the checkpoint was imported from, as pairs of label and value."""
    pairs = [
        ("Imported", " on ".join(filter(None, (f"from {record.file}" if record.file else "", record.date)))),
        ("Recognised as", record.layout),
        ("SHA-256 of that file", record.sha256),
        ("Stripped", ", ".join(record.stripped)),
        ("Unused", ", ".join(record.left_over)),
        *(("Note", note) for note in record.notes),
        *(("Labelled films", sentence) for sentence in record.label_check),
    ]
    return [(name, value) for name, value in pairs if value]


def changes(name: str) -> None:
    """A menu to rename or remove the checkpoint; only on the machine that runs Lightbox."""
    if not paths.local():
        return
    with st.popover("Rename or remove", icon=":material/edit:"):
        key = f"new name of {name}"  # not bound: the text has to survive the run started by leaving the field
        st.text_input("Name", name, key=key, max_chars=64)
        st.button("Rename", on_click=_rename, args=(name, key), width="stretch")
        st.html(
            markup.paragraph("Removing deletes weights and card. The file they were imported from stays.", quiet=True)
        )
        st.button("Remove permanently", icon=":material/delete:", on_click=_remove, args=(name,), width="stretch")


def _rename(name: str, key: str) -> None:
    def renamed() -> None:
        card = library.rename(name, entered(key).strip(), shipped=model_files.WEIGHTS)
        if session().checkpoint == name:
            session().checkpoint = card.name
        card_address.show(card.name)

    _change(renamed)


def _remove(name: str) -> None:
    def away() -> None:
        library.remove(name, shipped=model_files.WEIGHTS)
        card_address.close()
        session().checkpoint = None

    _change(away)


def _change(change: Callable[[], None]) -> None:
    """Makes the change; reports an invalid name above the page and then changes nothing."""
    session().problems.clear()
    try:
        change()
    except UserError as error:
        session().problems.append(str(error))
