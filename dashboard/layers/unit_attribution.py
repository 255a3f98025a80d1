"""The attribution of one unit to the pixels of the film, and its preferred picture."""

from functools import partial
from typing import get_args

import streamlit as st

from core.layers.preferred import Preferred, Prior
from core.layers.unit_maps import UNIT_METHODS, UnitMethod
from core.overlay import caption, figure
from core.types import Checkpoint, Radiograph
from dashboard import draw, markup, progress
from dashboard.bound_field import BoundField
from dashboard.cache import unit_requests
from dashboard.state import session
from dashboard.viewer import viewer

_TALL = 320  # px, height of the film
_PATIENCE = 0.05  # s until progress is shown
_PRIORS: dict[Prior, str] = {"chest": "near a mean chest", "free": "free"}

Wanted = tuple[str, str, int, str]  # checkpoint key, stage, channel, prior


def attribution(radiograph: Radiograph, card: Checkpoint, stage: str, channel: int) -> None:
    """The choice of the method, and its map over the film."""
    one = session().layers.unit
    draw.section("Pixel attribution", "of its strongest cell on this film")
    st.segmented_control(
        "Method",
        list(UNIT_METHODS),
        **BoundField("layers.unit.kind").widget(),
        format_func=lambda kind: UNIT_METHODS[kind].title,
        required=True,
        label_visibility="collapsed",
    )
    _map(radiograph, card, stage, channel, one.kind)
    kind = UNIT_METHODS[one.kind]
    st.html(markup.paragraph(kind.plain) + markup.paragraph(f"How it misleads: {kind.misleads}", quiet=True))


@st.fragment(parallel=True)
def _map(radiograph: Radiograph, card: Checkpoint, stage: str, channel: int, kind: UnitMethod) -> None:
    """The viewer with the map, once it is computed."""
    request = unit_requests.unit_attribution(card, radiograph, session().cleaning(radiograph.key), stage, channel, kind)
    with (
        draw.errors(),
        progress.place(request, name=UNIT_METHODS[kind].title, key="followed", height=_TALL) as (map_,),
    ):
        viewer(radiograph, [map_], key="unit followed", captions=[caption(map_)], height=_TALL, compact=True)


def preferred(card: Checkpoint, stage: str, channel: int, *, here: float, most: float | None) -> None:
    """The picture that excites the unit most, computed on request.

    here: its maximum activation on this film.
    most: its maximum over the reference films; None without any.
    """
    one = session().layers.unit
    draw.section("Preferred picture", "drawn by optimisation")
    st.html(
        markup.paragraph(
            "A picture is changed in small steps until the unit responds as strongly as possible. It is synthetic, no "
            "patient data."
        )
    )
    wanted: Wanted = (card.key, stage, channel, one.prior)
    request = unit_requests.preferred_picture(card, stage, channel, one.prior) if wanted in one.wanted else None
    done = request is not None and request.wait(_PATIENCE)
    with st.container(key="preferred controls", horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "Starts from",
            list(get_args(Prior)),
            **BoundField("layers.unit.prior").widget(),
            format_func=_PRIORS.__getitem__,
            required=True,
            label_visibility="collapsed",
        )
        if request is None:
            st.button("Compute", key="draw preferred", icon=":material/draw:", on_click=one.wanted.add, args=(wanted,))
            return
        if not done:
            with request:
                progress.busy(request, "Picture", key="preferred", withdraw=partial(one.wanted.discard, wanted))
            return
    with request, draw.errors():
        _draw(request.answer(), here, most)


def _draw(picture: Preferred, here: float, most: float | None) -> None:
    """The picture, and how strongly the unit responds to it."""
    with st.container(key="preferred picture"):
        st.image(
            picture.picture,
            width="stretch",
            caption=f"Unit {picture.channel} of {picture.stage}: synthetic, not a film.",
            alt=f"Preferred picture of unit {picture.channel}",
        )
    pairs = [
        ("Activation", f"{figure(picture.after)}, from {figure(picture.before)} at the start"),
        ("On this film", figure(here)),
    ]
    pairs += [("Reference films", f"up to {figure(most)}")] if most is not None else []
    pairs += [("Computed in", f"{picture.seconds:.0f} s: {picture.recipe}")]
    st.html(markup.facts(pairs))
    if picture.after <= max(here, most or here):
        text = "Films excite it more: it may respond to a pattern that needs a whole film."
        st.html(markup.paragraph(text, quiet=True))
