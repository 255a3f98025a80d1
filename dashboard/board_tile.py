"""One requested map, as far as it is ready, and whether its caveat hides it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.compare.tile import Tile
from core.explain.method import Method, Value
from core.explain.run import Explained
from core.types import FUSED, Checkpoint, Explanation, Prediction
from dashboard.request_queue import QueuedRequest
from dashboard.state import session
from dashboard.tile_request import TileRequest


@dataclass(frozen=True, eq=False)
class BoardTile:
    """One requested map, as far as it is ready.

    letter:       its name on the page: A, B, C, ...
    sizes:        stage name -> (h, w); None until the network is loaded.
    finding:      of the map, by this network's name for it; empty until it is known.
    layer:        stage name, or several joined by "+"; None for methods that explain the input.
    known:        whether finding, method, layer and settings are final.
    explanation:  the map; while it is being computed, the last one of this tile, if any.
    explained:    the map and those that share its passes; None until they are ready.
    pending:      the step still being computed; None once all is ready.
    pending_name: what that step computes, in words.
    substitution: why the tile differs from the request; empty if it does not.
    missing:      why there is no map; empty if there is one or it is being computed.
    withheld:     whether the film checks or the model's gate withhold the answer.
    """

    place: int
    letter: str
    request: TileRequest
    method: Method
    checkpoint: Checkpoint | None = None
    sizes: Mapping[str, tuple[int, int]] | None = None
    finding: str = ""
    layer: str | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    known: bool = False
    prediction: Prediction | None = None
    explanation: Explanation | None = None
    explained: Explained | None = None
    pending: QueuedRequest[Any] | None = None
    pending_name: str = ""
    substitution: str = ""
    missing: str = ""
    withheld: bool = False

    @property
    def title(self) -> str:
        """ "densenet121-plain · Grad-CAM · stage 4"."""
        stages = (self.layer or self.request.layer or "").split(FUSED)
        stage = stages[0] if len(stages) == 1 else f"{len(stages)} stages fused"
        parts = [self.request.checkpoint, self.method.title, stage if self.method.layered else ""]
        return " · ".join(part for part in parts if part)

    @property
    def answer(self) -> Tile | None:
        """The tile for the comparison with others, once it is complete."""
        if self.pending or not (self.checkpoint and self.prediction and self.explanation):
            return None
        return Tile(self.letter, self.checkpoint, self.prediction, self.explanation)

    @property
    def hidden(self) -> bool:
        """Whether the map is hidden because of its caveat, which the reader has not yet overridden."""
        return is_hidden(self.explanation)


def is_hidden(map_: Explanation | None) -> bool:
    """Whether the map is hidden because of its caveat, which the reader has not yet overridden."""
    if map_ is None or map_.void or not map_.caveat:
        return False
    return caveat_of(map_) not in session().revealed_maps


def caveat_of(map_: Explanation) -> tuple[str, ...]:
    """The caveat that the reader overrides, for this film, model and finding; a different one hides the map again."""
    return map_.radiograph, map_.checkpoint, map_.finding, map_.caveat
