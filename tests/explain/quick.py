"""Shared by the tests over all methods: settings that cost few passes, and which maps are film-sized."""

from typing import Any

from core.explain.method import methods
from core.models.architecture import Network

FILM_SIZED = {"guided-grad-cam", "neuron-gradient"}  # requested at a stage, but drawn on the pixels
_FEW: dict[str, dict[str, Any]] = {
    "integrated-gradients": {"steps": 8},
    "gradient-shap": {"samples": 8},
    "smoothgrad": {"samples": 4},
    "smoothgrad-squared": {"samples": 4},
    "vargrad": {"samples": 4},
    "score-cam": {"channels": 8},
    "occlusion": {"window": 48, "stride": 48},
    "rise": {"masks": 100},
    "kernel-shap": {"films": 32},
    "lime": {"films": 32},
    "layer-conductance": {"steps": 8},
    "internal-influence": {"steps": 8},
}


def quick(name: str) -> dict[str, Any]:
    """Settings of the method that cost few passes, and leave its map both its sides."""
    sides = {"signed": True} if methods[name].signed is None else {}
    return {**_FEW.get(name, {}), **sides}


def stage_for(name: str, network: Network) -> str | None:
    """The last stage that serves the method; None for methods of the film."""
    if not methods[name].layered:
        return None
    return next((each for each in reversed(network.stages) if not methods[name].fits(network, each)), None)
