"""A linear classifier on a stage's averaged units, and its cross-validation folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BadData
from core.types import seal

_FOLDS = 5
_NEVER = -50.0  # log odds of a class without a training film
_STEPS = 5000

Indices = NDArray[np.intp]
LabelArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """weights (C, K) and bias (C,) of C classes over K units; exclusive: whether the probabilities add up to 1."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    exclusive: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", seal(self.weights))
        object.__setattr__(self, "bias", seal(self.bias))

    def says(self, units: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) probabilities for units (N, K), with equally common classes assumed."""
        from scipy.special import expit, softmax

        logits = units.astype(np.float64) @ self.weights.T + self.bias
        shares = softmax(logits, axis=1) if self.exclusive else expit(logits)
        return np.asarray(shares, np.float32)


def fit(units: NDArray[np.float32], truth: LabelArray, *, exclusive: bool) -> LinearProbe:
    """A logistic regression on standardised units (N, K) for the classes (N, C), with balanced class weights.

    exclusive: True for one regression over all classes, False for one per class.

    The L2 penalty is scikit-learn's default (C = 1).
    """
    from sklearn.preprocessing import StandardScaler  # imported late: it takes half a second

    scaler = StandardScaler().fit(units)
    scaled = scaler.transform(units)
    if exclusive:
        weights, bias = _solved(scaled, truth.argmax(axis=1), truth.shape[1])
    else:
        both = [_solved(scaled, column.astype(np.intp), 2) for column in truth.T]
        weights = np.stack([pair[1] - pair[0] for pair, _ in both])
        bias = np.array([offset[1] - offset[0] for _, offset in both])
    weights = weights / scaler.scale_
    return LinearProbe(weights.astype(np.float32), (bias - weights @ scaler.mean_).astype(np.float32), exclusive)


def folds(
    truth: LabelArray, patients: NDArray[np.str_], *, seed: int, exclusive: bool
) -> list[tuple[Indices, Indices]]:
    """(training, test) indices of each fold; no patient is on both sides, and classes are stratified.

    Raises: BadData if a class has a single patient.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    people = [len(set(patients[column])) for column in truth.T]
    count = min(_FOLDS, *people, len(set(patients)))
    if count < 2:
        raise BadData("All films with one of the findings are of one patient, so they cannot be divided. Give others.")
    if exclusive or truth.shape[1] == 1:
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    else:
        splitter = GroupKFold(count, shuffle=True, random_state=seed)
    kinds = truth.argmax(axis=1) if exclusive else truth[:, 0]
    return [(learned, test) for learned, test in splitter.split(truth, kinds, groups=patients)]


def _solved(scaled: NDArray[np.float64], kinds: Indices, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(count, K) weights and (count,) bias for classes 0 to count - 1; a class without a film is never predicted."""
    from sklearn.linear_model import LogisticRegression

    weights, bias = np.zeros((count, scaled.shape[1])), np.full(count, _NEVER)
    there = np.unique(kinds)
    if len(there) == 1:
        bias[there] = 0.0
        return weights, bias
    model = LogisticRegression(class_weight="balanced", max_iter=_STEPS).fit(scaled, kinds)
    bias[there] = 0.0
    own = there[1:] if len(there) == 2 else there
    weights[own], bias[own] = model.coef_, model.intercept_
    return weights, bias
