"""The address of the page describes its view: everybody who opens it sees the same.

It never contains the film or its name, which may be a patient's, only the key, a digest of the content. The viewer
itself adds zoom, window and colours after the #.

Python reads the address but cannot write it: entries that a run sets in `st.query_params` during a page change end up
after the path of the previous page (streamlit 1.67). The browser writes them instead, whenever they are missing.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core.errors import BadCheckpoint, UserError
from core.explain.method import Value, captum_version, methods
from core.image.arrangement import DATA, FULL
from core.types import Cleaning
from dashboard import draw, film_pair, film_upload, selection, story
from dashboard.cache import film_properties, model_files
from dashboard.cohort import cohort_link
from dashboard.compare.presets import MOST
from dashboard.layers import layers_link
from dashboard.layers.layers_state import LayersState
from dashboard.state import Session, session, went_back
from dashboard.tile_request import TileRequest
from dashboard.what_if import what_if_link

_OURS = (
    *(
        "story",
        "step",
        "film",
        "second",
        "case",
        "model",
        "weights",
        "finding",
        "method",
        "captum",
        "stage",
        "set",
        "clean",
        "scale",
        "tile",
    ),
    *("part", "layer", "unit", "order", "off", "outside", "fill"),  # of the Layers page
    cohort_link.NAME,
    what_if_link.NAME,
)
_CARD = "checkpoint"  # the open card of the page Models, as in `dashboard.models.card_address`
_STEPS = (
    "story",
    "step",
    "film",
    "second",
    "model",
    "finding",
    "method",
    "stage",
    "part",
)  # each change of these is a step for Back and Forward
_CASE = re.compile(r"\d{1,4}")  # number of a drawn case
_DIGITS = 8  # of a digest, as in the foot of the page
_BETWEEN = "~"  # separates the parts of a tile
_COMMON = "common"
_LONGEST_WINDOW = 40  # characters
_HERE = Path(__file__).parent
_written = st.components.v2.component("lightbox.address", js=(_HERE / "address.js").read_text(encoding="utf-8"))
_copy = st.components.v2.component(
    "lightbox.link",
    html='<button type="button" class="link"></button>',
    css=(_HERE / "link.css").read_text(encoding="utf-8"),
    js=(_HERE / "link.js").read_text(encoding="utf-8"),
)

Address = Mapping[str, Sequence[str]]


def follow() -> None:
    """Restores the view from the address that opened the page.

    A choice that is not available gets one sentence; the rest of the link still applies.
    """
    here = session()
    opening = {name: st.query_params.get_all(name) for name in _OURS if name in st.query_params}
    if _CARD in st.query_params:  # `part` there is not a part of the Layers page
        opening.pop("part", None)
    if here.opening_address is not None:
        if went_back():
            _return_to(here, opening)
        return
    here.opening_address = opening
    if opening or not here.radiographs:  # a bare address leaves a restored session unchanged
        here.problems += _restore(here, opening)


def _restore(here: Session, address: Address) -> list[str]:
    _story(here, address)
    if here.story:
        return []
    return [
        problem
        for part in (_model, _question, _tiles, layers_link.restore, _film, cohort_link.restore, what_if_link.restore)
        for problem in part(here, address)
    ]


def _story(here: Session, address: Address) -> None:
    """Opens the story of the address at its step; closes the story if the address has none."""
    name = _one(address, "story")
    if name not in story.STORIES:
        here.story = 0
        return
    step = _one(address, "step") or "1"
    story.begin_story(name, int(step) if step.isdecimal() and len(step) < _DIGITS else 1)


def _return_to(here: Session, address: Address) -> None:
    """Restores the view of an earlier step of this tab, and a film removed since then while that can be undone."""
    here.visits += 1
    _story(here, address)
    if here.story:
        return
    key = _one(address, "film")
    if here.removed and key not in here.radiographs and key in here.removed.radiographs:
        here.undo_removal()
    if key is None:
        here.film_key, here.film_drawn = None, False
        return
    if key not in here.radiographs:
        here.problems[:] = ["The film of that step is no longer open. Add the same file to see it again."]
        return
    fresh = LayersState()
    here.layers.part, here.layers.order, here.layers.fill = fresh.part, fresh.order, fresh.fill
    here.layers.channel = None
    here.problems[:] = _restore(here, address)


def note() -> None:
    """A notice while the film of the link is not open."""
    here = session()
    if here.linked_film is None:
        return
    key = here.linked_film[:_DIGITS]
    with st.container(horizontal=True, vertical_alignment="center", wrap=False, key="not the film"):
        if here.film_key is None:
            draw.problem(f"The film of this link is not loaded (key {key}…). Add the same file to see it.")
        else:
            sentence = f"This is not the film of the link (key {key}…). Add the same file to see the view of the link."
            st.warning(draw.plain(sentence), icon=":material/warning:")
        st.button("Forget link", type="tertiary", on_click=_forget_link)


def _forget_link() -> None:
    session().linked_film = None


def write() -> None:
    """Writes the present view into the address."""
    here = session()
    here.address = _address_of(here)
    if here.linked_film is not None and not here.address:
        here.address = here.opening_address or {}  # the link still waits for its film, so its address stays
    with st.container(key="address"):
        query = urlencode(here.address, doseq=True)
        _written(
            key="the address",
            data={"query": query, "ours": list(_OURS), "steps": list(_STEPS), "visits": here.visits},
        )


def button() -> None:
    """The button that copies the address of the page."""
    with st.container(key="link", width="content"):
        _copy(key="copy link")


def _address_of(here: Session) -> dict[str, list[str]]:
    """Address of the present view; empty without a film."""
    radiograph, name = selection.film(), selection.model_name()
    if here.story:
        return {"story": [here.story_name], "step": [str(here.story)]}
    if radiograph is None or name is None:
        return cohort_link.entries(here)
    address = cohort_link.entries(here) | what_if_link.entries(here, radiograph.key)
    address |= {"film": [radiograph.key], "model": [name]}
    with suppress(BadCheckpoint):
        address["weights"] = [model_files.card(name).sha256[:_DIGITS]]
    cleaning = asdict(here.cleaning(radiograph.key))
    usual = asdict(Cleaning())
    number = here.drawn_cases.get(radiograph.key)
    address |= {
        "second": [here.second_film] if film_pair.second() and here.second_film else [],
        "case": [str(number)] if number else [],
        "finding": [here.finding] if here.finding else [],
        "method": [here.method],
        "captum": [captum_version()],
        "stage": [here.layer] if here.layer else [],
        "set": [f"{name}:{value}" for name, value in here.settings.get(here.method, {}).items()],
        "clean": [f"{name}:{value}" for name, value in cleaning.items() if value != usual[name]],
        "scale": [_COMMON] if here.common_scale else [],
        "tile": [
            _BETWEEN.join((tile.checkpoint, tile.method, tile.finding or "", tile.layer or "")) for tile in here.tiles
        ],
    }
    address |= layers_link.entries(here)
    return {name: values for name, values in address.items() if values}


def _one(address: Address, name: str) -> str | None:
    return address[name][-1] if name in address else None


def _model(here: Session, address: Address) -> list[str]:
    name = _one(address, "model")
    if name is None:
        return []
    if name not in model_files.names():
        return [
            f"The link asks for the model {name!r}, which is not available. Using another one; import it, then reload."
        ]
    here.checkpoint = name
    weights = _one(address, "weights")
    with suppress(BadCheckpoint):  # the frame reports it
        if weights and not model_files.card(name).sha256.startswith(weights):
            return [f"The link was made with other weights of {name!r}: results may differ from what it showed."]
    return []


def _question(here: Session, address: Address) -> list[str]:
    here.finding = _one(address, "finding")
    here.layer = _one(address, "stage")
    here.common_scale = _one(address, "scale") == _COMMON
    name = _one(address, "method")
    if name is None:
        return []
    if name not in methods:
        return [
            f"The link asks for the method {name!r}, which is not available. Using {methods[selection.DEFAULT].title}."
        ]
    here.method = name
    try:
        settings = _settings(name, address.get("set", ()))
    except UserError as error:
        return [f"A setting of the link is not valid: {error} Using the default."]
    here.settings[name] = settings
    captum = _one(address, "captum")
    if captum in (None, captum_version()):
        return []
    return [f"The link was made with Captum {captum[:20]}; this is Captum {captum_version()}, whose maps may differ."]


def _settings(method: str, entries: Sequence[str]) -> dict[str, Value]:
    given = dict(entry.split(":", 1) for entry in entries if ":" in entry)
    parsed = methods[method].parse(given)
    return {name: parsed[name] for name in given}


def _tiles(here: Session, address: Address) -> list[str]:
    """The board; a tile with an unknown model or method, or beyond the maximum, is left out with a sentence."""
    if "tile" not in address:
        return []
    problems, tiles = [], []
    if len(address["tile"]) > MOST:
        problems.append(f"The link asks for {len(address['tile'])} tiles; the first {MOST} are shown.")
    for text in address["tile"][:MOST]:
        checkpoint, method, finding, layer = [*text.split(_BETWEEN), "", "", ""][:4]
        if checkpoint not in model_files.names() or method not in methods:
            problems.append(
                f"A tile of the link is of {checkpoint!r} with {method!r}, which is not available here. It is left out."
            )
            continue
        tiles.append(TileRequest(checkpoint, method, finding or None, layer or None))
    here.tiles = tiles
    return problems


def _film(here: Session, address: Address) -> list[str]:
    """Shows the film if it is open or a drawn case; otherwise waits for the same file."""
    key = _one(address, "film")
    if key is None:
        return []
    here.second_film = _one(address, "second")
    cleaning = dict(entry.split(":", 1) for entry in address.get("clean", ()) if ":" in entry)
    here.cleanings[key] = _cleaning(cleaning)
    number = _one(address, "case") or "0"
    if key not in here.radiographs and _CASE.fullmatch(number) and film_properties.drawn_film(int(number)).key == key:
        film_upload.open_case(int(number))
    if key in here.radiographs:
        here.film_key, here.linked_film = key, None
        return []
    here.linked_film = key
    return []


def _cleaning(given: Mapping[str, str]) -> Cleaning:
    """The switches of the address; unknown or garbled ones keep their default."""
    switches: dict[str, dict[str, Any]] = {
        "crop_borders": {"True": True, "False": False},
        "turn": {str(turn): turn for turn in range(4)},
        "invert": {"True": True, "False": False},
        "denoise": {name: name for name in ("none", "gaussian", "median")},
        "clahe": {"True": True, "False": False},
        "mirror": {"True": True, "False": False},
        "anyway": {"True": True, "False": False},
    }
    fields = {name: switches[name][text] for name, text in given.items() if text in switches.get(name, {})}
    if (window := given.get("window", ""))[:1] in (*"#-0123456789",) or window in (DATA, FULL):
        fields["window"] = window[:_LONGEST_WINDOW]
    return Cleaning(**fields)
