"""The state of one person's session; the only file that uses st.session_state."""

import secrets
import threading
from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Protocol

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.explain.method import Value
from core.report.annotation import FilmAnnotations
from core.types import Cleaning, Radiograph
from dashboard.cohort.cohort_state import CohortState
from dashboard.compare.compare_state import BoardState, FilmSetRun
from dashboard.layers.layers_state import LayersState
from dashboard.models.model_import import ModelImport
from dashboard.pacs.pacs_state import PacsState
from dashboard.tile_request import LastMap, TileRequest
from dashboard.what_if.what_if_state import WhatIfState

_SESSION = "lightbox"
UNDO_SECONDS = 120.0  # for which removed films stay in memory


class Pending(Protocol):
    """A request in the queue of the networks (dashboard.request_queue)."""

    def leave(self) -> None:
        """Stops waiting for it."""

    def wait(self, seconds: float) -> bool:
        """Waits at most this long. Returns: whether the answer is ready."""

    def answer(self) -> Any:
        """The answer, once it is ready."""

    def again(self) -> "Pending":
        """A second place for the same answer."""


@dataclass(frozen=True, eq=False)
class RemovedFilms:
    """The last removal, so that it can be undone.

    words:       the removed films in words: "film.png", "12 films".
    radiographs, cleanings, annotations, labels, film_key: of the session before it.
    """

    words: str
    radiographs: dict[str, Radiograph]
    cleanings: dict[str, Cleaning]
    annotations: dict[str, FilmAnnotations]
    labels: dict[str, str]
    film_key: str | None


@dataclass(frozen=True, eq=False)
class StripRow:
    """A completed row of the strip. version: everything that the entry and the thumbnail (PNG) depend on."""

    version: Hashable
    entry: Mapping[str, Any]
    thumbnail: bytes


def _secret() -> str:
    return secrets.token_urlsafe(24)


@dataclass
class Session:
    """The choices of one person, kept across pages.

    name:            secret; the browser tab that holds it gets this session back after a reload.
    resumed:         whether the tab has reported its earlier session (dashboard.kept_sessions).
    radiographs:     by key, in the order in which they were added.
    film_key:        of the open film; None if there is none.
    second_film:     key of the film beside it on the Read page; None without one.
    removed:         the last removal of films, while it can be undone.
    checkpoint:      name; None for the first one.
    opened_card:     name of the checkpoint whose card is open on the Models page; None while all are listed.
    model_import:    the checkpoint being imported; None without one.
    finding:         None for the most likely one of each film.
    layer:           stage name, or several joined by "+" for one map of them; None for the last.
    settings:        method name -> setting -> value, if it is not the default.
    cleanings:       radiograph key -> its preprocessing for the network, if it is not the default.
    annotations:     radiograph key -> shapes drawn on the film, and its calibration.
    last_map:        the last map on the Read page; it stays visible while another one is computed.
    pending:         page -> its requests in the queue of the networks.
    page:            name of the page that was drawn last.
    overdue:         page -> why its request ended while the person was on another page.
    last_refusal:    (radiograph key, sentence): why the last choice was not possible, until the next one.
    revealed_maps:   caveats whose maps are shown anyway (dashboard.board_tile.caveat_of).
    common_scale:    whether all stages of a film, and all tiles of a board, share one scale.
    tiles:           the board of the Compare page; empty for its first board.
    board:           the rest of the state of that page.
    film_set:        models over many films.
    cohort:          the state of the Cohort page.
    layers:          the state of the Layers page.
    what_if:         the state of the what-if bench.
    pacs:            the state of the page PACS.
    deidentified:    whether exports leave out everything that may identify the patient.
    credits:         radiograph key -> owner and licence, for public films.
    drawn_cases:     radiograph key -> number of the drawn case (core.image.cases).
    labels:          radiograph key -> its label, findings with "|" between several (dashboard.labels).
    label_table:     file name -> label, for films that are still to be added.
    compared:        whether the strip shows how far the models disagree about each film.
    strip_rows:      radiograph key -> its row in the strip.
    strip_acted:     whether the page still has to follow a click in the strip.
    story:           step of a guided story (dashboard.story), from 1; 0 while none is open.
    story_name:      of that story.
    story_film:      number of the drawn chest chosen in it.
    opens_read:      whether the next run shows Read, because a film was just opened.
    film_drawn:      whether a film has been on the page; until then a skeleton keeps its place.
    several:         name -> content and number of frames, for files that still need a choice of frame.
    problems:        sentences about files that could not be opened, until they are dismissed.
    opening_address: the address with which this session began; None before it was read (dashboard.link).
    address:         present address of the page.
    linked_film:     key of the film in the link, until it is opened.
    visits:          number of steps by the browser's Back and Forward.
    upload_round:    counts the uploads, so that the uploader starts empty each time.
    """

    name: str = field(default_factory=_secret)
    resumed: bool = False
    radiographs: dict[str, Radiograph] = field(default_factory=dict)
    film_key: str | None = None
    second_film: str | None = None
    removed: RemovedFilms | None = None
    checkpoint: str | None = None
    opened_card: str | None = None
    model_import: ModelImport | None = None
    finding: str | None = None
    method: str = "grad-cam"
    layer: str | None = None
    settings: dict[str, dict[str, Value]] = field(default_factory=dict)
    cleanings: dict[str, Cleaning] = field(default_factory=dict)
    annotations: dict[str, FilmAnnotations] = field(default_factory=dict)
    last_map: LastMap | None = None
    pending: dict[str, list[Pending]] = field(default_factory=dict)
    page: str = ""
    overdue: dict[str, str] = field(default_factory=dict)
    last_refusal: tuple[str, str] = ("", "")
    revealed_maps: set[tuple[str, ...]] = field(default_factory=set)
    common_scale: bool = False
    tiles: list[TileRequest] = field(default_factory=list)
    board: BoardState = field(default_factory=BoardState)
    film_set: FilmSetRun = field(default_factory=FilmSetRun)
    cohort: CohortState = field(default_factory=CohortState)
    layers: LayersState = field(default_factory=LayersState)
    what_if: WhatIfState = field(default_factory=WhatIfState)
    pacs: PacsState = field(default_factory=PacsState)
    deidentified: bool = False
    credits: dict[str, str] = field(default_factory=dict)
    drawn_cases: dict[str, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    label_table: dict[str, str] = field(default_factory=dict)
    compared: bool = False
    strip_rows: dict[str, StripRow] = field(default_factory=dict)
    strip_acted: bool = False
    story: int = 0
    story_name: str = "twins"
    story_film: int = 0
    several: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    opening_address: Mapping[str, Sequence[str]] | None = None
    address: Mapping[str, Sequence[str]] = field(default_factory=dict)
    linked_film: str | None = None
    visits: int = 0
    upload_round: int = 0
    film_drawn: bool = False
    opens_read: bool = False

    def add(self, radiograph: Radiograph) -> None:
        """Adds the film at the end of the strip; a film that is already open keeps its place."""
        self.radiographs.setdefault(radiograph.key, radiograph)
        if label := self.label_table.get(PurePosixPath(radiograph.name).name):
            self.labels[radiograph.key] = label

    def remove(self, key: str) -> None:
        """Removes the film; the one after it, or else the one before it, is shown next."""
        self._note_removal(self.radiographs[key].name)
        keys = list(self.radiographs)
        place = keys.index(key)
        del self.radiographs[key]
        self.cleanings.pop(key, None)
        self.annotations.pop(key, None)
        self.strip_rows.pop(key, None)
        if self.film_key == key:
            rest = keys[place + 1 :] + keys[:place][::-1]
            self.film_key = rest[0] if rest else None
            self.film_drawn = bool(rest)

    def clear(self) -> None:
        """Removes all films and cancels their requests; model, finding and method stay chosen."""
        self._note_removal(f"{len(self.radiographs)} films" if len(self.radiographs) > 1 else "1 film")
        self.radiographs = {}
        self.cleanings = {}
        self.annotations, self.strip_rows = {}, {}
        self.labels, self.label_table = {}, {}
        self.problems.clear()
        self.film_key = None
        self.film_drawn = False
        self.leave_requests()

    def _note_removal(self, words: str) -> None:
        removed = RemovedFilms(
            words,
            dict(self.radiographs),
            dict(self.cleanings),
            dict(self.annotations),
            dict(self.labels),
            self.film_key,
        )
        self.removed = removed
        timer = threading.Timer(UNDO_SECONDS, self._forget, (removed,))
        timer.daemon = True
        timer.start()

    def _forget(self, removed: RemovedFilms) -> None:
        if self.removed is removed:
            self.removed = None

    def undo_removal(self) -> None:
        """Restores the films removed last, each at its place; films added since then come after them."""
        removed = self.removed
        if removed is None:
            self.problems[:] = ["These films are no longer in memory. Add the files again."]
            return
        self.radiographs = removed.radiographs | self.radiographs
        self.cleanings = removed.cleanings | self.cleanings
        self.annotations = removed.annotations | self.annotations
        self.labels = removed.labels | self.labels
        self.film_key = removed.film_key
        self.removed = None

    def leave_requests(self) -> None:
        """Cancels the requests of all pages."""
        for requests in self.pending.values():
            for request in requests:
                request.leave()
        self.pending.clear()

    def copy(self) -> "Session":
        """A copy for a second tab: the same films and choices under another name, without pending requests."""
        return replace(
            self,
            name=_secret(),
            removed=None,
            radiographs=dict(self.radiographs),
            cleanings=dict(self.cleanings),
            annotations=dict(self.annotations),
            strip_rows=dict(self.strip_rows),
            credits=dict(self.credits),
            labels=dict(self.labels),
            drawn_cases=dict(self.drawn_cases),
            settings=deepcopy(self.settings),
            layers=deepcopy(self.layers),
            what_if=deepcopy(self.what_if),
            revealed_maps=set(self.revealed_maps),
            tiles=list(self.tiles),
            board=BoardState(),
            film_set=FilmSetRun(),
            model_import=None,
            pending={},
            overdue={},
            several={},
            problems=[],
        )

    @property
    def bytes(self) -> int:
        """Memory of its films, including those that can be restored."""
        removed = self.removed.radiographs if self.removed else {}
        films = (removed | self.radiographs).values()
        pixels = sum(film.pixels.nbytes + (0 if film.linear is None else film.linear.nbytes) for film in films)
        return pixels + sum(len(data) for data, _ in self.several.values())

    def cleaning(self, key: str) -> Cleaning:
        """The preprocessing of this film for the network."""
        return self.cleanings.get(key, Cleaning())

    def refuse(self, sentence: str) -> None:
        """Stores why the last choice was not possible; an empty sentence clears it."""
        self.last_refusal = (self.film_key or "", sentence)

    @property
    def refusal(self) -> str:
        """That sentence while the same film is open; empty if there is none."""
        key, sentence = self.last_refusal
        return sentence if key == (self.film_key or "") else ""

    def set_setting(self, method: str, name: str, value: Value) -> None:
        """Changes a setting of a method."""
        self.settings.setdefault(method, {})[name] = value
        self.refuse("")

    def reveal(self, caveat: tuple[str, ...], visible: bool) -> None:
        """Shows maps with this caveat (dashboard.board_tile.caveat_of), or hides them again."""
        (self.revealed_maps.add if visible else self.revealed_maps.discard)(caveat)

    def clean(self, key: str, **changed: Any) -> None:
        """Changes one switch of `cleaning` for this film."""
        self.cleanings[key] = replace(self.cleaning(key), **changed)


def session() -> Session:
    """This person's session; created on first use."""
    if _SESSION not in st.session_state:
        st.session_state[_SESSION] = Session()
    here: Session = st.session_state[_SESSION]
    return here


def use(other: Session) -> None:
    """Replaces this person's session by another one."""
    st.session_state[_SESSION] = other


def holder() -> str:
    """Streamlit's name for the connection of this tab; empty outside a run."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def went_back() -> bool:
    """Whether this run follows the browser's Back or Forward."""
    context = get_script_run_ctx(suppress_warning=True)
    return bool(context and context.is_history_navigation)


def bind(widget: str, value: object) -> str:
    """Key of a widget that shows `value` in this run, regardless of its earlier value."""
    key = f"{_SESSION} {widget}"
    st.session_state[key] = value
    return key


def entered(key: str) -> Any:
    """The value of the widget with this key."""
    return st.session_state[key]


def breathe() -> None:
    """Lets Streamlit end this run if the person clicked elsewhere or left; for loops that wait."""
    if get_script_run_ctx(suppress_warning=True):
        _ = _SESSION in st.session_state  # Streamlit can end a run at every access to the state
