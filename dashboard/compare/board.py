"""What lies on the board: its tiles, checked against what there is, each with as much of its answer as is there."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from core.compare.map_agreement import lettered
from core.compare.panel import plain
from core.compare.tile import Tile
from core.errors import Unfit, UnknownName, UserError
from core.explain.method import Method, methods
from core.models.findings import leading, words
from core.types import FUSED, Checkpoint, Explanation, Prediction, Radiograph
from dashboard import cache, selection
from dashboard.compare import presets
from dashboard.request_queue import QueuedRequest
from dashboard.state import Preset, TileRequest, session

_PATIENCE = 0.5  # s for which a page that was just asked for waits without a word

Answer = TypeVar("Answer")
Field = Literal["checkpoint", "method", "finding", "layer"]  # of a tile


@dataclass(frozen=True, eq=False)
class BoardTile:
    """One tile of the board and what is there of its answer.

    letter:  what the page calls it: A, B, C, ...
    sizes:   stage name -> (h, w); empty until the network is loaded.
    finding: that the map is of, as this network calls it; empty until that is known.
    layer:   stage name, or several joined by "+"; None for methods of the input.
    explanation: the map; while it is on its way the last one of this tile, if there was one.
    asked:   the place in the line for what is on its way; None where all is there.
    doing:   what comes of it.
    instead: why the map is of another finding than the one that was asked for; empty where it is of that.
    missing: why there is no map; empty where there is one, or one is coming.
    """

    place: int
    letter: str
    tile: TileRequest
    method: Method
    checkpoint: Checkpoint | None = None
    sizes: Mapping[str, tuple[int, int]] | None = None
    finding: str = ""
    layer: str | None = None
    prediction: Prediction | None = None
    explanation: Explanation | None = None
    asked: QueuedRequest[Any] | None = None
    doing: str = ""
    instead: str = ""
    missing: str = ""

    @property
    def title(self) -> str:
        """ "densenet121-plain · Grad-CAM · stage 4"."""
        stages = (self.layer or self.tile.layer or "").split(FUSED)
        stage = stages[0] if len(stages) == 1 else f"{len(stages)} stages fused"
        parts = [self.tile.checkpoint, self.method.title, stage if self.method.layered else ""]
        return " · ".join(part for part in parts if part)

    @property
    def answer(self) -> Tile | None:
        """The tile as it is compared with others, once all of it is there."""
        if self.asked or not (self.checkpoint and self.prediction and self.explanation):
            return None
        return Tile(self.letter, self.checkpoint, self.prediction, self.explanation)

    @property
    def hidden(self) -> bool:
        """Whether the map could be drawn, but has a caveat that the reader has not yet waved aside."""
        map_ = self.explanation
        if map_ is None or map_.void or not map_.caveat:
            return False
        return selection.revealable(map_) not in session().revealed_maps


class _NotYet(Exception):
    """What has to be known first is still on its way."""

    def __init__(self, asked: QueuedRequest[Any], doing: str) -> None:
        super().__init__(doing)
        self.asked = asked
        self.doing = doing


def tiles() -> list[TileRequest]:
    """The board: what the person made of it, or a preset, which follows the model of the sidebar."""
    here, model = session(), selection.model_name()
    made = here.board.preset
    if made and model and made.model != model and tuple(here.tiles) == made.tiles:
        here.tiles = presets.tiles(made.name, model)
        here.board.preset = Preset(made.name, model, tuple(here.tiles))
        _forget()
    elif made and tuple(here.tiles) != made.tiles:
        here.board.preset = None
    return here.tiles or presets.beginning()


def preset() -> str | None:
    """The preset that the board is; None where somebody changed it."""
    here = session()
    if here.board.preset:
        return here.board.preset.name
    both = presets.AGAINST
    return both if both in presets.offered() and tiles() == presets.tiles(both, "") else None


def choose(name: str) -> None:
    """The board becomes that preset when the page is drawn next."""
    here = session()
    here.board.preset = Preset(name, "", tuple(here.tiles))


def add() -> None:
    """One more tile, a copy of the last, to be changed."""
    made = list(tiles())
    _keep([*made, made[-1]])


def remove(place: int) -> None:
    """Takes the tile off the board; those after it move up."""
    here = session()
    made = list(tiles())
    _keep(made[:place] + made[place + 1 :])
    here.board.before = {each - (each > place): known for each, known in here.board.before.items() if each != place}
    pair = [each - (each > place) for each in here.board.pair or () if each != place]
    here.board.pair = (pair[0], pair[1]) if len(pair) == 2 else None


def change(place: int, field: Field, value: Any) -> None:
    """Puts another model, method, finding or stage into the tile."""
    made = list(tiles())
    made[place] = replace(made[place], **{field: value})
    _keep(made)


def cancel(place: int) -> None:
    """Gives the map up that is on its way: the tile is again what it was before; a tile without a map goes."""
    before = session().board.before.get(place)
    made = list(tiles())
    if before and before[0] != made[place]:
        made[place] = before[0]
        _keep(made)
    else:
        remove(place)


def look(radiograph: Radiograph) -> list[BoardTile]:
    """Every tile with as much of its answer as is there within a moment; the rest is asked for."""
    here = session()
    wanted = tiles()
    board = [_placed(radiograph, place, wanted) for place in range(len(wanted))]
    until = time.monotonic() + _PATIENCE
    while any(placed.asked for placed in board) and time.monotonic() < until:
        waited = next(placed.asked for placed in board if placed.asked)
        waited.wait(max(0.0, min(until - time.monotonic(), _PATIENCE / 10)))
        known, board = (
            board,
            [_placed(radiograph, placed.place, wanted) if placed.asked else placed for placed in board],
        )
        _leave([placed.asked for placed in known if placed.asked])
    before, here.board.awaited = here.board.awaited, [placed.asked for placed in board if placed.asked]
    _leave(before)  # asked again, the new places already count
    for placed in board:
        if placed.explanation and not placed.asked:
            here.board.before[placed.place] = (placed.tile, placed.explanation)
    return board


def look_again(radiograph: Radiograph, place: int) -> BoardTile:
    """That tile as it is now."""
    return _placed(radiograph, place, tiles())


def same(finding: str, checkpoint: Checkpoint) -> str | None:
    """What this network calls the finding ("Pneumonia" for "pneumonia"); None where it does not know it."""
    return next((each for each in checkpoint.findings if plain(each) == plain(finding)), None)


def _placed(radiograph: Radiograph, place: int, wanted: Sequence[TileRequest]) -> BoardTile:
    """The tile, as far as it is known; a UserError is its answer, too."""
    tile = wanted[place]
    found = BoardTile(place, lettered(len(wanted))[place], tile, methods.get(tile.method) or methods[selection.DEFAULT])
    cleaning = session().cleaning(radiograph.key)
    try:
        checkpoint = cache.card(tile.checkpoint)
        found = replace(found, checkpoint=checkpoint)
        name, method = checkpoint.name, found.method
        sizes = _got(cache.ready(checkpoint), f"Loading {name}")
        found = replace(found, sizes=sizes)
        prediction = _got(cache.predicted(checkpoint, radiograph, cleaning), f"What {name} says")[0]
        found = replace(found, prediction=prediction)
        finding, instead = _finding(radiograph, tile, checkpoint, prediction, wanted)
        found = replace(found, finding=finding, instead=instead)
        if method.name != selection.DEFAULT:
            _got(cache.tried(checkpoint), f"What {name} can be asked")
        layer = _layer(checkpoint, method, tile.layer, list(sizes))
        found = replace(found, layer=layer)
        asked = cache.explain(checkpoint, radiograph, cleaning, finding=finding, method=method.name, layer=layer)
        explanation = cache.picked(_got(asked, method.title), finding=finding, layer=layer)[0]
        return replace(found, explanation=explanation)
    except _NotYet as waits:
        return replace(found, asked=waits.asked, doing=waits.doing, explanation=_before(found, radiograph))
    except UserError as error:
        return replace(found, missing=str(error))


def _got(asked: QueuedRequest[Answer], doing: str) -> Answer:
    """The answer if it is there. Raises: the UserError that it is; _NotYet while it is on its way."""
    if not asked.wait(0):
        raise _NotYet(asked, doing)
    asked.leave()
    return asked.answer()


def _finding(
    radiograph: Radiograph,
    tile: TileRequest,
    checkpoint: Checkpoint,
    prediction: Prediction,
    wanted: Sequence[TileRequest],
) -> tuple[str, str]:
    """That of the tile; else that of the sidebar; else the one that the first tile's model finds first, so that all
    maps are of one finding; and where this network knows none of these, the one that it finds first itself.

    Returns: the finding, and why it is another than that which was asked for; empty where it is not.
    """
    own = leading(prediction, checkpoint)
    asked = tile.finding or session().finding or _first_finding(radiograph, checkpoint, wanted) or own
    known = same(asked, checkpoint)
    return known or own, "" if known else f"{checkpoint.name} does not know {words(asked)}; its map is of {words(own)}."


def _first_finding(radiograph: Radiograph, checkpoint: Checkpoint, wanted: Sequence[TileRequest]) -> str | None:
    """What the first tile's model finds first; None where that is this model, or a broken one."""
    with suppress(UserError):  # the first tile says so
        first = cache.card(wanted[0].checkpoint)
        if first.key != checkpoint.key:
            _got(cache.ready(first), f"Loading {first.name}")
            asked = cache.predicted(first, radiograph, session().cleaning(radiograph.key))
            return leading(_got(asked, f"What {first.name} says")[0], first)
    return None


def _layer(checkpoint: Checkpoint, method: Method, wanted: str | None, stages: list[str]) -> str | None:
    """The stage of the map. Raises: UnknownName, or Unfit where the network cannot serve the method there."""
    reasons = cache.incompatibilities(checkpoint, method.name)
    if not method.layered:
        if reason := reasons[None]:
            raise Unfit(f"{method.title} cannot be had of {checkpoint.name}: {reason}")
        return None
    fit = [stage for stage in stages if not reasons[stage]]
    if not fit:
        raise Unfit(f"{method.title} cannot be had of {checkpoint.name}: {reasons[stages[-1]]}")
    named = wanted.split(FUSED) if wanted else fit[-1:]
    for stage in named:
        if stage not in stages:
            raise UnknownName(f"{checkpoint.name} has no {stage}; it has {', '.join(stages)}. Choose one of them.")
        if reason := reasons[stage]:
            raise Unfit(f"{method.title} cannot be had of {checkpoint.name} at {stage}: {reason}")
    return FUSED.join(stage for stage in stages if stage in named)


def _before(placed: BoardTile, radiograph: Radiograph) -> Explanation | None:
    """The last map of this tile, if it is of this film and this model."""
    tile, map_ = session().board.before.get(placed.place, (placed.tile, None))
    alike = map_ is not None and map_.radiograph == radiograph.key and tile.checkpoint == placed.tile.checkpoint
    return map_ if alike else None


def _keep(made: list[TileRequest]) -> None:
    here = session()
    here.tiles = made
    here.board.preset = None


def _forget() -> None:
    here = session()
    here.board.before.clear()
    here.board.pair = None


def _leave(asked: Sequence[QueuedRequest[Any]]) -> None:
    for each in asked:
        each.leave()
