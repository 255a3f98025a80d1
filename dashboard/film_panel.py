"""What is known of the film itself, and what is done to it before the network reads it."""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.image.quality import Check
from core.types import Checkpoint, Origin, Radiograph
from dashboard import cache, draw, markup
from dashboard.state import Session, bind, session

_TURNS = {0: "As it is", 1: "¼ turn left", 2: "Upside down", 3: "¼ turn right"}
_DENOISE = {"none": "None", "gaussian": "Gaussian", "median": "Median"}
_STORED_WRONG = ("turned", "inverted")  # the checks on a film that the network would misread as it is stored
_FRONTAL = "frontal"  # the check that says whether the probabilities mean anything


def about(radiograph: Radiograph, *, warned: DeltaGenerator | None = None) -> None:
    """The quality checks and the file's own facts; a film that is no frontal chest also warns at `warned`."""
    draw.section("The film", "Drawn phantom" if radiograph.drawn else "")
    with st.skeleton(height=90):
        found = cache.quality(radiograph)
        checks = [replace(check, level="note") if _settled(radiograph, check) else check for check in found]
    draw.checks(checks, partial(_mend, radiograph))
    with st.expander("File", type="compact"):
        draw.film_facts(radiograph, session().credits.get(radiograph.key))
    strange = [check for check in checks if check.name == _FRONTAL and check.level == "warning"]
    if strange and warned is not None:
        warned.warning(
            "This may be no frontal chest radiograph: **the figures below mean nothing for any other picture.**",
            icon=":material/warning:",
        )
    turned_over = [check for check in checks if check.name in _STORED_WRONG and check.level == "warning"]
    if turned_over and warned is not None:
        with warned:
            for check in turned_over:
                st.warning(draw.plain(check.sentence), icon=":material/warning:")
                _mend(radiograph, check, at="warned")


def cleaning(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """The switches, what reading has done already as locked ones, and the picture that comes out."""
    draw.section("Before the network reads it")
    now = session().cleaning(radiograph.key)
    switches, picture = st.columns([3, 2], gap="medium")
    with switches:
        for label, found in _locked(radiograph.origin):
            st.toggle(label, value=True, disabled=True, help=found, key=f"locked {label}")
        _switch(
            "Crop empty borders", "crop_borders", radiograph, now.crop_borders, "Cuts flat black or white margins away."
        )
        _switch("Invert", "invert", radiograph, now.invert, "For films stored with bone dark.")
        _switch(
            "Even contrast", "clahe", radiograph, now.clahe, "CLAHE: contrast evened out in 8 × 8 tiles, clip limit 2."
        )
    with picture, st.container(key="received"):
        received = cache.received(checkpoint, radiograph, now)
        side = checkpoint.input.size
        st.image(received, caption=f"What it receives: {side} × {side}", width="stretch")
    turn, denoise = st.columns(2, gap="medium")
    with turn:
        _menu("Turn", "turn", radiograph, now.turn, _TURNS)
    with denoise:
        _menu("Denoise", "denoise", radiograph, now.denoise, _DENOISE)


def _settled(radiograph: Radiograph, check: Check) -> bool:
    """Whether the switches that would settle the check are set already."""
    now = session().cleaning(radiograph.key)
    return bool(check.mend) and all(getattr(now, field) == value for field, value in check.mend.items())


def _mend(radiograph: Radiograph, check: Check, *, at: str = "film") -> None:
    """A button for the switches that would settle the check; a line where they are set already."""
    if not check.mend:
        return
    if _settled(radiograph, check):
        st.html(markup.paragraph("Done for the network; the film on screen stays as it is stored.", quiet=True))
        return
    st.button(
        "Mend this for the network",
        key=f"mend {check.name} {radiograph.key} {at}",
        icon=":material/build:",
        on_click=partial(session().clean, radiograph.key, **check.mend),
    )


def _locked(origin: Origin) -> list[tuple[str, str]]:
    """What reading had to do because of what the file is: label, and what was found."""
    found = []
    if origin.chroma is not None:
        strongest = int(origin.chroma.max(initial=0))
        words = f"the channels differ by up to {strongest} of 255" if strongest else "its channels are equal"
        found.append(("Colour removed", f"The file is {origin.mode}; {words}. Networks here read grey."))
    if origin.transparent:
        found.append(
            ("Transparency dropped", f"{origin.transparent:.1%} of the pixels were at least partly transparent.")
        )
    return found


def _switch(label: str, field: str, radiograph: Radiograph, value: bool, help: str) -> None:
    key = bind(f"{field} {radiograph.key}", value)
    st.toggle(label, key=key, help=help, on_change=draw.kept, args=(key, partial(_keep, radiograph.key, field)))


def _menu(label: str, field: str, radiograph: Radiograph, value: Any, words: dict[Any, str]) -> None:
    draw.select(
        label, list(words), value, partial(_keep, radiograph.key, field), at=radiograph.key, words=words.__getitem__
    )


def _keep(key: str, field: str, here: Session, value: Any) -> None:
    here.clean(key, **{field: value})
