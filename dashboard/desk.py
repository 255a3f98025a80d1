"""What lies on the desk now: the session's choices, checked against what there is."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from core.errors import BadCheckpoint, BadSetting
from core.explain.method import Method, Value, methods
from core.models.findings import leading
from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from dashboard import cache
from dashboard.state import session


@dataclass(frozen=True, eq=False)
class Chosen:
    """One film, one model, one question, and the two answers that a page begins with.

    layer:  stage name; None for methods that explain the input.
    passes: (forward, backward) of the network that the map and those that came with it cost together.
    maps:   how many maps shared these passes.
    refused: the sentence on a setting that this stage does not have; empty where there is none.
    """

    radiograph: Radiograph
    checkpoint: Checkpoint
    cleaning: Cleaning
    prediction: Prediction
    finding: str
    method: Method
    layer: str | None
    settings: Mapping[str, Value]
    explanation: Explanation
    passes: tuple[int, int]
    maps: int
    refused: str


def film() -> Radiograph | None:
    """The radiograph that is looked at; None on an empty desk."""
    here = session()
    return here.radiographs[here.chosen] if here.chosen else None


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


def chosen(radiograph: Radiograph, checkpoint: Checkpoint) -> Chosen:
    """The answers to what the session asks; a choice that this model does not know falls back to its default."""
    here = session()
    cleaning = here.cleaning(radiograph.key)
    prediction = cache.predict(checkpoint, radiograph, cleaning)
    finding = here.finding if here.finding in checkpoint.findings else leading(prediction, checkpoint)
    method = methods[here.method]
    settings = method.parse(here.settings.get(method.name, {}))
    stages = list(cache.stage_sizes(checkpoint))
    layer = (here.layer if here.layer in stages else stages[-1]) if method.layered else None

    def asked(settings: Mapping[str, Value]) -> tuple[Explanation, tuple[int, int], int]:
        return cache.explain(
            checkpoint,
            radiograph,
            cleaning,
            finding=finding,
            method=method.name,
            layer=layer,
            settings=tuple(settings.items()),
        )

    refused = ""
    try:
        explanation, passes, maps = asked(settings)
    except BadSetting as error:  # or nobody could set it back: the widget that did it would be gone
        refused = f"{error} It is back at its default."
        here.settings.pop(method.name, None)
        settings = method.parse({})
        explanation, passes, maps = asked(settings)
    return Chosen(
        radiograph,
        checkpoint,
        cleaning,
        prediction,
        finding,
        method,
        layer,
        settings,
        explanation,
        passes,
        maps,
        refused,
    )


def stages(chosen: Chosen) -> tuple[Explanation, ...]:
    """One map a stage: by the chosen method, or by Grad-CAM where that one explains only the input."""
    method = chosen.method if chosen.method.layered else methods["grad-cam"]
    settings = tuple(chosen.settings.items()) if chosen.method.layered else ()
    return cache.stages(
        chosen.checkpoint,
        chosen.radiograph,
        chosen.cleaning,
        finding=chosen.finding,
        method=method.name,
        settings=settings,
    )


def look_at(stage: str) -> None:
    """Asks for the map of this stage; a method that has none gives way to Grad-CAM."""
    here = session()
    here.layer = stage
    if not methods[here.method].layered:
        here.method = "grad-cam"
