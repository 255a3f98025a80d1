"""Models: what each checkpoint is, how well it does on films like its own and on others, and where it fails."""

import streamlit as st

from dashboard import cache, draw
from dashboard.models import address, card, compare, importing, overview, trainings
from dashboard.state import session

TITLE, ICON, ORDER = "Models", ":material/model_training:", 6


def page() -> None:
    """The card that the address names; without one, all checkpoints in a table, two compared, and the trainings."""
    opened = address.opened()
    if opened is not None:
        address.back()
        with draw.shown(), st.container(key="card"):
            card.page(cache.card(opened))
            return
    if coming := session().coming:
        importing.page(coming)
        return
    cards = []
    for name in cache.names():
        with draw.shown():
            cards.append(cache.card(name))
    if not cards:
        overview.none()
        importing.button()
    else:
        with st.container(horizontal=True, vertical_alignment="center", key="models head"):
            with st.container():
                draw.title(
                    "Models", "What each was trained on, how well it does on films it never saw, and where it fails."
                )
            importing.button()
        overview.table(cards)
        address.links()
        compare.section(cards)
    trainings.section()


if __name__ == "__main__":
    page()
