"""What lies on the desk now: the session's choices, checked against what there is."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from core.errors import BadCheckpoint, BadSetting, Stopped, UserError
from core.explain.method import Method, Value, methods
from core.models.findings import leading
from core.overlay import common_end
from core.types import FUSED, Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from dashboard import cache
from dashboard.request_queue import QueuedRequest
from dashboard.state import LastMap, Session, session

DEFAULT = "grad-cam"  # what is shown where another method cannot be
_UNIT = ("channel", "row", "column")  # settings that name a unit of the stage
_BACK = "The page is back at what it showed before."
_PATIENCE = 0.4  # s for which the page waits without a word for a map that should be quick
_IMPATIENCE = 0.05  # s, for one that is slow by what its entry says


@dataclass(frozen=True, eq=False)
class MapView:
    """One film, one model, one question, and what is there of the answer.

    layer:   stage name, or several joined by "+"; None for methods that explain the input.
    instead: why this is not the method that the session asks for; empty where it is.
    explanation: the map; while it is on its way the last one of this film, if there was one; None for the bare film.
    asked:   the place in the line, while the map is on its way.
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
    instead: str = ""
    explanation: Explanation | None = None
    asked: QueuedRequest[cache.Maps] | None = None
    passes: tuple[int, int] = (0, 0)
    maps: int = 0
    missing: str = ""
    scale: float | None = None

    @property
    def answered(self) -> Explanation | None:
        """The map that was asked for, if it is there."""
        return None if self.asked else self.explanation

    @property
    def hidden(self) -> bool:
        """Whether the map could be drawn, but has a caveat that the reader has not yet waved aside."""
        map_ = self.explanation
        if map_ is None or map_.void or not map_.caveat:
            return False
        return revealable(map_) not in session().revealed_maps


def asked_finding(prediction: Prediction, checkpoint: Checkpoint) -> str:
    """The finding of the sidebar, or the likeliest where none is chosen that this model knows."""
    wanted = session().finding
    return wanted if wanted in checkpoint.findings else leading(prediction, checkpoint)


def revealable(map_: Explanation) -> tuple[str, ...]:
    """What the reader waves aside: this caveat, of this film, model and finding; another one hides the map again."""
    return map_.radiograph, map_.checkpoint, map_.finding, map_.caveat


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


def chosen(radiograph: Radiograph, checkpoint: Checkpoint, *, tell: cache.ReportProgress | None = None) -> MapView:
    """What the session asks, with the answer if it is there; a choice that this model does not know falls back to its
    default. A setting that turns out wrong is told, and the question is again what it was.

    tell: says on the page that the network is busy with others.
    """
    try:
        return _answered(_question(radiograph, checkpoint, tell))
    except (BadSetting, Stopped) as error:
        here = session()
        here.settings.pop(here.method, None)
        back(radiograph, checkpoint)
        here.common_scale = False  # what fits this stage need not fit all
        here.refuse(f"{error} {_BACK}")
        return _answered(_question(radiograph, checkpoint, tell))


def _question(radiograph: Radiograph, checkpoint: Checkpoint, tell: cache.ReportProgress | None) -> MapView:
    here = session()
    cleaning = here.cleaning(radiograph.key)
    prediction = cache.predict(checkpoint, radiograph, cleaning, tell=tell)
    finding = asked_finding(prediction, checkpoint)
    method, instead = methods[here.method if here.method in methods else DEFAULT], ""
    if reason := _nowhere(cache.incompatibilities(checkpoint, method.name)):
        instead = f"{method.title} cannot be had of {checkpoint.name}: {reason} This is {methods[DEFAULT].title}."
        method = methods[DEFAULT]
    layer = _layer(here.layer, fitting(checkpoint, method.name)) if method.layered else None
    settings = method.parse(here.settings.get(method.name, {}))
    return MapView(radiograph, checkpoint, cleaning, prediction, finding, method, layer, settings, instead)


def _answered(question: MapView) -> MapView:
    """The question with its map, or with its place in the line and the map that was there before."""
    here = session()
    asked = _ask(question)
    before, here.pending_map = here.pending_map, asked
    if before:
        before.leave()  # asked again, the new place already counts
    if not asked.wait(_PATIENCE if question.method.cost == "shared" else _IMPATIENCE):
        last = here.last_map.explanation if here.last_map else None
        known = last and (last.radiograph, last.checkpoint) == (question.radiograph.key, question.checkpoint.key)
        return replace(question, asked=asked, explanation=last if known else None)
    asked.leave()
    try:
        maps = asked.answer()
    except (BadSetting, Stopped):
        raise
    except UserError as error:  # of this film or this network: no lungs, no such map
        return replace(question, missing=str(error))
    explanation, passes, count = cache.picked(maps, finding=question.finding, layer=question.layer)
    here.last_map = LastMap(explanation, question.method.name, question.layer, dict(question.settings))
    scale = common_end(maps[1]) if here.common_scale and len(maps[1]) > 1 and one_pass(question) else None
    return replace(question, explanation=explanation, passes=passes, maps=count, scale=scale)


def _ask(question: MapView) -> QueuedRequest[cache.Maps]:
    if session().common_scale and one_pass(question):
        return stages(question)
    return cache.explain(
        question.checkpoint,
        question.radiograph,
        question.cleaning,
        finding=question.finding,
        method=question.method.name,
        layer=question.layer,
        settings=tuple(question.settings.items()),
    )


def one_pass(question: MapView) -> bool:
    """Whether the maps of all single stages come together with this one, for the price of one."""
    layer = question.layer
    return layer is not None and FUSED not in layer and strip_method(question) is question.method


def strip_method(chosen: MapView) -> Method:
    """What the small maps of all stages are made with: the chosen method, or Grad-CAM where that one explains only the
    input, would take as long again for every stage, or is asked for a unit that other stages need not have."""
    method = chosen.method
    usual = method.parse({})
    same = all(chosen.settings[name] == usual[name] for name in _UNIT if name in usual)
    return method if method.layered and method.cost == "shared" and same else methods[DEFAULT]


def stages(chosen: MapView) -> QueuedRequest[cache.Maps]:
    """A place in the line for one map a stage, made with `strip_method`."""
    method = strip_method(chosen)
    settings = tuple(chosen.settings.items()) if method is chosen.method else ()
    return cache.stages(
        chosen.checkpoint,
        chosen.radiograph,
        chosen.cleaning,
        finding=chosen.finding,
        method=method.name,
        settings=settings,
    )


def fitting(checkpoint: Checkpoint, method: str) -> list[str]:
    """The stages at which the network can serve the method, the last one last."""
    return [stage for stage, reason in cache.incompatibilities(checkpoint, method).items() if stage and not reason]


def refusals(checkpoint: Checkpoint) -> dict[str, str]:
    """Method -> why the network cannot serve it at any stage; empty where it can, or that is not yet known."""
    return {name: _nowhere(reasons) for name, reasons in cache.all_unfit(checkpoint).items()}


def _nowhere(reasons: Mapping[str | None, str]) -> str:
    found = list(reasons.values())
    return "" if "" in found else found[-1]


def _layer(wanted: str | None, stages: list[str]) -> str:
    named = wanted.split(FUSED) if wanted else []
    if len(named) > 1:
        named = [stage for stage in stages if stage in named]
    return FUSED.join(named) if named and set(named) <= set(stages) else stages[-1]


def look_at(stage: str) -> None:
    """Asks for the map of this stage; a method that has none gives way to Grad-CAM."""
    here = session()
    here.layer = stage
    here.refuse("")
    if not methods[here.method].layered:
        here.method = DEFAULT


def back(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """The question is again that of the last map that was on the page; or the default, where none was."""
    here = session()
    last = here.last_map
    if last and (last.explanation.radiograph, last.explanation.checkpoint) == (radiograph.key, checkpoint.key):
        here.method = last.method
        here.layer = last.layer or here.layer
        here.settings[last.method] = dict(last.settings)
        if here.finding is not None:
            here.finding = last.explanation.finding
    else:
        here.method, here.layer = DEFAULT, None


def arrived(chosen: MapView) -> None:
    """What the page does with a question whose time is up before it is drawn again: the same as `chosen` does."""
    if chosen.asked is None:
        return
    with suppress(UserError):  # other sentences are answers, and stay where the map would be
        try:
            chosen.asked.answer()
        except (BadSetting, Stopped) as error:
            session().settings.pop(session().method, None)
            back(chosen.radiograph, chosen.checkpoint)
            session().refuse(f"{error} {_BACK}")


def cancel(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """Gives up the map that is on its way and goes back to the one before."""
    here: Session = session()
    if here.pending_map:
        here.pending_map.leave()
        here.pending_map = None
    back(radiograph, checkpoint)
