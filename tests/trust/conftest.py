"""A gate that is fitted on drawn numbers instead of films."""

import numpy as np
import pytest

from core.trust.gate import WIDTH, Gate
from core.trust.gate_fit import fitted
from core.trust.not_frontal import KINDS


def strange_numbers(seed: int, count: int, *, away: float = 0.0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return (
        chance.standard_normal((count, 2 * WIDTH)) * 0.3 + chance.standard_normal((count, 4)) @ _AXES + away
    ).astype(np.float32)


_AXES = np.random.default_rng(9).standard_normal((4, 2 * WIDTH))


@pytest.fixture(scope="module")
def gate() -> Gate:
    kinds = np.repeat(np.arange(1, len(KINDS) + 1), 20)
    shifts = np.random.default_rng(1).standard_normal((len(KINDS) + 1, 2 * WIDTH)) * 3
    spoiled = (strange_numbers(2, len(kinds)) + shifts[kinds]).astype(np.float32)
    sources = np.array(["a", "b"] * 100)
    return fitted("sha", strange_numbers(0, 300), spoiled, kinds, strange_numbers(3, 200), sources)
