"""Predictions of labelled films, with the truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.models.classifier import probabilities
from core.types import Checkpoint

_EVEN = 0.5  # operating point of a multi-label network whose card has none


@dataclass(frozen=True, eq=False)
class LabelledPredictions:
    """N films, F findings.

    truth:         (N, F) bool; in a single-label network each row has one True.
    probabilities: (N, F) after temperature.
    uncalibrated:  the same without temperature.
    predicted:     (N, F) bool: the most likely finding of a single-label network, all above their operating point of
                   a multi-label one.
    thresholds:    the card's operating points.
    patients:      (N,) the patient of each film.
    """

    findings: tuple[str, ...]
    multi_label: bool
    truth: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    uncalibrated: NDArray[np.float32]
    predicted: NDArray[np.bool_]
    thresholds: Mapping[str, float]
    patients: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.truth)

    def at(self, films: NDArray[np.bool_]) -> "LabelledPredictions":
        """The predictions of the chosen films, (N,) bool."""
        return LabelledPredictions(
            findings=self.findings,
            multi_label=self.multi_label,
            truth=self.truth[films],
            probabilities=self.probabilities[films],
            uncalibrated=self.uncalibrated[films],
            predicted=self.predicted[films],
            thresholds=self.thresholds,
            patients=self.patients[films],
        )


def labelled_predictions(
    checkpoint: Checkpoint, logits: NDArray[np.float32], truth: NDArray[np.bool_], patients: NDArray[np.str_]
) -> LabelledPredictions:
    """The logits (N, F) as predictions; truth (N, F) bool, patients (N,)."""
    probability, uncalibrated = (
        probabilities(logits, temperature, multi_label=checkpoint.multi_label)
        for temperature in (checkpoint.temperature, 1.0)
    )
    if checkpoint.multi_label:
        predicted = probability >= np.array(
            [checkpoint.thresholds.get(finding, _EVEN) for finding in checkpoint.findings]
        )
    else:
        predicted = np.eye(len(checkpoint.findings), dtype=np.bool_)[probability.argmax(axis=1)]
    return LabelledPredictions(
        findings=checkpoint.findings,
        multi_label=checkpoint.multi_label,
        truth=truth,
        probabilities=probability,
        uncalibrated=uncalibrated,
        predicted=predicted,
        thresholds=checkpoint.thresholds,
        patients=patients,
    )
