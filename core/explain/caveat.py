"""Maps that must not be read as they stand: not a number, flat, or of a finding that the network does not see."""

import numpy as np

from core.explain.method import Method
from core.models.findings import words
from core.types import Heat

UNLIKELY = 0.01  # probability below which a map is of something that the network does not see
_FLAT = 1e-6  # of the peak: what varies less is one value everywhere
_DEAD = 1e-12  # gradients this small are none


def caveat(heat: Heat, method: Method, *, finding: str, probability: float, signed: bool) -> tuple[str, bool]:
    """The sentence that stands beside the map, empty where there is none; and whether it must not be drawn at all.

    heat: (h, w), raw. probability: of the finding, 0 to 1.
    """
    name = words(finding)
    bad = int(heat.size - np.isfinite(heat).sum())
    if bad:
        return (
            f"{bad} of the {heat.size} values of this map are no numbers, so it is not drawn. "
            "The network overflows on this film: try another method, or float32.",
            True,
        )
    if not np.isfinite(probability):
        return (
            f"The network's probability of {name} is no number, so its map is not drawn. Its weights are broken.",
            True,
        )
    peak = float(np.abs(heat).max(initial=0.0))
    if peak <= _DEAD:
        if method.needs == "images":
            reason = (
                f"The gradient of {name} is zero everywhere: the network does not answer to any small change of this "
                "film (dead or saturated units)."
            )
        elif signed:
            reason = f"Nothing in this map speaks for {name} or against it; film and baseline may be alike."
        else:
            reason = f"Nothing in this map speaks for {name}: every place counts against it or not at all."
        return f"{reason} There is nothing to draw.", True
    if float(np.ptp(heat)) <= _FLAT * peak:
        return "The map has the same value everywhere: it singles out no place, so it is not drawn.", True
    if not method.specific:
        return "", False  # it does not claim to explain the finding
    if probability < UNLIKELY:
        return (
            f"The network gives {name} a probability of {probability:.3f}: this map shows what little speaks for a "
            "finding that it does not see. Do not read it as a sign of one.",
            False,
        )
    if probability > 1 - 1e-4:
        return (
            f"The probability of {name} is saturated ({probability:.5f}): a place may lose all its heat and the "
            "answer stays. The map tells of the score before that.",
            False,
        )
    return "", False
