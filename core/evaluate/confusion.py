"""Right and wrong, counted."""

import numpy as np
from numpy.typing import NDArray


def confusion(predicted: NDArray[np.integer], labels: NDArray[np.integer], findings: int) -> NDArray[np.int64]:
    """(F, F) counts: row is the label, column what the network said."""
    counts = np.zeros((findings, findings), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def sensitivity(found: NDArray[np.bool_], positive: NDArray[np.bool_]) -> float:
    """Share of the positive films that are found; NaN where there are none."""
    return float(found[positive].mean()) if positive.any() else float("nan")


def specificity(found: NDArray[np.bool_], positive: NDArray[np.bool_]) -> float:
    """Share of the negative films that are not found; NaN where there are none."""
    return float((~found[~positive]).mean()) if (~positive).any() else float("nan")
