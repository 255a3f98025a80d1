"""From a request to its map, the same for all pages: each page requests maps here and draws what is ready.

A request takes several steps (load the network, predict, try the method, compute the map), each queued for the
networks. `look` never blocks: the tile names the pending step, and `dashboard.progress` follows it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from core.compare.map_agreement import lettered
from core.compare.panel import plain
from core.errors import BadSetting, Stopped, Unfit, UnknownName, UserError, Withheld
from core.explain.method import Method, Value, methods
from core.explain.run import Explained, Request
from core.explain.sharing import FIRST_LOOK
from core.layers.unit_ablation import AblationResult, UnitSwitches
from core.models.findings import leading, words
from core.trust.admission import Admission
from core.types import FUSED, Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from dashboard.board_tile import BoardTile
from dashboard.cache import map_requests, model_files, networks, unit_requests
from dashboard.request_queue import QueuedRequest, Result
from dashboard.state import session
from dashboard.tile_request import LastMap, TileRequest

TileOrUnits = TypeVar("TileOrUnits", "BoardTile", "WithoutUnits")
_UNIT = ("channel", "row", "column")  # settings that name a unit of the stage


class _NotYet(Exception):
    """An earlier step is still pending."""

    def __init__(self, pending: QueuedRequest[Any], name: str) -> None:
        super().__init__(name)
        self.pending = pending
        self.name = name


def look(
    radiograph: Radiograph,
    requests: Sequence[TileRequest],
    *,
    page: str,
    last: Mapping[int, LastMap],
    patience: float,
    substitute: bool = False,
) -> list[BoardTile]:
    """Every tile as far as it is ready within the patience; the rest is pending.

    page:       owner of the requests; requests of its previous look are cancelled unless repeated.
    last:       place -> the last map there, which stays visible while another is computed.
    patience:   seconds to wait until progress is shown.
    substitute: whether to use Grad-CAM or the last stage instead of a method or stage that the network does not
                support; otherwise the tile gives the reason.
    Raises:     BadSetting and Stopped if `substitute` is set: the page then restores its previous choices.
    """
    places = range(len(requests))
    looks = [partial(again, radiograph, requests, place, last=last, substitute=substitute) for place in places]
    return _patiently(looks, page=page, patience=patience)


def again(
    radiograph: Radiograph,
    requests: Sequence[TileRequest],
    place: int,
    *,
    last: Mapping[int, LastMap],
    substitute: bool = False,
) -> BoardTile:
    """The present state of one tile; a UserError becomes its `missing`."""
    request = requests[place]
    method = methods.get(request.method) or methods[FIRST_LOOK]
    tile = BoardTile(place, lettered(len(requests))[place], request, method)
    cleaning = session().cleaning(radiograph.key)
    try:
        checkpoint = model_files.card(request.checkpoint)
        name = checkpoint.name
        tile = replace(tile, checkpoint=checkpoint)
        tile = replace(tile, sizes=_result(networks.sizes(checkpoint), f"Loading {name}"))
        _refuse_withheld(checkpoint, radiograph, cleaning)
        prediction = _result(
            map_requests.first_look(checkpoint, radiograph, cleaning), f"Prediction of {name}"
        ).prediction
        tile = replace(tile, prediction=prediction)
        finding, substitution = _finding(radiograph, request, checkpoint, prediction, requests)
        tile = replace(tile, finding=finding, substitution=substitution)
        if method.name != FIRST_LOOK:
            _result(networks.unsupported(checkpoint), f"What {name} supports")
        tile = _placed(tile, checkpoint, substitute=substitute)
        pending = _map(radiograph, tile, checkpoint)
        explained = _result(pending, tile.method.title)
        explanation = explained.of(_request(tile))
        return replace(tile, explanation=replace(explanation, seconds=explained.seconds), explained=explained)
    except _NotYet as wait:
        return replace(
            tile,
            pending=wait.pending,
            pending_name=wait.name,
            explanation=_last(last, request, place, radiograph, tile),
        )
    except UserError as error:
        if substitute and isinstance(error, BadSetting | Stopped):
            raise
        return replace(tile, missing=str(error), withheld=isinstance(error, Withheld))


@dataclass(frozen=True, eq=False)
class WithoutUnits:
    """The result of a network with some units switched off, as far as it is ready.

    result:       the probabilities.
    explanation:  the map.
    missing:      why there is no map; empty if there is one or it is being computed.
    pending:      the step still being computed; None once all is ready.
    pending_name: what that step computes, in words.
    """

    result: AblationResult | None = None
    explanation: Explanation | None = None
    missing: str = ""
    pending: QueuedRequest[Any] | None = None
    pending_name: str = ""


def look_without_units(
    radiograph: Radiograph,
    checkpoint: Checkpoint,
    request: Request,
    switched: UnitSwitches,
    *,
    page: str,
    patience: float,
) -> WithoutUnits:
    """Like `look`, for a network with some units switched off: probabilities first, then the map.

    Raises: UserError if there are no probabilities.
    """
    usual = unit_requests.usual_means(checkpoint, switched.fill)
    about = (checkpoint, radiograph, session().cleaning(radiograph.key), switched, usual)

    def answered() -> WithoutUnits:
        result = None
        try:
            result = _result(unit_requests.ablation(*about, ()), "Prediction without the units")
            with_map = _result(unit_requests.ablation(*about, (request,)), "Map without the units")
            return WithoutUnits(result, with_map.explanations[0])
        except _NotYet as wait:
            return WithoutUnits(result, pending=wait.pending, pending_name=wait.name)
        except UserError as error:
            if result is None:
                raise
            return WithoutUnits(result, missing=str(error))  # the method does not work without these units

    return _patiently([answered], page=page, patience=patience)[0]


def give_up(page: str) -> None:
    """Cancels the pending requests of this page."""
    for request in session().pending.pop(page, []):
        request.leave()


def hold(open_page: str) -> None:
    """Keeps a page's requests running while the person is on another page.

    Requests that hit their time limit meanwhile are noted, so that the page does not start them again. A page cancels
    its own earlier requests; dashboard.kept_sessions cancels those of a closed tab.
    open_page: name of the page in this run.
    """
    here = session()
    entered, here.page = here.page not in ("", open_page), open_page
    if entered:
        here.story = 0
    for page, requests in here.pending.items():
        held = []
        for each in requests:
            if not each.wait(0):
                held.append(each.again())
            else:
                try:
                    each.answer()
                except Stopped as error:
                    if entered or page != open_page:  # otherwise the page has reported it
                        here.overdue[page] = str(error)
                except UserError:
                    pass  # the page shows it
            each.leave()
        here.pending[page] = held


def same(finding: str, checkpoint: Checkpoint) -> str | None:
    """This network's name for the finding ("Pneumonia" for "pneumonia"); None if it does not know it."""
    return next((each for each in checkpoint.findings if plain(each) == plain(finding)), None)


def shares_stages(method: Method, layer: str | None, settings: Mapping[str, Value]) -> bool:
    """Whether the maps of all single stages share the passes of this one."""
    return layer is not None and FUSED not in layer and strip_method(method, settings) is method


def strip_method(method: Method, settings: Mapping[str, Value]) -> Method:
    """The method of the small maps of all stages: the method itself, or Grad-CAM if the method explains only the
    input, takes as long again for every stage, or explains a unit that other stages may lack."""
    defaults = method.parse({})
    same_unit = all(settings[name] == defaults[name] for name in _UNIT if name in defaults)
    return method if method.layered and method.cost == "shared" and same_unit else methods[FIRST_LOOK]


def nowhere(reasons: Mapping[str | None, str]) -> str:
    """Why the network supports a method at no stage; empty if it supports it at any."""
    sentences = list(reasons.values())
    return "" if "" in sentences else sentences[-1]


def _result(request: QueuedRequest[Result], name: str) -> Result:
    """The answer if it is ready. Raises: its UserError if it failed; _NotYet while it is pending."""
    if not request.wait(0):
        raise _NotYet(request, name)
    request.leave()
    return request.answer()


def _refuse_withheld(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> None:
    """Raises: Withheld if the answer is withheld; _NotYet until the gate has checked the film."""
    result = map_requests.admission([checkpoint], radiograph, cleaning)
    if not isinstance(result, Admission):
        result = _result(result, f"Gate of {checkpoint.name}")
    if result.reason and not cleaning.anyway:
        raise Withheld(result.reason)


def _request(tile: BoardTile) -> Request:
    return Request(tile.method.name, tile.finding, tile.layer, dict(tile.settings))


def _map(radiograph: Radiograph, tile: BoardTile, checkpoint: Checkpoint) -> QueuedRequest[Explained]:
    cleaning, request = session().cleaning(radiograph.key), _request(tile)
    if tile.request.all_stages and shares_stages(tile.method, tile.layer, tile.settings):
        return map_requests.stages(checkpoint, radiograph, cleaning, request)
    return map_requests.explain(checkpoint, radiograph, cleaning, request)


def _finding(
    radiograph: Radiograph,
    request: TileRequest,
    checkpoint: Checkpoint,
    prediction: Prediction,
    requests: Sequence[TileRequest],
) -> tuple[str, str]:
    """The finding of the tile; else of the sidebar; else the top finding of the first tile's model, so that all maps
    show one finding; if this network knows none of these, its own top finding.

    Returns: the finding, and why it is not the requested one; empty if it is.
    """
    own = leading(prediction, checkpoint)
    wanted = request.finding or session().finding or _first_finding(radiograph, checkpoint, requests) or own
    known = same(wanted, checkpoint)
    return known or own, "" if known else f"{checkpoint.name} does not know {words(wanted)}: map of {words(own)}."


def _first_finding(radiograph: Radiograph, checkpoint: Checkpoint, requests: Sequence[TileRequest]) -> str | None:
    """The top finding of the first tile's model; None if that is this model or it is broken."""
    with suppress(UserError):  # the first tile reports it
        first = model_files.card(requests[0].checkpoint)
        if first.key != checkpoint.key:
            _result(networks.sizes(first), f"Loading {first.name}")
            predicted = map_requests.first_look(first, radiograph, session().cleaning(radiograph.key))
            return leading(_result(predicted, f"Prediction of {first.name}").prediction, first)
    return None


def _placed(tile: BoardTile, checkpoint: Checkpoint, *, substitute: bool) -> BoardTile:
    """The tile with its final method, layer and settings.

    Raises: UnknownName or Unfit if the network does not support the method there and `substitute` is False.
    """
    method, reasons = tile.method, networks.incompatibilities(checkpoint, tile.method.name)
    if reason := nowhere(reasons):
        sentence = f"{method.title} is not available for {checkpoint.name}: {reason}"
        if not substitute:
            raise Unfit(sentence)
        method, reasons = methods[FIRST_LOOK], networks.incompatibilities(checkpoint, FIRST_LOOK)
        tile = replace(tile, substitution=f"{sentence} Showing {method.title}.")
    settings = method.parse(dict(tile.request.settings) if method is tile.method else {})
    layer = _layer(tile.request.layer, method, checkpoint, reasons, substitute=substitute)
    return replace(tile, method=method, settings=settings, layer=layer, known=True)


def _layer(
    wanted: str | None,
    method: Method,
    checkpoint: Checkpoint,
    reasons: Mapping[str | None, str],
    *,
    substitute: bool,
) -> str | None:
    if not method.layered:
        return None
    stages = [stage for stage in reasons if stage]
    fit = [stage for stage in stages if not reasons[stage]]
    named = wanted.split(FUSED) if wanted else fit[-1:]
    if substitute:
        named = [stage for stage in named if stage in fit] if len(named) > 1 else named
        named = named if named and set(named) <= set(fit) else fit[-1:]
    for stage in named:
        if stage not in stages:
            raise UnknownName(f"{checkpoint.name} has no {stage}; it has {', '.join(stages)}. Choose one of them.")
        if reason := reasons[stage]:
            raise Unfit(f"{method.title} is not available for {checkpoint.name} at {stage}: {reason}")
    return FUSED.join(stage for stage in stages if stage in named)


def _last(
    last: Mapping[int, LastMap], request: TileRequest, place: int, radiograph: Radiograph, tile: BoardTile
) -> Explanation | None:
    """The last map at this place, if it shows this film and this model."""
    before = last.get(place)
    if before is None or before.request.checkpoint != request.checkpoint:
        return None
    of_this = before.explanation.radiograph == radiograph.key and (
        tile.checkpoint is None or before.explanation.checkpoint == tile.checkpoint.key
    )
    return before.explanation if of_this else None


def _patiently(looks: Sequence[Callable[[], TileOrUnits]], *, page: str, patience: float) -> list[TileOrUnits]:
    """The result of each look, repeated until nothing is pending or the patience runs out.

    Earlier requests of the page are cancelled unless repeated.
    """
    views = [look() for look in looks]
    until = time.monotonic() + patience
    while (waiting := [view.pending for view in views if view.pending]) and time.monotonic() < until:
        waiting[0].wait(max(0.0, min(until - time.monotonic(), patience / 10)))
        views = [look() if view.pending else view for look, view in zip(looks, views, strict=True)]
        for request in waiting:
            request.leave()  # a repeated request already counts
    pending = session().pending
    before, pending[page] = pending.get(page, []), list(waiting)
    for each in before:
        each.leave()  # a repeated request already counts
    return views
