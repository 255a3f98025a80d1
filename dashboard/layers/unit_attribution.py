"""One unit followed back to the film, and the picture that it wants to see."""

from functools import partial
from typing import get_args

import streamlit as st

from core.layers.preferred import Preferred, Prior
from core.layers.unit_maps import KINDS, Kind
from core.overlay import caption, figure
from core.types import Checkpoint, Radiograph
from dashboard import cache, draw, markup, progress
from dashboard.state import Session, bind, session
from dashboard.viewer import viewer

_TALL = 320  # px, of the film
_PATIENCE = 0.05  # s for which the page waits for what should be there
_PRIORS: dict[Prior, str] = {"chest": "near a mean chest", "free": "free"}

Wanted = tuple[str, str, int, str]  # checkpoint key, stage, channel, prior


def followed(radiograph: Radiograph, card: Checkpoint, stage: str, channel: int) -> None:
    """The choice of how, and the map of it over the film."""
    one = session().layers.unit
    draw.section("Back to the pixels", "of its strongest cell on this film")
    key = bind("unit followed by", one.kind)
    st.segmented_control(
        "Followed back by",
        list(KINDS),
        key=key,
        format_func=lambda kind: KINDS[kind].title,
        required=True,
        on_change=draw.kept,
        args=(key, _keep_kind),
        label_visibility="collapsed",
    )
    _map(radiograph, card, stage, channel, one.kind)
    told = KINDS[one.kind]
    st.html(markup.paragraph(told.plain) + markup.paragraph(f"How it misleads: {told.misleads}", quiet=True))


@st.fragment(parallel=True)
def _map(radiograph: Radiograph, card: Checkpoint, stage: str, channel: int, kind: Kind) -> None:
    """The viewer with the map, once that is there."""
    asked = cache.unit_map(card, radiograph, session().cleaning(radiograph.key), stage, channel, kind)
    with draw.shown(), progress.room(asked, name=KINDS[kind].title, key="followed", height=_TALL) as (found,):
        viewer(radiograph, [found], key="unit followed", captions=[caption(found)], height=_TALL, compact=True)


def preferred(card: Checkpoint, stage: str, channel: int, *, here: float, most: float | None) -> None:
    """The picture that excites the unit most, drawn where somebody asks for it.

    here: its greatest activation on this film. most: over the reference films; None without any.
    """
    one = session().layers.unit
    draw.section("Preferred picture", "drawn by optimisation")
    st.html(
        markup.paragraph(
            "What the unit would most like to see: a picture is changed in small steps until the unit answers as "
            "strongly as it can. It is nobody's film."
        )
    )
    wanted: Wanted = (card.key, stage, channel, one.prior)
    asked = cache.preferred(card, stage, channel, one.prior) if wanted in one.wanted else None
    done = asked is not None and asked.wait(_PATIENCE)
    with st.container(key="preferred asked", horizontal=True, vertical_alignment="center", gap="small"):
        key = bind("prior of the preferred picture", one.prior)
        st.segmented_control(
            "Starts from",
            list(get_args(Prior)),
            key=key,
            format_func=_PRIORS.__getitem__,
            required=True,
            on_change=draw.kept,
            args=(key, _keep_prior),
            label_visibility="collapsed",
        )
        if not done:  # one button of two names: another one would linger beside it until the run ends
            st.button(
                "Cancel" if asked else "Draw it",
                key="draw preferred",
                icon=":material/close:" if asked else ":material/draw:",
                on_click=one.wanted.discard if asked else one.wanted.add,
                args=(wanted,),
            )
    if asked is None:
        return
    with asked, draw.shown():
        if done:
            _drawn(asked.answer(), here, most)
        else:
            progress.following(asked, "Picture", partial(one.wanted.discard, wanted))


def _drawn(found: Preferred, here: float, most: float | None) -> None:
    """The picture, and how strongly the unit answers to it."""
    with st.container(key="preferred picture"):
        st.image(found.picture, width="stretch", caption=f"Unit {found.channel} of {found.stage}: drawn, not a film.")
    pairs = [
        ("Its answer to this", f"{figure(found.after)}, from {figure(found.before)} at the start"),
        ("On this film", figure(here)),
    ]
    pairs += [("Reference films", f"{figure(most)} at most")] if most is not None else []
    pairs += [("Made in", f"{found.seconds:.0f} s: {found.told}")]
    st.html(markup.facts(pairs))
    if found.after <= max(here, most or here):
        text = "It does not beat the best film: what it wants to see may need the whole of one, in its place."
        st.html(markup.paragraph(text, quiet=True))


def _keep_kind(here: Session, kind: Kind) -> None:
    here.layers.unit.kind = kind


def _keep_prior(here: Session, prior: Prior) -> None:
    here.layers.unit.prior = prior
