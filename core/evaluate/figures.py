"""All figures of a set of answers, each with its n and 95 % interval, as they stand in a card."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.estimate import Estimate
from core.evaluate.answers import Answers
from core.evaluate.calibration import brier, expected_calibration_error, reliability, stated
from core.evaluate.confusion import balanced_accuracy, confusion
from core.evaluate.intervals import REPEATS, bands, bootstrap, proportion
from core.evaluate.roc import FALSE_RATES, RECALLS, auc, precisions, true_rates

FEWEST = 5  # films with and without a finding; with fewer an area under the curve says nothing

Numbers = NDArray[np.float64]


def figures(answers: Answers, *, repeats: int = REPEATS) -> dict[str, Any]:
    """The figures of one set.

    Returns: n, patients, accuracy, balanced_accuracy, macro_auc, ece, ece_before, brier: one estimate each;
             auc (with its number of positives), average_precision, sensitivity, specificity: finding -> estimate, the
             first two where FEWEST films have the finding and FEWEST have not, the others where the card has an
             operating point and there is a film to count;
             roc, precision_recall: finding -> columns of equal length; reliability: before and after temperature;
             confusion: counts.
    """
    found = _summary(answers, repeats)
    found |= _curves(answers, repeats)
    for name, positive in (("sensitivity", True), ("specificity", False)):
        rates = {
            finding: _rate(answers, index, positive=positive, repeats=repeats)
            for index, finding in enumerate(answers.findings)
            if finding in answers.thresholds
        }
        found[name] = {finding: rate.card() for finding, rate in rates.items() if rate.n}
    found["reliability"] = {
        when: reliability(*stated(likely, answers.truth, multi_label=answers.multi_label))
        for when, likely in (("before", answers.before), ("after", answers.likely))
    }
    found["confusion"] = counts(answers)
    return found


def few_figures(answers: Answers, *, repeats: int = REPEATS) -> dict[str, Any]:
    """Figures of a part of the set: n, patients, accuracy, ece, auc{finding} and, where there is one, macro_auc."""
    indices = present(answers)
    areas = bands(lambda films: _areas(answers, indices, films), answers.patients, repeats=repeats) if indices else None
    found: dict[str, Any] = _size(answers) | {"accuracy": _accuracy(answers, repeats).card()}
    found |= {"ece": _calibration(answers, repeats).card(), "auc": {}}
    if areas is not None:
        estimates = _estimates(areas, len(answers))
        found["auc"] = _with_positives(answers, indices, estimates[1:])
        found["macro_auc"] = estimates[0].card()
    return found


def within_sources(answers: Answers, sources: NDArray[np.str_], *, repeats: int = REPEATS) -> dict[str, Any]:
    """Mean over the sources of the macro AUC within each: the source, which is the same there, betrays no label.

    sources: (N,) of the films. Only sources in which a finding can be told from another count (`present`).
    Returns: macro_auc, an estimate with the number of films in those sources, and which they are; without any,
             macro_auc of no number.
    """
    inside = {str(name): sources == name for name in sorted(set(sources)) if name}
    parts = {name: (films, indices) for name, films in inside.items() if (indices := present(answers.at(films)))}
    n = sum(int(films.sum()) for films, _ in parts.values())
    if not parts:
        return {"macro_auc": Estimate(np.nan, np.nan, np.nan, 0).card(), "sources": []}

    def mean(drawn: NDArray[np.intp]) -> float:
        areas = [_areas(answers, indices, drawn[films[drawn]])[0] for films, indices in parts.values()]
        known = [area for area in areas if not np.isnan(area)]
        return float(np.mean(known)) if known else float("nan")

    value = bootstrap(mean, answers.patients, repeats=repeats)
    return {"macro_auc": Estimate(value.value, value.low, value.high, n).card(), "sources": [*parts]}


def present(answers: Answers) -> list[int]:
    """The findings that at least FEWEST films have and FEWEST have not."""
    positives = answers.truth.sum(axis=0)
    return [index for index, count in enumerate(positives) if FEWEST <= count <= len(answers) - FEWEST]


def counts(answers: Answers) -> Any:
    """Single-label: (F, F) counts, the row is the label and the column what was said. Multi-label: for each finding
    [[neither, said without being there], [there without being said, both]]."""
    size = len(answers.findings)
    if not answers.multi_label:
        return confusion(answers.said.argmax(axis=1), answers.truth.argmax(axis=1), size).tolist()
    return {
        finding: confusion(answers.said[:, index].astype(int), answers.truth[:, index].astype(int), 2).tolist()
        for index, finding in enumerate(answers.findings)
    }


def _size(answers: Answers) -> dict[str, Any]:
    return {"n": len(answers), "patients": len(np.unique(answers.patients))}


def _summary(answers: Answers, repeats: int) -> dict[str, Any]:
    multi_label, truth = answers.multi_label, answers.truth
    after, before = (stated(likely, truth, multi_label=multi_label) for likely in (answers.likely, answers.before))
    claims = len(after[0]) // len(answers)  # a film: one, or one for each finding

    def errors(films: NDArray[np.intp]) -> Numbers:
        own = (films[:, None] * claims + np.arange(claims)).ravel()
        return np.array(
            [
                balanced_accuracy(answers.said[films], truth[films], multi_label=multi_label),
                expected_calibration_error(after[0][own], after[1][own]),
                expected_calibration_error(before[0][own], before[1][own]),
                brier(answers.likely[films], truth[films], multi_label=multi_label),
            ]
        )

    names = ("balanced_accuracy", "ece", "ece_before", "brier")
    drawn = bands(errors, answers.patients, repeats=repeats, biased=(names.index("ece"), names.index("ece_before")))
    estimates = _estimates(drawn, len(answers))
    return {
        **_size(answers),
        "accuracy": _accuracy(answers, repeats).card(),
        **{name: estimate.card() for name, estimate in zip(names, estimates, strict=True)},
    }


def _curves(answers: Answers, repeats: int) -> dict[str, Any]:
    """Areas and curves of the same resamples, so that a curve's band and its area's interval agree."""
    indices = present(answers)
    wide = len(FALSE_RATES)

    def every(films: NDArray[np.intp]) -> Numbers:
        parts = [_areas(answers, indices, films)]
        for index in indices:
            likely, positive = answers.likely[films, index], answers.truth[films, index]
            precision, average = precisions(likely, positive)
            parts += [np.array([average]), true_rates(likely, positive), precision]
        return np.concatenate(parts)

    nothing = Estimate(np.nan, np.nan, np.nan, len(answers)).card()
    found: dict[str, Any] = {
        "macro_auc": nothing,
        "auc": {},
        "average_precision": {},
        "roc": {},
        "precision_recall": {},
    }
    if not indices:
        return found
    drawn = bands(every, answers.patients, repeats=repeats)
    areas = _estimates(_part(drawn, 0, 1 + len(indices)), len(answers))
    found["macro_auc"] = areas[0].card()
    found["auc"] = _with_positives(answers, indices, areas[1:])
    for place, index in enumerate(indices):
        finding = answers.findings[index]
        start = 1 + len(indices) + place * (1 + wide + len(RECALLS))
        (average,) = _estimates(_part(drawn, start, start + 1), len(answers))
        found["average_precision"][finding] = average.card()
        roc, recall = start + 1, start + 1 + wide
        found["roc"][finding] = _columns("fpr", FALSE_RATES, "tpr", _part(drawn, roc, recall))
        precision = _part(drawn, recall, recall + len(RECALLS))
        found["precision_recall"][finding] = _columns("recall", RECALLS, "precision", precision)
    return found


def _areas(answers: Answers, indices: list[int], films: NDArray[np.intp]) -> Numbers:
    """The mean of the areas, then each."""
    each = [auc(answers.likely[films, index], answers.truth[films, index]) for index in indices]
    return np.array([np.mean(each), *each])


def _with_positives(answers: Answers, indices: list[int], areas: list[Estimate]) -> dict[str, Any]:
    positives = answers.truth.sum(axis=0)
    return {
        answers.findings[index]: {**area.card(), "positives": int(positives[index])}
        for index, area in zip(indices, areas, strict=True)
    }


def _accuracy(answers: Answers, repeats: int) -> Estimate:
    return proportion((answers.said == answers.truth).all(axis=1), answers.patients, repeats=repeats)


def _calibration(answers: Answers, repeats: int) -> Estimate:
    """Calibration error after temperature."""
    confidence, right = stated(answers.likely, answers.truth, multi_label=answers.multi_label)
    claims = len(confidence) // len(answers)  # per film: one, or one for each finding

    def error(films: NDArray[np.intp]) -> Numbers:
        own = (films[:, None] * claims + np.arange(claims)).ravel()
        return np.array([expected_calibration_error(confidence[own], right[own])])

    (estimate,) = _estimates(bands(error, answers.patients, repeats=repeats, biased=(0,)), len(answers))
    return estimate


def _rate(answers: Answers, index: int, *, positive: bool, repeats: int) -> Estimate:
    """Sensitivity (positive) or specificity of one finding at its operating point, on the films it counts over."""
    chosen = answers.truth[:, index] == positive
    above = answers.likely[chosen, index] >= answers.thresholds[answers.findings[index]]
    return proportion(above == positive, answers.patients[chosen], repeats=repeats)


def _estimates(drawn: tuple[Numbers, Numbers, Numbers], n: int) -> list[Estimate]:
    return [Estimate(float(value), float(low), float(high), n) for value, low, high in zip(*drawn, strict=True)]


def _part(drawn: tuple[Numbers, Numbers, Numbers], start: int, stop: int) -> tuple[Numbers, Numbers, Numbers]:
    value, low, high = drawn
    return value[start:stop], low[start:stop], high[start:stop]


def _columns(
    across: str, points: Numbers, upward: str, drawn: tuple[Numbers, Numbers, Numbers]
) -> dict[str, list[float]]:
    columns = zip((across, upward, "low", "high"), (points, *drawn), strict=True)
    return {name: [round(float(value), 4) for value in values] for name, values in columns}
