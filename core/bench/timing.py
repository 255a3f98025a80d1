"""Timing in turns: each case runs next to its reference, so that other load on the machine affects both."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

_WARM_UP = 2  # rounds that do not count


@dataclass(frozen=True)
class TimedCall:
    """One timed call.

    bare:  its reference; None for the bare forward pass of the whole table.
    times: how many runs of `bare` make up the reference.
    """

    name: str
    run: Callable[[], object]
    bare: Callable[[], object] | None = None
    times: float = 1.0


@dataclass(frozen=True)
class Timing:
    """A case as a multiple of its reference: the median of pairs, their quartiles, and its own time."""

    ratio: float
    quartiles: tuple[float, float] | None
    ms: float
    bare_ms: float

    @property
    def card(self) -> dict[str, Any]:
        """For JSON."""
        spread = {"quartiles": list(self.quartiles)} if self.quartiles else {}
        return {"ratio": self.ratio, "ms": self.ms, **spread}


def timed(
    bare: Callable[[], object], cases: Sequence[TimedCall], *, repeats: int, warm_up: int = _WARM_UP
) -> dict[str, Timing]:
    """Each case as a multiple of its own `bare` or of the common one, timed in turns, round after round."""
    pairs: dict[str, list[tuple[float, float]]] = {case.name: [] for case in cases}
    for _ in tqdm(range(warm_up + repeats), desc="timing", unit="round", disable=None):
        for case in cases:
            pairs[case.name].append((case.times * seconds(case.bare or bare), seconds(case.run)))
    return {name: _timing(measured[warm_up:]) for name, measured in pairs.items()}


def seconds(call: Callable[[], object]) -> float:
    """The duration of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def milliseconds(call: Callable[[], object], repeats: int) -> float:
    """The median duration of several calls."""
    return round(1000 * statistics.median(seconds(call) for _ in range(repeats)), 1)


def _timing(pairs: Sequence[tuple[float, float]]) -> Timing:
    ratios = [second / first for first, second in pairs]
    quartiles = None
    if len(ratios) > 1:
        low, _, high = statistics.quantiles(ratios, n=4)
        quartiles = round(low, 3), round(high, 3)
    return Timing(
        ratio=round(statistics.median(ratios), 3),
        quartiles=quartiles,
        ms=round(1000 * statistics.median(second for _, second in pairs), 1),
        bare_ms=round(1000 * statistics.median(first for first, _ in pairs), 1),
    )
