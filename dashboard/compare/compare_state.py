"""The choices on the Compare page; part of the session."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from core.compare.film_comparison import FilmComparison, Refused
from core.compare.film_set import Case, Comparison
from core.compare.panel import Panel
from dashboard.tile_request import LastMap, TileRequest


@dataclass(frozen=True)
class Preset:
    """A board for the model of the sidebar; it follows that model until a tile is changed."""

    name: str
    model: str
    tiles: tuple[TileRequest, ...]


@dataclass
class BoardState:
    """The state of the Compare page besides its tiles.

    preset:  of the tiles; None if they were chosen one by one.
    last_maps: place of a tile -> the last map there.
    pair:    places of the two compared tiles; None for the first two with a map.
    peaks:   whether to scale each map by its own peak before taking the difference, even if the units agree.
    figure:  in the table of all pairs, one of core.compare.map_agreement.TITLES.
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

    models:         names; empty for the models of the board.
    path:           folder or table on this machine.
    use_open_films: whether to use the open films instead.
    split:          of the table; empty for its test films.
    most:           maximum number of films, evenly spread over all.
    phase:          reading films, or computing figures over them; None if nothing runs.
    panel:          models, method and finding of the last run.
    total:          number of films of that run.
    done:           the films read in this run, each with its result.
    rows:           key of panel and film -> result, so that a stopped run can resume.
    cases:          radiograph key -> the film, so that it can be opened.
    comparison:     of all films, from the last completed run.
    within:         keys of the films in the chosen cell of a confusion matrix; empty for all films.
    cell:           that cell in words.
    note:           description of the films; empty for the open ones.
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
