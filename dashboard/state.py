"""What one person has on the light box; the only file that says st.session_state."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
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

_SESSION = "lightbox"
Store = Callable[["Session", Any], None]  # puts what was entered in a widget into the session


class Pending(Protocol):
    """A request to the networks that is on its way (dashboard.request_queue)."""

    def leave(self) -> None:
        """No longer waits for it."""


@dataclass(frozen=True, eq=False)
class LastMap:
    """The last map that was at its place, and what asked for it: what a cancelled request goes back to."""

    request: "TileRequest"
    explanation: Explanation


@dataclass(frozen=True)
class TileRequest:
    """One map of the film that is looked at.

    checkpoint: name.
    finding:    None to follow the finding of the sidebar, and so the most likely of each film.
    layer:      stage name, or several joined by "+"; None for the last, and for methods of the input.
    settings:   of the method, where they are not the default.
    all_stages: whether the maps of all stages are to come with it, where they cost no more.
    """

    checkpoint: str
    method: str = "grad-cam"
    finding: str | None = None
    layer: str | None = None
    settings: tuple[tuple[str, Value], ...] = ()
    all_stages: bool = False


@dataclass(frozen=True)
class Preset:
    """A board that was made for the model of the sidebar, and follows it for as long as nobody changes a tile."""

    name: str
    model: str
    tiles: tuple[TileRequest, ...]


@dataclass
class BoardState:
    """What one person has on the Compare page besides its tiles.

    preset:  that the tiles were made by; None where none made them.
    last_maps: place of a tile -> the last map that was there.
    pair:    places of the two tiles that are held against each other; None for the first two that have a map.
    peaks:   whether their difference is one of shares of each map's peak, where it need not be.
    figure:  the one that the table of all pairs shows, of core.compare.map_agreement.TITLES.
    alike:   keys of the pairs of checkpoints whose stages were asked to be compared.
    many:    whether the page is about many films, not about the one that is looked at.
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
    """Models over many films, as one person has asked for it on the Compare page.

    models:  names; empty for those of the board.
    path:    folder or table on this machine. on_desk: whether the open films are meant instead.
    split:   of a table; empty for its test films.
    most:    films, evenly spread over all there are.
    phase:   reading films, or computing figures over those that were read; None while it rests.
    panel:   models, method and finding of the last run. total: its films.
    done:    the films that were read since, and what came of each.
    rows:    what was asked of a film -> what came of it; so that it can be stopped and taken up again.
    cases:   radiograph key -> the film, to be opened again.
    comparison: of all films, when it ended last.
    note:    which films they are, in words; empty for the open ones.
    """

    models: tuple[str, ...] = ()
    method: str = "grad-cam"
    path: str = ""
    on_desk: bool = True
    split: str = ""
    most: int = 100
    phase: Literal["films", "figures"] | None = None
    panel: Panel | None = None
    total: int = 0
    done: list[tuple[Case, FilmComparison | Refused]] = field(default_factory=list)
    rows: dict[Hashable, FilmComparison | Refused] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    comparison: Comparison | None = None
    note: str = ""


@dataclass
class UnitOptions:
    """What is asked of one unit on the Layers page, beside its map.

    kind:   how it is followed back to the film.
    prior:  what its preferred picture starts from.
    wanted: (checkpoint key, stage, channel, prior) of the preferred pictures that were asked for.
    """

    kind: UnitMethod = "guided-backprop"
    prior: Prior = "chest"
    wanted: set[tuple[str, str, int, str]] = field(default_factory=set)


@dataclass
class AtlasBuild:
    """An atlas of a person's own films, as they ask for it on the Layers page.

    path:     folder or table on this machine. split: of a table; empty for all its films.
    most:     films, at random. pictures: whether a small picture of the films that are named is kept.
    begun:    s since 1970, when it was asked for; None while nothing is built. network: key of whose it is.
    message:  about the last build, in a sentence. wrong: whether it is a problem.
    used:     network key -> folder of the atlas that tells its units, where one was chosen of several.
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
    """How units are chosen to be switched off on the Layers page.

    top:    so many, in the order `by`. typed: what stands in the field for their numbers.
    wanted: whether the top ones are to be switched off as soon as it is known which they are.
    named:  whether those that are typed are. wrong: why what was asked for last cannot be; empty where it can.
    drawn:  (checkpoint key, radiograph key, finding, stage) whose curve was asked for.
    before: (off, outside, fill) of `Layers` when it was last answered: what a cancelled request goes back to.
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
    """The films that the probes of stages learn from, as a person asks for them on the Layers page.

    drawn: how many phantoms; path, split, most: of a table on this machine; split "" for its test films.
    on_path: whether the table is meant.
    asked: whether they are to learn from these; what is changed is asked for anew.
    """

    on_path: bool = False
    drawn: int = 40
    path: str = ""
    split: str = ""
    most: int = 300
    running: bool = False


@dataclass
class ConceptTest:
    """What one person asks about concepts on the Layers page.

    count:  parts of the film; part: the one that is looked at alone, from 0; None for all.
    names:  of the concepts that are tested; stages: at which; empty for the last two.
    source: of the films; drawn: how many phantoms; path, most: of a folder or table on this machine.
    examples: folder on this machine with films that show a concept; empty for none.
    asked:  whether they are tested; what is changed is asked for anew.
    """

    count: int = 5
    part: int | None = None
    names: tuple[str, ...] = ("side-marker", "opacity")
    stages: tuple[str, ...] = ()
    source: Literal["phantoms", "desk", "path"] = "phantoms"
    drawn: int = 30
    path: str = ""
    most: int = 60
    examples: str = ""
    running: bool = False


@dataclass
class LayersState:
    """What one person looks at on the Layers page.

    part:    name of the part that is open (dashboard.layers).
    network: key of the checkpoint that the units are of; None before the page was first drawn.
    stage:   name; None for the last one that has maps.
    channel: of the unit that is looked at; None for the first in the order.
    order:   of the units. search: what was typed to find some of them.
    page:    number of their page, from 0; None for the page with the chosen unit.
    off:     (stage, channel) of the units that are switched off. outside: stages whose cells outside the lungs are.
    fill:    what stands in their place. removing: how they are chosen.
    probing: the films that the probes of stages learn from. concepts: the parts of the film, and what is tested.
    unit:    what is asked of the unit. atlas: the one that is built of the person's own films.
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
        """Forgets which units were chosen of another network, where equal numbers say nothing, and what takes long."""
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
        """Takes over these settings; all fields but the name show them."""
        self.candidate = candidate
        self.entered = {name: value for name, value in self.entered.items() if name == "name"}


@dataclass
class Session:
    """The choices of one person, kept across pages.

    radiographs:     by key, in the order in which they were added.
    film_key:        key of the film that is looked at; None while there is none.
    checkpoint:      name; None for the first there is.
    opened_card:     name of the checkpoint whose card is open on the Models page; None while all are listed.
    model_import:    the checkpoint that is being brought; None while nobody brings one.
    finding:         None to follow the most likely of each film.
    layer:           stage name, or several joined by "+" for one map of them; None for the last.
    settings:        method name -> setting -> value, where it is not the default.
    cleanings:       radiograph key -> what is done to it before the network reads it, where it is not the default.
    last_map:        the last map that was on the page; stays in sight while another one is on its way.
    pending:         page -> its requests to the networks that are on their way.
    last_refusal:    (radiograph key, sentence) on a question that could not be answered, until the next one.
    revealed_maps:   caveats in spite of which maps are drawn (dashboard.selection.revealable).
    common_scale:    whether all stages of a film, and all tiles of a board, are drawn on one scale.
    tiles:           the board of the Compare page; empty for the board that it begins with.
    board:           what else is chosen there.
    film_set:        models over many films.
    layers:          what is looked at on the Layers page.
    credits:         radiograph key -> whose film it is and under which licence, for public films.
    film_drawn:      whether a film has been on the page; until then a skeleton keeps its place.
    several:         name -> content and number of frames of files of which a frame is still to be chosen.
    problems:        sentences about files that could not be opened, until they are dismissed.
    opening_address: the address with which this session began; None before it was read (dashboard.link).
    address:         what the address of the page says now.
    linked_film:     key of the film that a link asks for, as long as it is not on the desk.
    upload_round:    counts what was added, so that the uploader starts empty each time.
    """

    radiographs: dict[str, Radiograph] = field(default_factory=dict)
    film_key: str | None = None
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
    last_refusal: tuple[str, str] = ("", "")
    revealed_maps: set[tuple[str, ...]] = field(default_factory=set)
    common_scale: bool = False
    tiles: list[TileRequest] = field(default_factory=list)
    board: BoardState = field(default_factory=BoardState)
    film_set: FilmSetRun = field(default_factory=FilmSetRun)
    layers: LayersState = field(default_factory=LayersState)
    credits: dict[str, str] = field(default_factory=dict)
    several: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    opening_address: Mapping[str, Sequence[str]] | None = None
    address: Mapping[str, Sequence[str]] = field(default_factory=dict)
    linked_film: str | None = None
    upload_round: int = 0
    film_drawn: bool = False

    def add(self, radiograph: Radiograph) -> None:
        """Puts the film last in the strip; a film that is there already stays where it is."""
        self.radiographs.setdefault(radiograph.key, radiograph)

    def remove(self, key: str) -> None:
        """Takes the film away; the one after it, or else before it, is looked at next."""
        keys = list(self.radiographs)
        place = keys.index(key)
        del self.radiographs[key]
        self.cleanings.pop(key, None)
        if self.film_key == key:
            rest = keys[place + 1 :] + keys[:place][::-1]
            self.film_key = rest[0] if rest else None
            self.film_drawn = bool(rest)

    def clear(self) -> None:
        """Takes all films away; model, finding and method stay chosen."""
        self.radiographs.clear()
        self.cleanings.clear()
        self.problems.clear()
        self.film_key = None
        self.film_drawn = False

    def cleaning(self, key: str) -> Cleaning:
        """What is done to this film before the network reads it."""
        return self.cleanings.get(key, Cleaning())

    def refuse(self, sentence: str) -> None:
        """Says of the question that is asked now why it cannot be answered."""
        self.last_refusal = (self.film_key or "", sentence)

    @property
    def refusal(self) -> str:
        """That sentence, as long as the film is looked at; empty where there is none."""
        key, sentence = self.last_refusal
        return sentence if key == (self.film_key or "") else ""

    def set_setting(self, method: str, name: str, value: Value) -> None:
        """Changes a setting of a method; what was said of the last request no longer holds."""
        self.settings.setdefault(method, {})[name] = value
        self.refuse("")

    def reveal(self, caveat: tuple[str, ...], visible: bool) -> None:
        """Shows maps with this caveat (dashboard.engine.caveat_of), or hides them again."""
        (self.revealed_maps.add if visible else self.revealed_maps.discard)(caveat)

    def clean(self, key: str, **changed: Any) -> None:
        """Changes one switch of `cleaning` for this film."""
        self.cleanings[key] = replace(self.cleaning(key), **changed)


def session() -> Session:
    """This person's session; made at the first look."""
    if _SESSION not in st.session_state:
        st.session_state[_SESSION] = Session()
    here: Session = st.session_state[_SESSION]
    return here


def bind(widget: str, value: object) -> str:
    """The key of a widget that shows `value` in this run, whatever it showed before."""
    key = f"{_SESSION} {widget}"
    st.session_state[key] = value
    return key


@dataclass(frozen=True)
class BoundField:
    """An attribute of the session that a widget shows and changes; `path` is dotted, as in "board.figure".

    convert: value of the widget -> value of the attribute. then: is called after each change.
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
    """What the person entered in the widget with this key."""
    return st.session_state[key]


def breathe() -> None:
    """Lets Streamlit end this run here, if the person asked for something else or left; for loops that wait."""
    if get_script_run_ctx(suppress_warning=True):
        _ = _SESSION in st.session_state  # each look into the state is a place where a run can be ended
