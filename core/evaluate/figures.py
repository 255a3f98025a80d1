"""All figures of a set of predictions, each with its n and 95 % interval, in the card's format."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.estimate import Estimate
from core.evaluate.calibration import brier, expected_calibration_error, reliability, stated
from core.evaluate.confusion import balanced_accuracy, confusion
from core.evaluate.intervals import REPEATS, as_estimates, bands, bootstrap, proportion
from core.evaluate.predictions import LabelledPredictions
from core.evaluate.roc import FALSE_RATES, RECALLS, auc, precisions, true_rates

FEWEST = 5  # films with and without a finding; with fewer an AUC is meaningless

Numbers = NDArray[np.float64]


def figures(predictions: LabelledPredictions, *, repeats: int = REPEATS) -> dict[str, Any]:
    """The figures of one set.

    Returns: n, patients, accuracy, balanced_accuracy, macro_auc, ece, ece_before, brier: one estimate each;
             auc (with its number of positives), average_precision, sensitivity, specificity: finding -> estimate, the
             first two where FEWEST films have the finding and FEWEST do not, the others where the card has an
             operating point and there is a film to count;
             roc, precision_recall: finding -> columns of equal length; reliability: before and after temperature;
             confusion: counts.
    """
    result = _summary(predictions, repeats)
    result |= _curves(predictions, repeats)
    for name, positive in (("sensitivity", True), ("specificity", False)):
        rates = {
            finding: _rate(predictions, index, positive=positive, repeats=repeats)
            for index, finding in enumerate(predictions.findings)
            if finding in predictions.thresholds
        }
        result[name] = {finding: rate.card() for finding, rate in rates.items() if rate.n}
    result["reliability"] = {
        when: reliability(*stated(likely, predictions.truth, multi_label=predictions.multi_label))
        for when, likely in (("before", predictions.uncalibrated), ("after", predictions.probabilities))
    }
    result["confusion"] = counts(predictions)
    return result


def few_figures(predictions: LabelledPredictions, *, repeats: int = REPEATS) -> dict[str, Any]:
    """Figures of a part of the set: n, patients, accuracy, ece, auc{finding} and, where there is one, macro_auc."""
    indices = present(predictions)
    areas = (
        bands(lambda films: _areas(predictions, indices, films), predictions.patients, repeats=repeats)
        if indices
        else None
    )
    result: dict[str, Any] = _size(predictions) | {"accuracy": _accuracy(predictions, repeats).card()}
    result |= {"ece": _calibration(predictions, repeats).card(), "auc": {}}
    if areas is not None:
        estimates = as_estimates(areas, len(predictions))
        result["auc"] = _with_positives(predictions, indices, estimates[1:])
        result["macro_auc"] = estimates[0].card()
    return result


def within_sources(
    predictions: LabelledPredictions, sources: NDArray[np.str_], *, repeats: int = REPEATS
) -> dict[str, Any]:
    """Mean over the sources of the macro AUC within each: the source is constant there and reveals no label.

    sources: (N,) of the films. Only sources with films with and without a finding count (`present`).
    Returns: macro_auc, an estimate with the number of films in those sources, and their names; NaN without any.
    """
    inside = {str(name): sources == name for name in sorted(set(sources)) if name}
    parts = {name: (films, indices) for name, films in inside.items() if (indices := present(predictions.at(films)))}
    n = sum(int(films.sum()) for films, _ in parts.values())
    if not parts:
        return {"macro_auc": Estimate(np.nan, np.nan, np.nan, 0).card(), "sources": []}

    def mean(drawn: NDArray[np.intp]) -> float:
        areas = [_areas(predictions, indices, drawn[films[drawn]])[0] for films, indices in parts.values()]
        known = [area for area in areas if not np.isnan(area)]
        return float(np.mean(known)) if known else float("nan")

    value = bootstrap(mean, predictions.patients, repeats=repeats)
    return {"macro_auc": Estimate(value.value, value.low, value.high, n).card(), "sources": [*parts]}


def mean_within_sources(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean over the sources of several sets that share no patient, such as hospitals left out one at a time.

    parts:   each as `within_sources` gives it; those without sources do not count.
    Returns: as `within_sources`; the interval adds up the squared distances to the limits.
    Source:  Zou and Donner 2008, doi:10.1002/sim.3095 (MOVER, for sums of independent estimates).
    """
    counted = [part for part in parts if part["sources"]]
    sources = [source for part in counted for source in part["sources"]]
    if not sources:
        return {"macro_auc": Estimate(np.nan, np.nan, np.nan, 0).card(), "sources": []}
    weights = np.array([len(part["sources"]) for part in counted]) / len(sources)
    values, lows, highs = (
        np.array([part["macro_auc"][limit] for part in counted], float) for limit in ("value", "low", "high")
    )
    mean = float(weights @ values)
    below, above = (float(np.linalg.norm(weights * (values - limits))) for limits in (lows, highs))
    n = sum(part["macro_auc"]["n"] for part in counted)
    return {"macro_auc": Estimate(mean, mean - below, mean + above, n).card(), "sources": sources}


def present(predictions: LabelledPredictions) -> list[int]:
    """The findings that at least FEWEST films have and FEWEST do not."""
    positives = predictions.truth.sum(axis=0)
    return [index for index, count in enumerate(positives) if FEWEST <= count <= len(predictions) - FEWEST]


def counts(predictions: LabelledPredictions) -> Any:
    """Single-label: (F, F) counts, the row is the label and the column the prediction. Multi-label: per finding
    [[true negatives, false positives], [false negatives, true positives]].
    """
    size = len(predictions.findings)
    if not predictions.multi_label:
        return confusion(predictions.predicted.argmax(axis=1), predictions.truth.argmax(axis=1), size).tolist()
    return {
        finding: confusion(
            predictions.predicted[:, index].astype(int), predictions.truth[:, index].astype(int), 2
        ).tolist()
        for index, finding in enumerate(predictions.findings)
    }


def _size(predictions: LabelledPredictions) -> dict[str, Any]:
    return {"n": len(predictions), "patients": len(np.unique(predictions.patients))}


def _summary(predictions: LabelledPredictions, repeats: int) -> dict[str, Any]:
    multi_label, truth = predictions.multi_label, predictions.truth
    after, before = (
        stated(likely, truth, multi_label=multi_label)
        for likely in (predictions.probabilities, predictions.uncalibrated)
    )
    claims = len(after[0]) // len(predictions)  # per film: one, or one per finding

    def errors(films: NDArray[np.intp]) -> Numbers:
        own = (films[:, None] * claims + np.arange(claims)).ravel()
        return np.array(
            [
                balanced_accuracy(predictions.predicted[films], truth[films], multi_label=multi_label),
                expected_calibration_error(after[0][own], after[1][own]),
                expected_calibration_error(before[0][own], before[1][own]),
                brier(predictions.probabilities[films], truth[films], multi_label=multi_label),
            ]
        )

    names = ("balanced_accuracy", "ece", "ece_before", "brier")
    drawn = bands(errors, predictions.patients, repeats=repeats, biased=(names.index("ece"), names.index("ece_before")))
    estimates = as_estimates(drawn, len(predictions))
    return {
        **_size(predictions),
        "accuracy": _accuracy(predictions, repeats).card(),
        **{name: estimate.card() for name, estimate in zip(names, estimates, strict=True)},
    }


def _curves(predictions: LabelledPredictions, repeats: int) -> dict[str, Any]:
    """AUCs and curves from the same resamples, so that bands and intervals agree."""
    indices = present(predictions)
    wide = len(FALSE_RATES)

    def every(films: NDArray[np.intp]) -> Numbers:
        parts = [_areas(predictions, indices, films)]
        for index in indices:
            likely, positive = predictions.probabilities[films, index], predictions.truth[films, index]
            precision, average = precisions(likely, positive)
            parts += [np.array([average]), true_rates(likely, positive), precision]
        return np.concatenate(parts)

    nothing = Estimate(np.nan, np.nan, np.nan, len(predictions)).card()
    result: dict[str, Any] = {
        "macro_auc": nothing,
        "auc": {},
        "average_precision": {},
        "roc": {},
        "precision_recall": {},
    }
    if not indices:
        return result
    drawn = bands(every, predictions.patients, repeats=repeats)
    areas = as_estimates(_part(drawn, 0, 1 + len(indices)), len(predictions))
    result["macro_auc"] = areas[0].card()
    result["auc"] = _with_positives(predictions, indices, areas[1:])
    for place, index in enumerate(indices):
        finding = predictions.findings[index]
        start = 1 + len(indices) + place * (1 + wide + len(RECALLS))
        (average,) = as_estimates(_part(drawn, start, start + 1), len(predictions))
        result["average_precision"][finding] = average.card()
        roc, recall = start + 1, start + 1 + wide
        result["roc"][finding] = _columns("fpr", FALSE_RATES, "tpr", _part(drawn, roc, recall))
        precision = _part(drawn, recall, recall + len(RECALLS))
        result["precision_recall"][finding] = _columns("recall", RECALLS, "precision", precision)
    return result


def _areas(predictions: LabelledPredictions, indices: list[int], films: NDArray[np.intp]) -> Numbers:
    """The mean of the areas, then each."""
    each = [auc(predictions.probabilities[films, index], predictions.truth[films, index]) for index in indices]
    return np.array([np.mean(each), *each])


def _with_positives(predictions: LabelledPredictions, indices: list[int], areas: list[Estimate]) -> dict[str, Any]:
    positives = predictions.truth.sum(axis=0)
    return {
        predictions.findings[index]: {**area.card(), "positives": int(positives[index])}
        for index, area in zip(indices, areas, strict=True)
    }


def _accuracy(predictions: LabelledPredictions, repeats: int) -> Estimate:
    return proportion((predictions.predicted == predictions.truth).all(axis=1), predictions.patients, repeats=repeats)


def _calibration(predictions: LabelledPredictions, repeats: int) -> Estimate:
    """Calibration error after temperature."""
    confidence, right = stated(predictions.probabilities, predictions.truth, multi_label=predictions.multi_label)
    claims = len(confidence) // len(predictions)  # per film: one, or one for each finding

    def error(films: NDArray[np.intp]) -> Numbers:
        own = (films[:, None] * claims + np.arange(claims)).ravel()
        return np.array([expected_calibration_error(confidence[own], right[own])])

    (estimate,) = as_estimates(bands(error, predictions.patients, repeats=repeats, biased=(0,)), len(predictions))
    return estimate


def _rate(predictions: LabelledPredictions, index: int, *, positive: bool, repeats: int) -> Estimate:
    """Sensitivity (positive) or specificity of one finding at its operating point, on the films it counts over."""
    chosen = predictions.truth[:, index] == positive
    above = predictions.probabilities[chosen, index] >= predictions.thresholds[predictions.findings[index]]
    return proportion(above == positive, predictions.patients[chosen], repeats=repeats)


def _part(drawn: tuple[Numbers, Numbers, Numbers], start: int, stop: int) -> tuple[Numbers, Numbers, Numbers]:
    value, low, high = drawn
    return value[start:stop], low[start:stop], high[start:stop]


def _columns(
    across: str, points: Numbers, upward: str, drawn: tuple[Numbers, Numbers, Numbers]
) -> dict[str, list[float]]:
    columns = zip((across, upward, "low", "high"), (points, *drawn), strict=True)
    return {name: [round(float(value), 4) for value in values] for name, values in columns}
