"""Boards that answer a common question with one click."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from core.errors import UserError
from core.explain.method import methods
from dashboard import selection
from dashboard.cache import model_files, networks
from dashboard.state import session
from dashboard.tile_request import TileRequest

MOST = 9  # tiles: more cannot be taken in at a glance
PLAIN, LUNGS = "densenet121-plain", "densenet121-lungs"
AGAINST, MODELS = "Plain against lungs", "One method, all models"
STAGES, METHODS = "All stages", "Six methods, one model"
# One quick method of each family: all methods would be too many to look at.
KINDS = ("grad-cam", "saliency", "smoothgrad", "integrated-gradients", "lrp", "occlusion")


def offered() -> list[str]:
    """The presets that are available with these models."""
    names = model_files.names()
    twins = [AGAINST] if {PLAIN, LUNGS} <= set(names) else []
    return [*twins, *([MODELS] if len(names) > 1 else []), STAGES, METHODS]


def about(preset: str) -> str:
    """What the board shows, if its name does not say it all; else empty."""
    if preset == METHODS:
        return (
            f"One method of each kind: {len(KINDS)} of {len(methods)}, all computed within seconds. "
            "You can change any tile."
        )
    if preset == MODELS and len(model_files.names()) > MOST:
        return f"The first {MOST} of {len(model_files.names())} models. You can change any tile."
    return ""


def tiles(preset: str, model: str) -> list[TileRequest]:
    """The board of that name; model: the one of the sidebar."""
    return _BOARDS[preset](model)


def beginning(model: str) -> list[TileRequest]:
    """The first board: the model of the sidebar and another on one film; with a single model, two methods of it."""
    names = _first(model, model_files.names())
    if len(names) == 1:
        return [TileRequest(model, method) for method in KINDS[:2]]
    twins = [name for name in (LUNGS, PLAIN) if name in names and name != model]
    return [TileRequest(name) for name in (model, (twins or names[1:])[0])]


def _first(model: str, names: Sequence[str]) -> list[str]:
    """The names, with the sidebar's model first."""
    return sorted(names, key=lambda name: name != model)


def _against(model: str) -> list[TileRequest]:
    return [TileRequest(name) for name in _first(model, (PLAIN, LUNGS))]


def _models(model: str) -> list[TileRequest]:
    """The method of the Read page, at the last stage of every model."""
    return [TileRequest(name, _method()) for name in _first(model, model_files.names())[:MOST]]


def _stages(model: str) -> list[TileRequest]:
    """The method of the Read page if it has stages and is quick, else Grad-CAM."""
    method = methods[_method()]
    name = method.name if method.layered and method.cost == "shared" else selection.DEFAULT
    with suppress(UserError):  # a broken model gets a single tile, which reports it
        return [TileRequest(model, name, layer=stage) for stage in networks.fitting(model_files.card(model), name)][
            -MOST:
        ]
    return [TileRequest(model, name)]


def _methods(model: str) -> list[TileRequest]:
    refused: Mapping[str, str] = {}
    with suppress(UserError):
        refused = selection.refusals(model_files.card(model))
    return [TileRequest(model, name) for name in KINDS if not refused.get(name)]


def _method() -> str:
    wanted = session().method
    return wanted if wanted in methods else selection.DEFAULT


_BOARDS: Mapping[str, Callable[[str], list[TileRequest]]] = {
    AGAINST: _against,
    MODELS: _models,
    STAGES: _stages,
    METHODS: _methods,
}
