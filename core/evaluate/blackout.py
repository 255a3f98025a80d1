"""A network's figures with the lungs blacked out, and with everything else blacked out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core import lung_network
from core.errors import NoLungs
from core.evaluate.figures import few_figures
from core.evaluate.intervals import bootstrap
from core.evaluate.manifest import Row, row_radiograph, truth
from core.evaluate.predictions import LabelledPredictions, labelled_predictions
from core.evaluate.run import logits
from core.image.prepare import without_margins
from core.models.classifier import Classifier
from core.types import Cleaning, Radiograph


def blackout(classifier: Classifier, rows: Sequence[Row], *, repeats: int = 1000) -> dict[str, Any]:
    """The figures with the dilated lungs painted black, and with all but them painted black.

    A network that reads the lungs falls to chance on the first (AUC 0.5) and keeps its figures on the second; one
    that reads the background does the reverse. No network was trained on such a fill, and the hole keeps the shape of
    the lungs: compare two networks, do not read a single figure.

    rows:    films whose labels the card knows; those without lungs are left out.
    Returns: whole, lungs_out and lungs_only, each with n, patients, accuracy, auc{finding}, macro_auc, certainty (mean
             probability of the call); refused: films without lungs; only refused if no film has any.
    Source:  Maguolo and Nanni 2021, arXiv:2004.12823 (the test with the lungs blacked out).
    """
    checkpoint = classifier.checkpoint
    films: dict[str, list[Radiograph]] = {"whole": [], "lungs_out": [], "lungs_only": []}
    outlined = []
    for row in tqdm(rows, desc="painting the lungs black", unit="film"):
        film = without_margins(row_radiograph(row))
        try:
            inside = lung_network.dilated(lung_network.segment(film, Cleaning(crop_borders=False)))
        except NoLungs:
            continue
        outlined.append(row)
        films["whole"].append(film)
        films["lungs_out"].append(_black(film, inside))
        films["lungs_only"].append(_black(film, ~inside))
    result: dict[str, Any] = {"refused": len(rows) - len(outlined)}
    if not outlined:
        return result
    labels = truth(outlined, checkpoint.findings, multi_label=checkpoint.multi_label)
    patients = np.array([row.patient for row in outlined])
    for name, painted in films.items():
        scores = logits(classifier, painted, progress=name, total=len(painted), cleaning=Cleaning(crop_borders=False))
        predictions = labelled_predictions(checkpoint, scores, labels, patients)
        result[name] = {**few_figures(predictions, repeats=repeats), "certainty": _certainty(predictions, repeats)}
    return result


def _certainty(predictions: LabelledPredictions, repeats: int) -> dict[str, float | int | None]:
    """Mean probability of the network's call: without evidence it should be low."""
    surest = predictions.probabilities.max(axis=1)
    return bootstrap(lambda films: float(surest[films].mean()), predictions.patients, repeats=repeats).card()


def _black(film: Radiograph, where: NDArray[np.bool_]) -> Radiograph:
    black = film.pixels.dtype.type(np.clip(film.black, 0, np.iinfo(film.pixels.dtype).max))
    return replace(film, pixels=np.where(where, black, film.pixels))
