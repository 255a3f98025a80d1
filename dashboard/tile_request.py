"""A request for one map on the screen, and the last map in its place."""

from dataclasses import dataclass

from core.explain.method import Value
from core.types import Explanation


@dataclass(frozen=True, eq=False)
class LastMap:
    """The last map in a place and its request; cancelling a new request restores it."""

    request: "TileRequest"
    explanation: Explanation


@dataclass(frozen=True)
class TileRequest:
    """A request for one map of the open film.

    checkpoint: name.
    finding:    None for the finding of the sidebar, or the most likely one if none is chosen there.
    layer:      stage name, or several joined by "+"; None for the last, and for methods that explain the input.
    settings:   of the method, if they differ from the default.
    all_stages: whether to compute the maps of all stages with it, if they cost no more.
    """

    checkpoint: str
    method: str = "grad-cam"
    finding: str | None = None
    layer: str | None = None
    settings: tuple[tuple[str, Value], ...] = ()
    all_stages: bool = False
