"""Performance from counts of films per bin of the probability: exact to a thousandth, whatever the number of films."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from core.cohort.table import BINS, ScoreCounts
from core.estimate import Estimate

_LEAST = 5  # films with the finding, and without it, for an area under the curve
_Z = 1.959964  # 95 %, both sides

Curve = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rates:
    """Curves over the thresholds 0, 1/BINS, ..., 1: (BINS + 1,) each; a film at the threshold counts as called."""

    thresholds: Curve
    sensitivity: Curve
    specificity: Curve
    precision: Curve


@dataclass(frozen=True)
class OperatingPoint:
    """The figures at one threshold. Counts are of films; predictive values are at a chosen prevalence."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    sensitivity: Estimate
    specificity: Estimate
    positive_predictive_value: Estimate
    negative_predictive_value: Estimate


def rates(counts: ScoreCounts) -> Rates:
    """Sensitivity, specificity and precision at every threshold; NaN where there is no film to count."""
    called_positive = _from_above(counts.positives)
    called_negative = _from_above(counts.negatives)
    positives, negatives = counts.positives.sum(), counts.negatives.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return Rates(
            np.arange(BINS + 1) / BINS,
            called_positive / positives,
            1 - called_negative / negatives,
            called_positive / (called_positive + called_negative),
        )


def auc(counts: ScoreCounts) -> Estimate:
    """Area under the ROC curve with DeLong's 95 % interval; NaN with fewer than five films of either kind.

    Films count as independent. Source: DeLong et al. 1988, doi:10.2307/2531595.
    """
    positives, negatives = int(counts.positives.sum()), int(counts.negatives.sum())
    total = positives + negatives
    if min(positives, negatives) < _LEAST:
        return Estimate(np.nan, np.nan, np.nan, total)
    below = (np.cumsum(counts.negatives) - counts.negatives / 2) / negatives  # of each positive: negatives under it
    above = 1 - (np.cumsum(counts.positives) - counts.positives / 2) / positives
    area = float((below * counts.positives).sum() / positives)
    variance = float((counts.positives * (below - area) ** 2).sum() / (positives - 1) / positives)
    variance += float((counts.negatives * (above - area) ** 2).sum() / (negatives - 1) / negatives)
    reach = _Z * float(np.sqrt(variance))
    return Estimate(area, max(0.0, area - reach), min(1.0, area + reach), total)


def average_precision(counts: ScoreCounts) -> float:
    """Mean precision over the films with the finding, ties within a bin together; NaN without any."""
    if not counts.positives.sum():
        return float("nan")
    curve = rates(counts)
    gained = -np.diff(curve.sensitivity)
    return float(np.nansum(gained * np.nan_to_num(curve.precision[:-1])))


def operating_point(counts: ScoreCounts, threshold: float, *, prevalence: float | None = None) -> OperatingPoint:
    """The figures at a threshold (rounded to a thousandth), with Wilson's 95 % intervals.

    prevalence: for the predictive values; None for that of the films. Their intervals come from those of sensitivity
                and specificity, each bound from the worse of both, so they are too wide rather than too narrow.
    """
    place = round(threshold * BINS)
    true, false = int(counts.positives[place:].sum()), int(counts.negatives[place:].sum())
    missed, right = int(counts.positives[:place].sum()), int(counts.negatives[:place].sum())
    sensitivity, specificity = proportion(true, true + missed), proportion(right, right + false)
    films = true + missed + right + false
    if prevalence is None:
        positive, negative = proportion(true, true + false), proportion(right, right + missed)
    else:
        positive = _by_bayes(sensitivity, specificity, prevalence, films)
        negative = _by_bayes(specificity, sensitivity, 1 - prevalence, films)
    return OperatingPoint(true, false, missed, right, sensitivity, specificity, positive, negative)


def net_benefit(curve: Rates, prevalence: float) -> tuple[Curve, Curve]:
    """(BINS,) net benefit of the model and of calling every film, at the thresholds below 1.

    Source: Vickers and Elkin 2006, doi:10.1177/0272989X06295361.
    """
    odds = curve.thresholds[:-1] / (1 - curve.thresholds[:-1])
    model = curve.sensitivity[:-1] * prevalence - (1 - curve.specificity[:-1]) * (1 - prevalence) * odds
    return model, prevalence - (1 - prevalence) * odds


def calibration(counts: ScoreCounts, *, bins: int = 10) -> list[tuple[float, Estimate]]:
    """(mean probability, share of films with the finding) in equal bins that hold films; Wilson's intervals."""
    films = (counts.positives + counts.negatives).reshape(bins, -1).sum(axis=1)
    positives = counts.positives.reshape(bins, -1).sum(axis=1)
    sums = counts.sums.reshape(bins, -1).sum(axis=1)
    return [
        (float(total / number), proportion(int(hits), int(number)))
        for number, hits, total in zip(films, positives, sums, strict=True)
        if number
    ]


def proportion(hits: int, films: int) -> Estimate:
    """The share with Wilson's interval; NaN without films. Source: Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    if not films:
        return Estimate(np.nan, np.nan, np.nan, 0)
    interval = binomtest(hits, films).proportion_ci(method="wilson")
    return Estimate(hits / films, float(interval.low), float(interval.high), films)


def _by_bayes(hit: Estimate, other: Estimate, prevalence: float, films: int) -> Estimate:
    """The predictive value of a call, from its hit rate and the rate at which the other call is right."""

    def value(hit: float, other: float) -> float:
        called = hit * prevalence + (1 - other) * (1 - prevalence)
        return hit * prevalence / called if called > 0 else float("nan")

    return Estimate(value(hit.value, other.value), value(hit.low, other.low), value(hit.high, other.high), films)


def _from_above(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(BINS + 1,) films at or above each threshold."""
    return np.concatenate([counts[::-1].cumsum()[::-1], [0]])
