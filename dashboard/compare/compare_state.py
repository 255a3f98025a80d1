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
