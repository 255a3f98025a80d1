"""Significance tests of two networks on the same labelled films."""

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, rankdata

FEWEST = 5  # films with and without a finding; with fewer an AUC is meaningless
_NOTHING = math.nan


@dataclass(frozen=True)
class McNemar:
    """The films on which only one of two networks is right.

    n:           films with a label.
    first_right, second_right: films on which only this one is right.
    p:           probability of a split at least as uneven if both were equally good; NaN without a film.
    """

    n: int
    first_right: int
    second_right: int
    p: float

    def card(self) -> dict[str, float | int | None]:
        """As a JSON record."""
        return _strict(asdict(self))


@dataclass(frozen=True)
class DeLong:
    """Two areas under the ROC curve of the same films.

    n, positives:  films, and those with the finding.
    first, second: the areas, 0 to 1.
    difference, low, high: first minus second, with its 95 % interval.
    z, p:          the difference over its standard error, and its two-sided p value.
    reason:        why the figures are NaN, or empty.
    """

    n: int
    positives: int
    first: float = _NOTHING
    second: float = _NOTHING
    difference: float = _NOTHING
    low: float = _NOTHING
    high: float = _NOTHING
    z: float = _NOTHING
    p: float = _NOTHING
    reason: str = ""

    def card(self) -> dict[str, float | int | str | None]:
        """As a JSON record."""
        return {
            **_strict({name: value for name, value in asdict(self).items() if name != "reason"}),
            "reason": self.reason,
        }


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test; films on which both are right or both wrong do not count.

    first, second: (N,) whether each was right. Films count as independent of each other: several of one patient make
                   p too small.
    Source:        McNemar 1947, doi:10.1007/BF02295996; exact by the binomial distribution.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    split = only_first + only_second
    p = float(binomtest(only_first, split).pvalue) if split else 1.0
    return McNemar(len(first), only_first, only_second, p if len(first) else _NOTHING)


def delong(first: NDArray[np.floating], second: NDArray[np.floating], positive: NDArray[np.bool_]) -> DeLong:
    """DeLong's test for two areas under ROC curves of the same films.

    first, second: (N,) scores, higher means more likely positive.
    positive:      (N,) bool.
    Films count as independent of each other, as with `mcnemar`.
    Source: DeLong et al. 1988, doi:10.2307/2531595, by ranks: Sun and Xu 2014, doi:10.1109/LSP.2014.2337313.
    """
    n, positives = len(positive), int(positive.sum())
    negatives = n - positives
    if min(positives, negatives) < FEWEST:
        return DeLong(
            n, positives, reason=f"{positives} films have it and {negatives} do not; {FEWEST} of each are needed."
        )
    with_it, without = zip(*(_components(each, positive) for each in (first, second)), strict=True)
    one, other = (float(each.mean()) for each in with_it)
    covariance = np.cov(with_it) / positives + np.cov(without) / negatives
    error = math.sqrt(max(0.0, float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])))
    difference = round(one - other, 12)
    if error <= 1e-12:
        if not difference:
            return DeLong(n, positives, one, other, 0.0, 0.0, 0.0, 0.0, 1.0)
        return DeLong(n, positives, one, other, difference, reason="The areas do not vary from film to film.")
    reach = float(norm.ppf(0.975)) * error
    z = difference / error
    p = float(2 * norm.sf(abs(z)))
    return DeLong(n, positives, one, other, difference, difference - reach, difference + reach, z, p)


def _components(
    scores: NDArray[np.floating], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each film with the finding, the share of films without it that score lower, ties half; for each film without
    it, the share of films with it that score higher."""
    ranks = rankdata(scores)
    within = rankdata(scores[positive]), rankdata(scores[~positive])
    above, below = int(positive.sum()), int((~positive).sum())
    return (ranks[positive] - within[0]) / below, 1 - (ranks[~positive] - within[1]) / above


def _strict(values: dict[str, float | int]) -> dict[str, float | int | None]:
    return {
        name: value if isinstance(value, int) else None if math.isnan(value) else float(f"{value:.4g}")
        for name, value in values.items()
    }
