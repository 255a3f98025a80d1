"""All figures of one classifier on one labelled set, as they stand in its card."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from core.evaluate.calibration import expected_calibration_error
from core.evaluate.confusion import confusion, sensitivity, specificity
from core.evaluate.intervals import Estimate, bootstrap
from core.evaluate.roc import auc
from core.image.prepare import prepare
from core.models.classifier import Classifier, probabilities
from core.types import Radiograph

_BATCH = 16
FEWEST = 5  # films with and without a finding; with fewer an area under the curve says nothing


def logits(classifier: Classifier, films: Iterable[Radiograph], *, progress: str = "") -> NDArray[np.float32]:
    """(N, F) float32 logits, each film prepared exactly as for a single prediction.

    films may be a generator: only a batch of prepared inputs is in memory at a time.
    """
    found = []
    images = (prepare(film, classifier.checkpoint.input).image for film in films)
    with tqdm(desc=progress, disable=not progress, unit="film") as bar:
        while batch := list(itertools.islice(images, _BATCH)):
            with classifier.alone() as network, torch.inference_mode():
                found.append(network(torch.stack(batch)).numpy())
            bar.update(len(batch))
    return np.concatenate(found)


def figures(
    classifier: Classifier,
    scores: NDArray[np.float32],
    labels: NDArray[np.integer],
    patients: NDArray[np.str_],
    *,
    repeats: int = 1000,
) -> dict[str, Any]:
    """Metrics of one set, each with n and a 95 % interval over patients.

    scores: (N, F) logits; labels: (N,) index into the checkpoint's findings; patients: (N,).
    Returns: n, patients, auc (one finding against the rest, where there are FEWEST of each) and macro_auc,
             accuracy, sensitivity and specificity at the checkpoint's operating points, calibration_error,
             confusion (rows: label).
    """
    checkpoint = classifier.checkpoint
    likely = probabilities(scores, checkpoint.temperature, multi_label=checkpoint.multi_label)
    said = likely.argmax(axis=1)

    def estimate(figure: Callable[[NDArray[np.intp]], float]) -> Estimate:
        return bootstrap(figure, patients, repeats=repeats)

    def area(index: int) -> Callable[[NDArray[np.intp]], float]:
        return lambda films: auc(likely[films, index], labels[films] == index)

    found: dict[str, Any] = {"n": len(labels), "patients": len(np.unique(patients))}
    counts = [int((labels == index).sum()) for index in range(len(checkpoint.findings))]
    present = [index for index, count in enumerate(counts) if FEWEST <= count <= len(labels) - FEWEST]
    found["auc"] = {
        checkpoint.findings[index]: {**estimate(area(index)).card(), "positives": counts[index]} for index in present
    }
    found["macro_auc"] = estimate(lambda films: float(np.mean([area(index)(films) for index in present]))).card()
    found["accuracy"] = estimate(lambda films: float((said[films] == labels[films]).mean())).card()
    for name, rate in (("sensitivity", sensitivity), ("specificity", specificity)):
        found[name] = {
            finding: estimate(_rate(rate, likely[:, index] >= threshold, labels == index)).card()
            for index, finding in enumerate(checkpoint.findings)
            if (threshold := checkpoint.thresholds.get(finding)) is not None and index in present
        }
    found["calibration_error"] = estimate(lambda films: expected_calibration_error(likely[films], labels[films])).card()
    found["confusion"] = confusion(said, labels, len(checkpoint.findings)).tolist()
    return found


def _rate(
    rate: Callable[[NDArray[np.bool_], NDArray[np.bool_]], float], found: NDArray[np.bool_], positive: NDArray[np.bool_]
) -> Callable[[NDArray[np.intp]], float]:
    return lambda films: rate(found[films], positive[films])
