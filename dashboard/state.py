"""The state of one person's session; the only file that uses st.session_state."""

import secrets
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.compare.film_comparison import FilmComparison, Refused
from core.compare.film_set import Case, Comparison
from core.compare.panel import Panel
from core.evaluate.polarity import Polarity
from core.explain.method import Value
from core.layers.activations import Order
from core.layers.preferred import Prior
from core.layers.unit_ablation import Ranking, Unit, UnitFill
from core.layers.unit_maps import UnitMethod
from core.models.importers import ImportCandidate
from core.types import Cleaning, Explanation, Radiograph
from dashboard.cohort.cohort_state import CohortState

_SESSION = "lightbox"
UNDO_SECONDS = 120.0  # that removed films stay in memory
Store = Callable[["Session", Any], None]  # puts what was entered in a widget into the session


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
class LastMap:
    """The last map in a place and the request for it: a cancelled request goes back to it."""

    request: "TileRequest"
    explanation: Explanation


@dataclass(frozen=True)
class TileRequest:
    """A request for one map of the open film.

    checkpoint: name.
    finding:    None for the finding of the sidebar, or the most likely one if none is chosen there.
    layer:      stage name, or several joined by "+"; None for the last, and for methods that explain the input.
    settings:   of the method, where they differ from the default.
    all_stages: whether to compute the maps of all stages with it, where they cost no more.
    """

    checkpoint: str
    method: str = "grad-cam"
    finding: str | None = None
    layer: str | None = None
    settings: tuple[tuple[str, Value], ...] = ()
    all_stages: bool = False


@dataclass(frozen=True)
class Preset:
    """A board made for the model of the sidebar; it follows that model until a tile is changed."""

    name: str
    model: str
    tiles: tuple[TileRequest, ...]


@dataclass
class BoardState:
    """The state of the Compare page besides its tiles.

    preset:  of the tiles; None where they were chosen one by one.
    last_maps: place of a tile -> the last map there.
    pair:    places of the two compared tiles; None for the first two that have a map.
    peaks:   whether their difference is between shares of each map's peak, where it need not be.
    figure:  shown in the table of all pairs, of core.compare.map_agreement.TITLES.
    alike:   keys of the pairs of checkpoints whose stages are compared.
    many:    whether the page shows models over many films instead of the open film.
    """

    preset: Preset | None = None
    last_maps: dict[int, LastMap] = field(default_factory=dict)
    pair: tuple[int, int] | None = None
    peaks: bool = False
    figure: str = "spearman"
    alike: set[tuple[str, str]] = field(default_factory=set)
    many: bool = False


@dataclass
class FilmSetRun:
    """A comparison of models over many films, on the Compare page.

    models:         names; empty for those of the board.
    path:           folder or table on this machine.
    use_open_films: whether to use the open films instead.
    split:          of a table; empty for its test films.
    most:           maximum number of films, evenly spread over all.
    phase:          reading films, or computing figures over those that were read; None while it rests.
    panel:          models, method and finding of the last run.
    total:          its films.
    done:           the films read in this run, each with its result.
    rows:           key of panel and film -> result, so that a run can be stopped and resumed.
    cases:          radiograph key -> the film, so that it can be opened.
    comparison:     of all films, when it ended last.
    within:         keys of the films of a chosen cell of a confusion matrix; empty for all films.
    cell:           that cell in words.
    note:           which films they are, in words; empty for the open ones.
    """

    models: tuple[str, ...] = ()
    method: str = "grad-cam"
    path: str = ""
    use_open_films: bool = True
    split: str = ""
    most: int = 100
    phase: Literal["films", "figures"] | None = None
    panel: Panel | None = None
    total: int = 0
    done: list[tuple[Case, FilmComparison | Refused]] = field(default_factory=list)
    rows: dict[Hashable, FilmComparison | Refused] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    comparison: Comparison | None = None
    within: tuple[str, ...] = ()
    cell: str = ""
    note: str = ""


@dataclass
class UnitOptions:
    """The choices for one unit on the Layers page, besides its map.

    kind:   method of its attribution to the film.
    prior:  start of its preferred picture.
    wanted: (checkpoint key, stage, channel, prior) of each requested preferred picture.
    """

    kind: UnitMethod = "guided-backprop"
    prior: Prior = "chest"
    wanted: set[tuple[str, str, int, str]] = field(default_factory=set)


@dataclass
class AtlasBuild:
    """Building an atlas from one's own films, on the Layers page.

    path:     folder or table on this machine.
    split:    of a table; empty for all its films.
    most:     maximum number of films, at random.
    pictures: whether to keep a small picture of each named film.
    begun:    s since 1970, start of the build; None while nothing is built.
    network:  key of its checkpoint.
    message:  about the last build, in a sentence.
    wrong:    whether it is a problem.
    used:     network key -> folder of the atlas in use, where one was chosen of several.
    """

    path: str = ""
    split: str = ""
    most: int = 200
    pictures: bool = True
    begun: float | None = None
    network: str = ""
    message: str = ""
    wrong: bool = False
    used: dict[str, Path] = field(default_factory=dict)


@dataclass
class AblationChoice:
    """The units to switch off on the Layers page.

    top:    how many, in the order `by`.
    typed:  text of the field for unit numbers.
    wanted: whether to switch the top ones off as soon as their numbers are known.
    named:  whether to switch the typed ones off.
    wrong:  why the last choice was not possible; empty where it was.
    drawn:  (checkpoint key, radiograph key, finding, stage) of each requested curve.
    before: (off, outside, fill) of `LayersState` at the last result: Cancel goes back to it.
    """

    top: int = 20
    by: Ranking = "relevance"
    typed: str = ""
    wanted: bool = False
    named: bool = False
    wrong: str = ""
    drawn: set[tuple[str, str, str, str]] = field(default_factory=set)
    before: tuple[tuple[Unit, ...], tuple[str, ...], UnitFill] = ((), (), "zero")


@dataclass
class ProbeFilms:
    """The training films of the linear probes on the Layers page.

    drawn:   number of phantoms.
    path, split, most: of a table on this machine; split "" for its test films.
    on_path: whether to use the table.
    running: whether the probes are trained on these; a change needs a new start.
    """

    on_path: bool = False
    drawn: int = 40
    path: str = ""
    split: str = ""
    most: int = 300
    running: bool = False


@dataclass
class ConceptTest:
    """The choices for parts and concepts on the Layers page.

    count:      parts of the film.
    part:       the one shown alone, from 0; None for all.
    names:      of the concepts to test.
    stages:     at which; empty for the last two.
    source:     of the films.
    drawn:      number of phantoms.
    path, most: of a folder or table on this machine.
    examples:   folder on this machine with films that show a concept; empty for none.
    running:    whether the test runs; a change of films needs a new start.
    """

    count: int = 5
    part: int | None = None
    names: tuple[str, ...] = ("side-marker", "opacity")
    stages: tuple[str, ...] = ()
    source: Literal["phantoms", "open", "path"] = "phantoms"
    drawn: int = 30
    path: str = ""
    most: int = 60
    examples: str = ""
    running: bool = False


@dataclass
class LayersState:
    """The state of the Layers page.

    part:     name of the open part (dashboard.layers).
    network:  key of the checkpoint of the units; None before the page was first drawn.
    stage:    name; None for the last one that has maps.
    channel:  of the chosen unit; None for the first in the order.
    order:    of the units.
    search:   text of the search field.
    page:     number of their page, from 0; None for the page with the chosen unit.
    off:      (stage, channel) of the units switched off.
    outside:  stages switched off outside the lungs.
    fill:     value that replaces them.
    removing: how they are chosen.
    probing:  training films of the linear probes.
    concepts: parts of the film, and the test of concepts.
    unit:     choices for the chosen unit.
    atlas:    the build of an atlas.
    """

    part: str = "units"
    network: str | None = None
    stage: str | None = None
    channel: int | None = None
    order: Order = "relevance"
    search: str = ""
    page: int | None = None
    off: tuple[Unit, ...] = ()
    outside: tuple[str, ...] = ()
    fill: UnitFill = "zero"
    removing: AblationChoice = field(default_factory=AblationChoice)
    probing: ProbeFilms = field(default_factory=ProbeFilms)
    concepts: ConceptTest = field(default_factory=ConceptTest)
    unit: UnitOptions = field(default_factory=UnitOptions)
    atlas: AtlasBuild = field(default_factory=AtlasBuild)

    def turn_to(self, network: str) -> None:
        """For another network: forgets the chosen units, whose numbers mean nothing there, and ends what takes long."""
        if self.network not in (None, network):
            self.channel, self.search, self.page = None, "", None
            self.off, self.outside = (), ()
            self.removing.before, self.removing.wanted = ((), (), self.fill), False
            self.removing.typed, self.removing.named, self.removing.wrong = "", False, ""
            self.concepts.running = self.probing.running = False
        self.network = network


@dataclass
class ModelImport:
    """A checkpoint that is being imported on the Models page.

    candidate:   the contents of its file with the present settings; None before a file was given.
    label_check: result on labelled films, and the key of the checkpoint with the settings that were tested.
    problem:     why the last file could not be read; empty where it could.
    round:       counts the files, so that the uploader starts empty each time.
    entered:     field -> its value, for the fields that were changed.
    """

    candidate: ImportCandidate | None = None
    label_check: tuple[str, Polarity] | None = None
    problem: str = ""
    round: int = 0
    entered: dict[str, Any] = field(default_factory=dict)

    def replace(self, candidate: ImportCandidate) -> None:
        """Uses these settings; all fields but the name show them."""
        self.candidate = candidate
        self.entered = {name: value for name, value in self.entered.items() if name == "name"}


@dataclass(frozen=True, eq=False)
class RemovedFilms:
    """The last removal, so that it can be undone.

    words:       of what was removed: "film.png", "12 films".
    radiographs, cleanings, labels, film_key: of the session before it.
    """

    words: str
    radiographs: dict[str, Radiograph]
    cleanings: dict[str, Cleaning]
    labels: dict[str, str]
    film_key: str | None


def _secret() -> str:
    return secrets.token_urlsafe(24)


@dataclass
class Session:
    """The choices of one person, kept across pages.

    name:            secret; the browser tab that holds it gets this session back after a reload.
    resumed:         whether the tab has told which session it had before (dashboard.kept_sessions).
    radiographs:     by key, in the order in which they were added.
    film_key:        of the open film; None while there is none.
    removed:         the last removal of films, as long as it can be undone.
    checkpoint:      name; None for the first one.
    opened_card:     name of the checkpoint whose card is open on the Models page; None while all are listed.
    model_import:    the checkpoint being imported; None without one.
    finding:         None for the most likely one of each film.
    layer:           stage name, or several joined by "+" for one map of them; None for the last.
    settings:        method name -> setting -> value, where it is not the default.
    cleanings:       radiograph key -> its preprocessing for the network, where it is not the default.
    last_map:        the last map on the Read page; it stays visible while another one is computed.
    pending:         page -> its requests in the queue of the networks.
    page:            name of the page that was drawn last.
    overdue:         page -> why its request ended while the person was on another page.
    last_refusal:    (radiograph key, sentence) why the last choice was not possible, until the next one.
    revealed_maps:   caveats whose maps are shown anyway (dashboard.engine.caveat_of).
    common_scale:    whether all stages of a film, and all tiles of a board, share one scale.
    tiles:           the board of the Compare page; empty for its first board.
    board:           the rest of the state of that page.
    film_set:        models over many films.
    cohort:          the state of the Cohort page.
    layers:          the state of the Layers page.
    credits:         radiograph key -> owner and licence, for public films.
    drawn_cases:     radiograph key -> number of the drawn case (core.image.cases).
    labels:          radiograph key -> its label, findings with "|" between several (dashboard.labels).
    label_table:     file name -> label, for films that are still to be added.
    compared:        whether the strip shows how far the models disagree about each film.
    strip_acted:     whether a click in the strip is to be shown by the page.
    story:           step of the guided story (dashboard.story), from 1; 0 while it is closed.
    film_drawn:      whether a film has been on the page; until then a skeleton keeps its place.
    several:         name -> content and number of frames of files of which a frame is still to be chosen.
    problems:        sentences about files that could not be opened, until they are dismissed.
    opening_address: the address with which this session began; None before it was read (dashboard.link).
    address:         of the page as it is now.
    linked_film:     key of the film in the link, until it is opened.
    visits:          counts the steps by the browser's Back and Forward.
    upload_round:    counts the uploads, so that the uploader starts empty each time.
    """

    name: str = field(default_factory=_secret)
    resumed: bool = False
    radiographs: dict[str, Radiograph] = field(default_factory=dict)
    film_key: str | None = None
    removed: RemovedFilms | None = None
    checkpoint: str | None = None
    opened_card: str | None = None
    model_import: ModelImport | None = None
    finding: str | None = None
    method: str = "grad-cam"
    layer: str | None = None
    settings: dict[str, dict[str, Value]] = field(default_factory=dict)
    cleanings: dict[str, Cleaning] = field(default_factory=dict)
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
    credits: dict[str, str] = field(default_factory=dict)
    drawn_cases: dict[str, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    label_table: dict[str, str] = field(default_factory=dict)
    compared: bool = False
    strip_acted: bool = False
    story: int = 0
    several: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    opening_address: Mapping[str, Sequence[str]] | None = None
    address: Mapping[str, Sequence[str]] = field(default_factory=dict)
    linked_film: str | None = None
    visits: int = 0
    upload_round: int = 0
    film_drawn: bool = False

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
        if self.film_key == key:
            rest = keys[place + 1 :] + keys[:place][::-1]
            self.film_key = rest[0] if rest else None
            self.film_drawn = bool(rest)

    def clear(self) -> None:
        """Removes all films; model, finding and method stay chosen. What was being computed for them is given up."""
        self._note_removal(f"{len(self.radiographs)} films" if len(self.radiographs) > 1 else "1 film")
        self.radiographs = {}
        self.cleanings = {}
        self.labels, self.label_table = {}, {}
        self.problems.clear()
        self.film_key = None
        self.film_drawn = False
        self.leave_requests()

    def _note_removal(self, words: str) -> None:
        removed = RemovedFilms(words, dict(self.radiographs), dict(self.cleanings), dict(self.labels), self.film_key)
        self.removed = removed
        timer = threading.Timer(UNDO_SECONDS, self._forget, (removed,))
        timer.daemon = True
        timer.start()

    def _forget(self, removed: RemovedFilms) -> None:
        if self.removed is removed:
            self.removed = None

    def undo_removal(self) -> None:
        """Restores the films that were removed last, each at its place; those that were added since come after."""
        removed = self.removed
        if removed is None:
            self.problems[:] = ["These films are no longer in memory. Add the files again."]
            return
        self.radiographs = removed.radiographs | self.radiographs
        self.cleanings = removed.cleanings | self.cleanings
        self.labels = removed.labels | self.labels
        self.film_key = removed.film_key
        self.removed = None

    def leave_requests(self) -> None:
        """Gives up what is being computed for any page."""
        for requests in self.pending.values():
            for request in requests:
                request.leave()
        self.pending.clear()

    def copy(self) -> "Session":
        """For a second tab: the same films and choices under another name, without what is being computed."""
        return replace(
            self,
            name=_secret(),
            removed=None,
            radiographs=dict(self.radiographs),
            cleanings=dict(self.cleanings),
            credits=dict(self.credits),
            labels=dict(self.labels),
            drawn_cases=dict(self.drawn_cases),
            settings=deepcopy(self.settings),
            layers=deepcopy(self.layers),
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
        """Memory of its films, those that can be restored among them."""
        removed = self.removed.radiographs if self.removed else {}
        films = (removed | self.radiographs).values()
        pixels = sum(film.pixels.nbytes + (0 if film.linear is None else film.linear.nbytes) for film in films)
        return pixels + sum(len(data) for data, _ in self.several.values())

    def cleaning(self, key: str) -> Cleaning:
        """The preprocessing of this film for the network."""
        return self.cleanings.get(key, Cleaning())

    def refuse(self, sentence: str) -> None:
        """Notes why the last choice was not possible; empty once another one is made."""
        self.last_refusal = (self.film_key or "", sentence)

    @property
    def refusal(self) -> str:
        """That sentence while the same film is open; empty where there is none."""
        key, sentence = self.last_refusal
        return sentence if key == (self.film_key or "") else ""

    def set_setting(self, method: str, name: str, value: Value) -> None:
        """Changes a setting of a method."""
        self.settings.setdefault(method, {})[name] = value
        self.refuse("")

    def reveal(self, caveat: tuple[str, ...], visible: bool) -> None:
        """Shows maps with this caveat (dashboard.engine.caveat_of), or hides them again."""
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
    """Makes another session this person's."""
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
    """The key of a widget that shows `value` in this run, whatever it showed before."""
    key = f"{_SESSION} {widget}"
    st.session_state[key] = value
    return key


@dataclass(frozen=True)
class BoundField:
    """An attribute of the session that a widget shows and changes; `path` is dotted, as in "board.figure".

    convert: value of the widget -> value of the attribute.
    then:    is called after each change.
    """

    path: str
    convert: Callable[[Any], Any] = lambda value: value
    then: Callable[[], None] = lambda: None

    @property
    def value(self) -> Any:
        """Its value now."""
        return reduce(getattr, self.path.split("."), session())

    def __call__(self, here: Session, value: Any) -> None:
        """Sets it to what was entered."""
        *owners, name = self.path.split(".")
        setattr(reduce(getattr, owners, here), name, self.convert(value))
        self.then()

    def widget(self, *, at: str = "", value: Any = None) -> dict[str, Any]:
        """As the function `widget`. at: the place, where there are several. value: to show in place of its own."""
        return widget(f"{self.path} {at}", self.value if value is None else value, self)


def widget(name: str, value: object, store: Store) -> dict[str, Any]:
    """`key`, `on_change` and `args` of a widget that shows `value` and hands what is entered to `store`."""
    key = bind(name, value)
    return {"key": key, "on_change": _store, "args": (key, store)}


def _store(key: str, store: Store) -> None:
    store(session(), entered(key))


def entered(key: str) -> Any:
    """The value of the widget with this key."""
    return st.session_state[key]


def breathe() -> None:
    """Lets Streamlit end this run here if the person clicked elsewhere or left; for loops that wait."""
    if get_script_run_ctx(suppress_warning=True):
        _ = _SESSION in st.session_state  # each look into the state is a place where a run can be ended
