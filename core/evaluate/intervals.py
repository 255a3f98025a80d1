"""95 % intervals: over resampled patients, since films of one patient are not independent; or Wilson's."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from core.estimate import Estimate

REPEATS = 1000
_TAILS = (2.5, 97.5)  # per cent


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
    value, low, high = bands(lambda films: np.array([figure(films)]), patients, repeats=repeats, seed=seed)
    return Estimate(float(value[0]), float(low[0]), float(high[0]), len(patients))


def estimates(
    figures: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    patients: NDArray[np.str_],
    *,
    repeats: int = REPEATS,
    biased: Sequence[int] = (),
) -> list[Estimate]:
    """Many figures of the same resamples, each with its interval; parameters as `bands`."""
    drawn = bands(figures, patients, repeats=repeats, biased=biased)
    return as_estimates(drawn, len(patients))


def as_estimates(drawn: tuple[NDArray[np.float64], ...], n: int) -> list[Estimate]:
    """Value, low, high of M figures, each (M,), on n films."""
    return [Estimate(float(value), float(low), float(high), n) for value, low, high in zip(*drawn, strict=True)]


def bands(
    figures: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    patients: NDArray[np.str_],
    *,
    repeats: int = REPEATS,
    seed: int = 0,
    biased: Sequence[int] = (),
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Many figures of the same resamples at once.

    figures: indices (n,) of films to (M,) numbers; a NaN is left out for its own figure only.
    biased:  non-negative figures that resamples overstate: a film drawn twice makes a bin noisier and its calibration
             error larger. Their intervals are shifted down by the mean excess of the resamples (Efron and Tibshirani
             1993, section 10.2), otherwise they might not include the value.
    Returns: value, low, high, each (M,); low and high NaN if no resample is finite.
    """
    chance = np.random.default_rng(seed)
    order = np.argsort(patients, kind="stable")
    _, starts, lengths = np.unique(patients[order], return_index=True, return_counts=True)
    drawn = np.array(
        [figures(order[_spans(starts, lengths, chance.integers(0, len(starts), len(starts)))]) for _ in range(repeats)]
    )
    low, high = (np.full(drawn.shape[1], np.nan) for _ in range(2))
    had = ~np.isnan(drawn).all(axis=0)
    if had.any():
        low[had], high[had] = np.nanpercentile(drawn[:, had], _TAILS, axis=0)
    value = figures(np.arange(len(patients)))
    for index in biased:
        above = drawn[:, index].mean() - value[index]
        low[index], high[index] = max(low[index] - above, 0.0), high[index] - above
    return value, low, high


def proportion(hits: NDArray[np.bool_], patients: NDArray[np.str_], *, repeats: int = REPEATS) -> Estimate:
    """The share of hits: Wilson's interval where each patient has one film here, else over resampled patients.

    hits:    (N,) bool; NaN where N is 0.
    Source:  Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not len(hits):
        return Estimate(np.nan, np.nan, np.nan, 0)
    if len(np.unique(patients)) < len(patients):
        return bootstrap(lambda films: float(hits[films].mean()), patients, repeats=repeats)
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return Estimate(float(hits.mean()), float(interval.low), float(interval.high), len(hits))


def _spans(starts: NDArray[np.intp], lengths: NDArray[np.intp], chosen: NDArray[np.int64]) -> NDArray[np.intp]:
    """The positions start, start + 1, ... of each chosen span, one span after another."""
    sizes = lengths[chosen]
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts[chosen] - before, sizes) + np.arange(int(sizes.sum()))
