"""Layers: the response of every unit of the network to one film, its contribution, and the prediction without it."""

from pathlib import Path

import streamlit as st

from dashboard import draw, film_panel, selection, welcome
from dashboard.bound_field import BoundField
from dashboard.cache import model_files
from dashboard.layers import parts
from dashboard.models import overview
from dashboard.state import session

TITLE, ICON, ORDER = "Layers", ":material/layers:", 3
_STYLES = Path(__file__).parents[1] / "layers" / "layers.css"


def page() -> None:
    """One part of the page, for the open film."""
    st.html(_STYLES)
    if not model_files.names():
        overview.none()
        return
    radiograph, card = selection.film(), selection.model()
    front = st.empty()  # cleared as soon as a film is open; any other container would linger until the run ends
    if radiograph is None:
        with front.container():
            welcome.draw()
        return
    if card is None:
        return  # the frame shows why
    if film_panel.withheld(radiograph, [card]):
        film_panel.veil(radiograph, card)
        return
    session().layers.turn_to(card.key)
    known = {part.name: part for part in parts()}
    chosen = known.get(session().layers.part) or next(iter(known.values()))
    with st.container(key="parts", horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "Part",
            list(known),
            **BoundField("layers.part").widget(value=chosen.name),
            format_func=lambda name: known[name].title,
            required=True,
            label_visibility="collapsed",
        )
    # Each part has its own place, so that it is cleared as soon as the person leaves it. Emptying and refilling one
    # place would lose state that only the browser has, such as focus and scroll position.
    places = {name: st.container(key=f"layers {name}") if name == chosen.name else st.empty() for name in known}
    with draw.errors(), places[chosen.name]:
        chosen.draw(radiograph, card)


if __name__ == "__main__":
    page()
