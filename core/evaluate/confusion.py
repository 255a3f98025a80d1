"""Counts of right and wrong predictions."""

import numpy as np
from numpy.typing import NDArray


def confusion(predicted: NDArray[np.integer], labels: NDArray[np.integer], findings: int) -> NDArray[np.int64]:
    """(F, F) counts: row is the label, column the prediction."""
    counts = np.zeros((findings, findings), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def sensitivity(predicted: NDArray[np.bool_], positive: NDArray[np.bool_]) -> float:
    """Sensitivity: share of the positive films that are called; NaN without any."""
    return float(predicted[positive].mean()) if positive.any() else float("nan")


def specificity(predicted: NDArray[np.bool_], positive: NDArray[np.bool_]) -> float:
    """Specificity: share of the negative films that are not called; NaN without any."""
    return float((~predicted[~positive]).mean()) if (~positive).any() else float("nan")


def balanced_accuracy(predicted: NDArray[np.bool_], truth: NDArray[np.bool_], *, multi_label: bool) -> float:
    """Balanced accuracy, 0 to 1.

    predicted, truth: (N, F) bool; in a single-label network each row has one True.
    Returns: single-label: the mean sensitivity over the findings that occur; multi-label: the mean over findings of
             (sensitivity + specificity) / 2, of those that occur and are missing somewhere. NaN without any.
    Source:  as scikit-learn's balanced_accuracy_score, to which a test holds it; this one takes (N, F).
    """
    rates = [sensitivity(predicted[:, index], truth[:, index]) for index in range(truth.shape[1])]
    if multi_label:
        others = [specificity(predicted[:, index], truth[:, index]) for index in range(truth.shape[1])]
        rates = [(rate + other) / 2 for rate, other in zip(rates, others, strict=True)]
    known = [rate for rate in rates if not np.isnan(rate)]
    return float(np.mean(known)) if known else float("nan")
