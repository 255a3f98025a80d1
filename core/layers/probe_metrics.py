"""Figures of all stages' probes and of the network itself, on the same films and the same resamples."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.estimate import Estimate
from core.evaluate.confusion import balanced_accuracy
from core.evaluate.intervals import bands
from core.evaluate.predictions import labelled_predictions
from core.evaluate.roc import auc
from core.layers.linear_classifier import LabelArray
from core.types import Checkpoint

FIGURES = ("balanced", "auc", "accuracy", "agrees", "behind")

FloatArray = NDArray[np.float64]


def network_predictions(
    card: Checkpoint, logits: NDArray[np.float32], classes: Sequence[str], *, exclusive: bool
) -> tuple[NDArray[np.float32], LabelArray] | None:
    """(N, C) the network's own probabilities of the classes, and its calls; None if it does not know them."""
    if not set(classes) <= set(card.findings):
        return None
    nothing = np.zeros(logits.shape, np.bool_)
    whole = labelled_predictions(card, logits, nothing, np.array([""] * len(logits)))
    places = [card.findings.index(name) for name in classes]
    likely = whole.probabilities[:, places]
    return likely, predicted_labels(likely, exclusive=True) if exclusive else whole.predicted[:, places]


def predicted_labels(likely: NDArray[np.float32], *, exclusive: bool) -> LabelArray:
    """(N, C) the most likely class of each film, or every class from 0.5 up if a film may have several."""
    if not exclusive:
        return np.asarray(likely >= 0.5)
    return np.asarray(np.eye(likely.shape[1], dtype=np.bool_)[likely.argmax(axis=1)])


def estimates(
    predictions: NDArray[np.float32],
    truth: LabelArray,
    patients: NDArray[np.str_],
    network: tuple[NDArray[np.float32], LabelArray] | None,
    test_films: NDArray[np.intp],
    repeats: int,
    pause: Callable[[], None],
    *,
    exclusive: bool,
) -> list[dict[str, Estimate]]:
    """For each stage of (S, N, C), and last for the network: name of a figure -> estimate, on the same resamples."""
    likely = [*predictions, *([network[0][test_films]] if network else [])]
    labels = [predicted_labels(each, exclusive=exclusive) for each in predictions]
    if network:
        labels.append(network[1][test_films])

    def figures(films: NDArray[np.intp]) -> FloatArray:
        pause()
        rows: list[float] = []
        last = balanced_accuracy(labels[len(predictions) - 1][films], truth[films], multi_label=not exclusive)
        for each, own in zip(likely, labels, strict=True):
            balanced = balanced_accuracy(own[films], truth[films], multi_label=not exclusive)
            right = truth[films] == own[films]
            areas = [auc(each[films, place], truth[films, place]) for place in range(truth.shape[1])]
            same = labels[-1][films] == own[films]
            rows += [
                balanced,
                float(np.mean(areas)),
                float(right.all(axis=1).mean() if exclusive else right.mean()),
                float(same.all(axis=1).mean() if exclusive else same.mean()),
                last - balanced,
            ]
        return np.array(rows)

    value, low, high = (part.reshape(len(likely), len(FIGURES)) for part in bands(figures, patients, repeats=repeats))
    return [
        {
            name: Estimate(float(value[row, at]), float(low[row, at]), float(high[row, at]), len(patients))
            for at, name in enumerate(FIGURES)
        }
        for row in range(len(likely))
    ]
