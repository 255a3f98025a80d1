"""Models: each checkpoint with its performance on internal and held-out films, and its limitations."""

import streamlit as st

from dashboard import draw
from dashboard.cache import model_files
from dashboard.models import audit, card, card_address, comparison, importing, lesion_table, overview, running_trainings
from dashboard.state import session

TITLE, ICON, ORDER = "Models", ":material/model_training:", 6


def page() -> None:
    """The card in the address; without one, a table of all checkpoints, a comparison of two, and the trainings."""
    opened = card_address.opened()
    if opened is not None:
        card_address.back()
        with draw.errors(), st.container(key="card"):
            card.page(model_files.card(opened))
            return
    if coming := session().model_import:
        importing.page(coming)
        return
    cards = []
    for name in model_files.names():
        with draw.errors():
            cards.append(model_files.card(name))
    if not cards:
        overview.none()
        importing.button()
    else:
        with st.container(horizontal=True, vertical_alignment="center", key="models head"):
            with st.container():
                draw.title(
                    "Models",
                    "What each was trained on, how well it performs on films it never saw, and where it fails.",
                )
            importing.button()
        overview.table(cards)
        card_address.links()
        comparison.section(cards)
        lesion_table.section(cards)
        audit.section(cards)
    running_trainings.section()


if __name__ == "__main__":
    page()
