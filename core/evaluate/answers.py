"""What a network said of labelled films, beside what is true."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.models.classifier import probabilities
from core.types import Checkpoint

_EVEN = 0.5  # what counts as found by a multi-label network whose card has no operating point


@dataclass(frozen=True, eq=False)
class Answers:
    """N films, F findings.

    truth:      (N, F) bool; in a single-label network each row has one True.
    likely:     (N, F) probabilities after temperature; before: the same without temperature.
    said:       (N, F) bool: the likeliest finding of a single-label network, all above their operating point of a
                multi-label one.
    thresholds: the card's operating points.
    patients:   (N,) whose film it is.
    """

    findings: tuple[str, ...]
    multi_label: bool
    truth: NDArray[np.bool_]
    likely: NDArray[np.float32]
    before: NDArray[np.float32]
    said: NDArray[np.bool_]
    thresholds: Mapping[str, float]
    patients: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.truth)

    def at(self, films: NDArray[np.bool_]) -> "Answers":
        """Those of the chosen films, (N,) bool."""
        return Answers(
            findings=self.findings,
            multi_label=self.multi_label,
            truth=self.truth[films],
            likely=self.likely[films],
            before=self.before[films],
            said=self.said[films],
            thresholds=self.thresholds,
            patients=self.patients[films],
        )


def answers(
    checkpoint: Checkpoint, logits: NDArray[np.float32], truth: NDArray[np.bool_], patients: NDArray[np.str_]
) -> Answers:
    """The logits (N, F) as answers; truth (N, F) bool, patients (N,)."""
    likely, before = (
        probabilities(logits, temperature, multi_label=checkpoint.multi_label)
        for temperature in (checkpoint.temperature, 1.0)
    )
    if checkpoint.multi_label:
        said = likely >= np.array([checkpoint.thresholds.get(finding, _EVEN) for finding in checkpoint.findings])
    else:
        said = np.eye(len(checkpoint.findings), dtype=np.bool_)[likely.argmax(axis=1)]
    return Answers(
        findings=checkpoint.findings,
        multi_label=checkpoint.multi_label,
        truth=truth,
        likely=likely,
        before=before,
        said=said,
        thresholds=checkpoint.thresholds,
        patients=patients,
    )
