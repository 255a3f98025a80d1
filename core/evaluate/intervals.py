"""95 % intervals by resampling patients, not films: films of one patient are no independent evidence."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

REPEATS = 1000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % percentile interval; NaN where it can't be had."""

    value: float
    low: float
    high: float

    def card(self) -> dict[str, float | None]:
        """As it stands in a card: rounded to four digits, null for NaN (JSON has none)."""
        return {name: None if np.isnan(value) else round(value, 4) for name, value in asdict(self).items()}


def bootstrap(
    figure: Callable[[NDArray[np.intp]], float],
    patients: NDArray[np.str_],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Estimate:
    """The figure on all films, with its interval over resampled patients.

    figure:   indices (n,) of films, some more than once, to a number; NaN resamples are left out.
    patients: (N,) the patient of each film.
    Source:   Efron and Tibshirani 1993, percentile interval; Field and Welsh 2007 for clusters.
    """
    chance = np.random.default_rng(seed)
    order = np.argsort(patients, kind="stable")
    films = np.split(order, np.unique(patients[order], return_index=True)[1][1:])
    drawn = []
    for _ in range(repeats):
        chosen = chance.integers(0, len(films), len(films))
        drawn.append(figure(np.concatenate([films[index] for index in chosen])))
    finite = [value for value in drawn if not np.isnan(value)]
    low, high = np.percentile(finite, (2.5, 97.5)) if finite else (np.nan, np.nan)
    return Estimate(figure(np.arange(len(patients))), float(low), float(high))
