"""What is selected now: the session's choices, checked against what there is, and the map of the Read page."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from core.errors import BadCheckpoint, BadSetting, Stopped, UserError
from core.explain.method import Method, Value, methods
from core.explain.run import Explained, Request
from core.explain.sharing import FIRST_LOOK
from core.models.findings import leading
from core.overlay import common_end
from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from dashboard import cache, engine
from dashboard.request_queue import QueuedRequest
from dashboard.state import LastMap, TileRequest, session

PAGE = "read"  # whose requests these are
DEFAULT = FIRST_LOOK  # what is shown where another method cannot be
_BACK = "The previous map is shown again."
_PATIENCE = 0.4  # s for which the page waits without a word for a map that should be quick
_IMPATIENCE = 0.05  # s, for one that is slow by what its entry says


@dataclass(frozen=True, eq=False)
class MapView:
    """One film, one model, one question, and what is there of the answer.

    layer:   stage name, or several joined by "+"; None for methods that explain the input.
    substitution: why this is not quite what the session asks for; empty where it is.
    explanation: the map; while it is on its way the last one of this film, if there was one; None for the bare film.
    pending: the request for the map, while it is on its way.
    passes:  (forward, backward) of the network that the map and those that came with it cost together.
    maps:    how many maps shared these passes.
    missing: why there is no map; empty where there is one, or one is coming.
    scale:   value at the end of the colour map where all stages share one; None for the map's own.
    """

    radiograph: Radiograph
    checkpoint: Checkpoint
    cleaning: Cleaning
    prediction: Prediction
    finding: str
    method: Method
    layer: str | None
    settings: Mapping[str, Value]
    substitution: str = ""
    explanation: Explanation | None = None
    pending: QueuedRequest[Explained] | None = None
    passes: tuple[int, int] = (0, 0)
    maps: int = 0
    missing: str = ""
    scale: float | None = None

    @property
    def answered(self) -> Explanation | None:
        """The map that was asked for, if it is there."""
        return None if self.pending else self.explanation

    @property
    def hidden(self) -> bool:
        """Whether the map could be drawn, but has a caveat that the reader has not yet waved aside."""
        return engine.is_hidden(self.explanation)

    @property
    def request(self) -> Request:
        """What is asked of the network."""
        return Request(self.method.name, self.finding, self.layer, dict(self.settings))


def selected_finding(prediction: Prediction, checkpoint: Checkpoint) -> str:
    """The finding of the sidebar, or the likeliest where none is chosen that this model knows."""
    wanted = session().finding
    return wanted if wanted in checkpoint.findings else leading(prediction, checkpoint)


def film() -> Radiograph | None:
    """The radiograph that is looked at; None on an empty desk."""
    here = session()
    return here.radiographs[here.film_key] if here.film_key else None


def model_name() -> str | None:
    """The chosen model, or the first; None where there are no weights."""
    names = cache.names()
    wanted = session().checkpoint
    return wanted if wanted in names else next(iter(names), None)


def card() -> Checkpoint | None:
    """What that model is; None where there are no weights. Raises: BadCheckpoint."""
    name = model_name()
    return cache.card(name) if name else None


def model() -> Checkpoint | None:
    """As `card`, and None also where the card is broken: the frame has said so."""
    with suppress(BadCheckpoint):
        return card()
    return None


def view(radiograph: Radiograph, checkpoint: Checkpoint, *, report: cache.ReportProgress | None = None) -> MapView:
    """What the session asks, with the map if it is there; waits until all but the map is known.

    A choice that this model does not know falls back to its default. A setting that turns out wrong is told, and the
    question is again what it was.
    report: shows progress on the page.
    Raises: UserError where the network says nothing of this film.
    """
    try:
        return _view(radiograph, checkpoint, report)
    except (BadSetting, Stopped) as error:
        session().common_scale = False  # what fits this stage need not fit all
        stopped(radiograph, checkpoint, str(error))
        return _view(radiograph, checkpoint, report)


def _view(radiograph: Radiograph, checkpoint: Checkpoint, report: cache.ReportProgress | None) -> MapView:
    here = session()
    method = methods[here.method] if here.method in methods else methods[DEFAULT]
    request = TileRequest(
        checkpoint.name,
        method.name,
        layer=here.layer,
        settings=tuple(here.settings.get(method.name, {}).items()),
        all_stages=here.common_scale,
    )
    last = {0: here.last_map} if here.last_map else {}
    patience = _PATIENCE if method.cost == "shared" else _IMPATIENCE
    while True:
        tile = engine.look(radiograph, [request], page=PAGE, last=last, patience=patience, substitute=True)[0]
        if tile.known or tile.pending is None:
            break
        tile.pending.result(report)
    if tile.prediction is None or not tile.known:
        raise UserError(tile.missing)
    if explained := tile.explained:
        here.last_map = _last_map(tile)
    common = here.common_scale and explained is not None and len(explained.maps) > 1
    return MapView(
        radiograph,
        checkpoint,
        here.cleaning(radiograph.key),
        tile.prediction,
        tile.finding,
        tile.method,
        tile.layer,
        tile.settings,
        tile.substitution,
        tile.explanation,
        tile.pending,
        explained.passes if explained else (0, 0),
        len(explained.maps) if explained else 0,
        tile.missing,
        scale=common_end(explained.maps)
        if explained and common and engine.shares_stages(tile.method, tile.layer, tile.settings)
        else None,
    )


def _last_map(tile: engine.BoardTile) -> LastMap | None:
    """What a cancelled request goes back to: the choices as they were answered."""
    answered = TileRequest(
        tile.request.checkpoint, tile.method.name, tile.finding, tile.layer, tuple(tile.settings.items())
    )
    return LastMap(answered, tile.explanation) if tile.explanation else None


def stages(chosen: MapView) -> QueuedRequest[Explained]:
    """One small map per stage, made with `engine.strip_method`."""
    method = engine.strip_method(chosen.method, chosen.settings)
    settings = dict(chosen.settings) if method is chosen.method else {}
    request = Request(method.name, chosen.finding, chosen.layer, settings)
    return cache.stages(chosen.checkpoint, chosen.radiograph, chosen.cleaning, request)


def refusals(checkpoint: Checkpoint) -> dict[str, str]:
    """Method -> why the network cannot serve it at any stage; empty where it can, or that is not yet known."""
    return {name: engine.nowhere(reasons) for name, reasons in cache.all_unfit(checkpoint).items()}


def look_at(stage: str) -> None:
    """Asks for the map of this stage; a method that has none gives way to Grad-CAM."""
    here = session()
    here.layer = stage
    here.refuse("")
    if not methods[here.method].layered:
        here.method = DEFAULT


def no_refusal() -> None:
    """After another choice: why the last one was refused no longer matters."""
    session().refuse("")


def back(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """The question is again that of the last map that was on the page; or the default, where none was."""
    here = session()
    last = here.last_map
    if last and (last.explanation.radiograph, last.explanation.checkpoint) == (radiograph.key, checkpoint.key):
        here.method = last.request.method
        here.layer = last.request.layer or here.layer
        here.settings[last.request.method] = dict(last.request.settings)
        if here.finding is not None:
            here.finding = last.explanation.finding
    else:
        here.method, here.layer = DEFAULT, None


def stopped(radiograph: Radiograph, checkpoint: Checkpoint, reason: str) -> None:
    """The map cannot be made with these settings, or in this time: the page goes back, and says why."""
    session().settings.pop(session().method, None)
    back(radiograph, checkpoint)
    session().refuse(f"{reason} {_BACK}")


def cancel(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """Gives up the map that is on its way and goes back to the one before."""
    engine.give_up(PAGE)
    back(radiograph, checkpoint)
