"""Ranking figures."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_curve


def auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, 0 to 1.

    scores:   (N,), higher means more likely positive.
    positive: (N,) bool.
    Returns:  NaN where only one class is present.
    Source:   Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747: the share of (positive, negative) pairs in
              the right order. By ranks it is the same as scikit-learn's, at a tenth of the time, which a bootstrap
              of thousands feels.
    """
    above = int(positive.sum())
    below = len(positive) - above
    if not above or not below:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - above * (above + 1) / 2) / (above * below))


def operating_point(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """The score from which a case counts as positive so that sensitivity + specificity is largest.

    Source: Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """
    false_rate, true_rate, thresholds = roc_curve(positive, scores)
    return float(np.clip(thresholds[(true_rate - false_rate).argmax()], 0, 1))
