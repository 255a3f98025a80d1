"""The choices on the Layers page; part of the session."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.layers.activations import Order
from core.layers.preferred import Prior
from core.layers.unit_ablation import Ranking, Unit, UnitFill
from core.layers.unit_maps import UnitMethod


@dataclass
class UnitOptions:
    """The choices for one unit on the Layers page, besides its map.

    kind:   method of its attribution to the film.
    prior:  start of its preferred picture.
    wanted: (checkpoint key, stage, channel, prior) of each preferred picture requested.
    """

    kind: UnitMethod = "guided-backprop"
    prior: Prior = "chest"
    wanted: set[tuple[str, str, int, str]] = field(default_factory=set)


@dataclass
class AtlasBuild:
    """Building an atlas from the user's own films, on the Layers page.

    path:     folder or table on this machine.
    split:    of the table; empty for all its films.
    most:     maximum number of films, drawn at random.
    pictures: whether to keep a small picture of each named film.
    begun:    start of the build, s since 1970; None if none is running.
    network:  key of its checkpoint.
    message:  about the last build, in a sentence.
    wrong:    whether the message reports a problem.
    used:     network key -> folder of the atlas in use, if one of several was chosen.
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

    top:    how many of the first units in the order `by`.
    typed:  text of the field for unit numbers.
    wanted: whether to switch the top units off as soon as their numbers are known.
    named:  whether to switch the typed units off.
    wrong:  why the last choice was not possible; empty if it was.
    drawn:  (checkpoint key, radiograph key, finding, stage) of each curve requested.
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
    running: whether the probes are being trained on these films; after a change they have to be started again.
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
    part:       the part shown alone, from 0; None for all.
    names:      of the concepts to test.
    stages:     to test at; empty for the last two.
    source:     of the films.
    drawn:      number of phantoms.
    path, most: of a folder or table on this machine.
    examples:   folder on this machine with films that show a concept; empty for none.
    running:    whether the test runs; after a change of films it has to be started again.
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
    network:  key of the checkpoint that the units belong to; None until the page is first drawn.
    stage:    name; None for the last one that has maps.
    channel:  of the chosen unit; None for the first in the order.
    order:    of the units.
    search:   text of the search field.
    page:     of the list of units, from 0; None for the page with the chosen unit.
    off:      (stage, channel) of the units switched off.
    outside:  stages switched off outside the lungs.
    fill:     value that replaces them.
    removing: choice of the units to switch off.
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
        """Switches to another network: drops the chosen units, which mean nothing there, and ends long computations."""
        if self.network not in (None, network):
            self.channel, self.search, self.page = None, "", None
            self.off, self.outside = (), ()
            self.removing.before, self.removing.wanted = ((), (), self.fill), False
            self.removing.typed, self.removing.named, self.removing.wrong = "", False, ""
            self.concepts.running = self.probing.running = False
        self.network = network
