"""Ranking figures: areas under curves, and the curves."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import precision_recall_curve, roc_curve

# Points of the curves: 51 false-positive rates, denser where readers operate; 51 recalls.
FALSE_RATES = np.concatenate([np.linspace(0, 0.1, 20, endpoint=False), np.linspace(0.1, 1, 31)])
RECALLS = np.linspace(0, 1, 51)


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, 0 to 1.

    scores:   (N,), higher means more likely positive.
    positive: (N,) bool.
    Returns:  NaN where only one class is present.
    Source:   Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747: the share of (positive, negative) pairs in
              the right order. By ranks it equals scikit-learn's in a tenth of the time, which matters for the
              bootstrap.
    """
    above = int(positive.sum())
    below = len(positive) - above
    if not above or not below:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - above * (above + 1) / 2) / (above * below))


def operating_point(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """The score from which a case counts as positive so that sensitivity + specificity is largest.

    Source:   Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    false_rate, true_rate, thresholds = roc_curve(positive, scores)
    return float(np.clip(thresholds[(true_rate - false_rate).argmax()], 0, 1))


def true_rates(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(51,) the highest sensitivity at no more than each of FALSE_RATES: the ROC curve as a list of fixed length.

    NaN where only one class is present.
    """
    if positive.all() or not positive.any():
        return np.full(len(FALSE_RATES), np.nan)
    false_rate, true_rate, _ = roc_curve(positive, scores, drop_intermediate=False)
    reached: NDArray[np.float64] = true_rate[np.searchsorted(false_rate, FALSE_RATES + 1e-9, side="right") - 1]
    return reached


def precisions(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """(51,) the precision at the strictest threshold that reaches each of RECALLS, and the average precision, 0 to 1.

    NaN where only one class is present. The average precision is scikit-learn's, from the same curve.
    """
    if positive.all() or not positive.any():
        return np.full(len(RECALLS), np.nan), float("nan")
    precision, recall, _ = precision_recall_curve(positive, scores)
    precision, recall = precision[::-1], recall[::-1]
    reached: NDArray[np.float64] = precision[np.searchsorted(recall, RECALLS - 1e-9, side="left")]
    return reached, float((np.diff(recall) * precision[1:]).sum())
