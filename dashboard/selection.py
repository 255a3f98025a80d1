"""The current selection: the session's choices checked against models and films, and the map of the Read page."""

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
from dashboard import engine
from dashboard.board_tile import BoardTile, is_hidden
from dashboard.cache import map_requests, model_files, networks
from dashboard.request_queue import QueuedRequest, ReportProgress
from dashboard.state import session
from dashboard.tile_request import LastMap, TileRequest

PAGE = "read"  # owner of the requests
DEFAULT = FIRST_LOOK  # used if another method is not available
_BACK = "The previous map is shown again."
_PATIENCE = 0.4  # s until progress is shown, for a map that should be quick
_IMPATIENCE = 0.05  # s, for a method that is slow by its cost class


@dataclass(frozen=True, eq=False)
class MapView:
    """One film, one model, one request, and its answer as far as it is ready.

    layer:   stage name, or several joined by "+"; None for methods that explain the input.
    substitution: why this differs from the session's choice; empty if it does not.
    explanation: the map; while it is being computed, the last one of this film, if any; None for the film without heat.
    pending: the request for the map, until it is ready.
    passes:  (forward, backward) of the network, for this map and those that share them.
    maps:    number of maps that share these passes.
    missing: why there is no map; empty if there is one or it is being computed.
    scale:   value at the end of the colour map if all stages share one; None for the map's own.
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
        """The requested map, if it is ready."""
        return None if self.pending else self.explanation

    @property
    def hidden(self) -> bool:
        """Whether the map is hidden because of its caveat, which the reader has not yet overridden."""
        return is_hidden(self.explanation)

    @property
    def request(self) -> Request:
        """The request to the network."""
        return Request(self.method.name, self.finding, self.layer, dict(self.settings))


def selected_finding(prediction: Prediction, checkpoint: Checkpoint) -> str:
    """The finding of the sidebar, or the most likely if none is chosen or this model does not know it."""
    wanted = session().finding
    return wanted if wanted in checkpoint.findings else leading(prediction, checkpoint)


def film() -> Radiograph | None:
    """The open radiograph; None if there is none."""
    here = session()
    return here.radiographs[here.film_key] if here.film_key else None


def model_name() -> str | None:
    """Name of the chosen model, or the first; None if there are no weights."""
    names = model_files.names()
    wanted = session().checkpoint
    return wanted if wanted in names else next(iter(names), None)


def card() -> Checkpoint | None:
    """The card of that model; None if there are no weights. Raises: BadCheckpoint."""
    name = model_name()
    return model_files.card(name) if name else None


def model() -> Checkpoint | None:
    """Like `card`, but None also if the card is broken, which the frame reports."""
    with suppress(BadCheckpoint):
        return card()
    return None


def view(radiograph: Radiograph, checkpoint: Checkpoint, *, report: ReportProgress | None = None) -> MapView:
    """The session's request, with the map if it is ready; waits until everything but the map is known.

    A choice that this model does not know falls back to its default. An invalid setting gets a sentence, and the
    previous request is restored.
    report: shows progress on the page.
    Raises: UserError if the network gives no prediction for this film.
    """
    try:
        if reason := session().overdue.pop(PAGE, ""):
            raise Stopped(reason)
        return _view(radiograph, checkpoint, report)
    except (BadSetting, Stopped) as error:
        session().common_scale = False  # a setting that fits this stage need not fit all
        stopped(radiograph, checkpoint, str(error))
        return _view(radiograph, checkpoint, report)


def _view(radiograph: Radiograph, checkpoint: Checkpoint, report: ReportProgress | None) -> MapView:
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
        scale=_common_scale(tile) if here.common_scale else None,
    )


def _common_scale(tile: BoardTile) -> float | None:
    """The largest peak of the maps of all stages; None if the tile has only its own map."""
    if tile.explained is None or len(tile.explained.maps) < 2:
        return None
    shared = engine.shares_stages(tile.method, tile.layer, tile.settings)
    return common_end(tile.explained.maps) if shared else None


def _last_map(tile: BoardTile) -> LastMap | None:
    """The choices that a cancelled request restores."""
    answered = TileRequest(
        tile.request.checkpoint, tile.method.name, tile.finding, tile.layer, tuple(tile.settings.items())
    )
    return LastMap(answered, tile.explanation) if tile.explanation else None


def stages(chosen: MapView) -> QueuedRequest[Explained]:
    """One small map per stage, made with `engine.strip_method`."""
    method = engine.strip_method(chosen.method, chosen.settings)
    settings = dict(chosen.settings) if method is chosen.method else {}
    request = Request(method.name, chosen.finding, chosen.layer, settings)
    return map_requests.stages(chosen.checkpoint, chosen.radiograph, chosen.cleaning, request)


def refusals(checkpoint: Checkpoint) -> dict[str, str]:
    """Method -> why the network supports it at no stage; empty if it does, or until that is known."""
    return {name: engine.nowhere(reasons) for name, reasons in networks.all_unfit(checkpoint).items()}


def look_at(stage: str) -> None:
    """Requests the map of this stage; a method without stages is replaced by Grad-CAM."""
    here = session()
    here.layer = stage
    here.refuse("")
    if not methods[here.method].layered:
        here.method = DEFAULT


def no_refusal() -> None:
    """Clears the reason why the last choice was not possible."""
    session().refuse("")


def back(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """Restores the choices of the last map on the page, or the default if there was none."""
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
    """Restores the last map, with the reason, when a setting or the time limit prevents the new one."""
    session().settings.pop(session().method, None)
    back(radiograph, checkpoint)
    session().refuse(f"{reason} {_BACK}")


def cancel(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """Cancels the pending map and restores the last one."""
    engine.give_up(PAGE)
    back(radiograph, checkpoint)
