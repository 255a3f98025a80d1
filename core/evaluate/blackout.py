"""A network's figures with the lungs blacked out, and with everything else blacked out."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core import lung_network
from core.errors import NoLungs
from core.evaluate.figures import few_figures
from core.evaluate.intervals import bootstrap
from core.evaluate.manifest import Row, row_radiograph, truth
from core.evaluate.predictions import LabelledPredictions, labelled_predictions
from core.evaluate.run import BATCH
from core.film_stream import film_batches
from core.image.prepare import prepare, without_margins
from core.models.classifier import Classifier
from core.types import Cleaning, Input, Radiograph

_VIEWS = ("whole", "lungs_out", "lungs_only")
_WHOLE = Cleaning(crop_borders=False)  # black paint would be cropped as a border


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
    outlined: list[Row] = []
    logits: list[NDArray[np.float32]] = []
    read = partial(_views, checkpoint.input)
    for batch in film_batches(rows, read, batch=BATCH, progress="painting the lungs black"):
        known = [(film.item, film.read) for film in batch if film.read]
        if known:
            outlined += [row for row, _ in known]
            views = torch.from_numpy(np.stack([each for _, each in known], axis=1))
            logits.append(np.stack([classifier.logits(view) for view in views]))
    result: dict[str, Any] = {"refused": len(rows) - len(outlined)}
    if not outlined:
        return result
    labels = truth(outlined, checkpoint.findings, multi_label=checkpoint.multi_label)
    patients = np.array([row.patient for row in outlined])
    for name, scores in zip(_VIEWS, np.concatenate(logits, axis=1), strict=True):
        predictions = labelled_predictions(checkpoint, scores, labels, patients)
        result[name] = {**few_figures(predictions, repeats=repeats), "certainty": _certainty(predictions, repeats)}
    return result


def _views(input: Input, row: Row) -> list[NDArray[np.float32]]:
    """The film as the network reads it, (C, S, S) for each of _VIEWS; empty for a film without lungs."""
    film = without_margins(row_radiograph(row))
    try:
        inside = lung_network.dilated(lung_network.segment(film, _WHOLE))
    except NoLungs:
        return []
    views = film, _black(film, inside), _black(film, ~inside)
    return [prepare(each, input, _WHOLE).image.numpy() for each in views]


def _certainty(predictions: LabelledPredictions, repeats: int) -> dict[str, float | int | None]:
    """Mean probability of the network's call: without evidence it should be low."""
    surest = predictions.probabilities.max(axis=1)
    return bootstrap(lambda films: float(surest[films].mean()), predictions.patients, repeats=repeats).card()


def _black(film: Radiograph, where: NDArray[np.bool_]) -> Radiograph:
    black = film.pixels.dtype.type(np.clip(film.black, 0, np.iinfo(film.pixels.dtype).max))
    return replace(film, pixels=np.where(where, black, film.pixels))
