"""Maps that need a warning: not finite, flat, or of a finding that the network does not see."""

import numpy as np

from core.explain.method import Method
from core.models.findings import words
from core.types import Heat

UNLIKELY = 0.01  # probability below which the network does not see the finding
_FLAT = 1e-6  # share of the peak: a map that varies less is constant
_DEAD = 1e-12  # gradients this small count as zero


def caveat(heat: Heat, method: Method, *, finding: str, probability: float, signed: bool) -> tuple[str, bool]:
    """The warning beside the map, or ""; and whether the map must not be drawn at all.

    heat:        (h, w), raw.
    probability: of the finding, 0 to 1.
    """
    name = words(finding)
    bad = int(heat.size - np.isfinite(heat).sum())
    if bad:
        return (
            f"{bad} of the {heat.size} values of this map are not finite, so it is not drawn. "
            "The network overflows on this film: try another method, or float32.",
            True,
        )
    if not np.isfinite(probability):
        return (
            f"The network's probability of {name} is not a number, so its map is not drawn. Its weights are broken.",
            True,
        )
    peak = float(np.abs(heat).max(initial=0.0))
    if peak <= _DEAD:
        return f"{_why_zero(method, name, signed=signed)} There is nothing to draw.", True
    if float(np.ptp(heat)) <= _FLAT * peak:
        return "The map has the same value everywhere: it singles out no place, so it is not drawn.", True
    if not method.specific:
        return "", False  # it does not claim to explain the finding
    if probability < UNLIKELY:
        return (
            f"The network gives {name} a probability of {probability:.3f}: this map shows the weak evidence for a "
            "finding that it does not see. Do not read it as a sign of one.",
            False,
        )
    if probability > 1 - 1e-4:
        return (
            f"The probability of {name} is saturated ({probability:.5f}): hiding a hot place may not change it. The "
            "map explains the score before saturation.",
            False,
        )
    return "", False


def _why_zero(method: Method, name: str, *, signed: bool) -> str:
    """Why a map of zeros can arise; name: of the finding, in words."""
    if method.needs == "images":
        return (
            f"The gradient of {name} is zero everywhere: the network does not respond to any small change of this film "
            "(dead or saturated units)."
        )
    if signed:
        return f"Nothing in this map supports {name} or counts against it; film and baseline may be alike."
    return f"Nothing in this map supports {name}: every place counts against it or not at all."
