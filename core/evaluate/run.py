"""The full evaluation of one classifier on one labelled set, in the card's format."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BadData
from core.evaluate.figures import figures, within_sources
from core.evaluate.groups import accuracy_by_source_alone, groups, warnings
from core.evaluate.heat import heat_figures
from core.evaluate.intervals import REPEATS
from core.evaluate.leakage import leakage, sentences
from core.evaluate.manifest import Row, row_radiograph, truth
from core.evaluate.predictions import labelled_predictions
from core.film_stream import film_batches
from core.image.prepare import prepare
from core.models.ensemble import Ensemble, Model, members
from core.types import Cleaning, Input, Radiograph

BATCH = 16  # films per pass
Item = TypeVar("Item")


def logits(
    model: Model,
    films: Sequence[Item],
    read: Callable[[Item], Radiograph],
    *,
    progress: str = "",
    cleaning: Cleaning | None = None,
) -> NDArray[np.float32]:
    """(N, F) float32 logits, each film prepared exactly as for a single prediction; for an ensemble, the logits
    of the members' mean probabilities.

    read:     opens one of the films; only a few batches of prepared inputs are in memory at a time.
    progress: title of the bar on stderr; empty for none.
    Raises:   BadData for a film that cannot be read.
    """
    each = members(model)
    prepared = partial(_prepared, read, tuple(member.checkpoint.input for member in each), cleaning)
    batches = []
    for batch in film_batches(films, prepared, batch=BATCH, progress=progress):
        images = zip(*(film.read for film in batch), strict=True)
        scores = [member.logits(torch.from_numpy(np.stack(own))) for member, own in zip(each, images, strict=True)]
        batches.append(model.combined(scores) if isinstance(model, Ensemble) else scores[0])
    return np.concatenate(batches)


def _prepared(
    read: Callable[[Item], Radiograph], inputs: Sequence[Input], cleaning: Cleaning | None, film: Item
) -> list[NDArray[np.float32]]:
    """The film as each network reads it, (C, S, S) each."""
    radiograph = read(film)
    return [prepare(radiograph, each, cleaning).image.numpy() for each in inputs]


def report(
    classifier: Model,
    rows: Sequence[Row],
    *,
    method: str | None = None,
    lungs: bool = False,
    others: Sequence[Row] = (),
    scores: NDArray[np.float32] | None = None,
    repeats: int = REPEATS,
) -> dict[str, Any]:
    """The figures of a classifier on the films, with leakage, groups and warnings.

    rows:    films whose labels the card knows.
    method:  of the heat figures, which need masks; None leaves them out.
    lungs:   as `heat_figures`.
    others:  films of the other splits, for the leakage check.
    scores:  (N, F) logits of the rows, if already known.
    Returns: findings; leakage; the results of `figures` and `heat_figures`; within_sources; groups,
             accuracy_by_source_alone, warnings.
    Raises:  BadData if a label is unknown, or all films are of one class; UnknownName for the method.
    """
    checkpoint = classifier.checkpoint
    labels = truth(rows, checkpoint.findings, multi_label=checkpoint.multi_label)
    refuse_one_class(labels, checkpoint.findings)
    if scores is None:
        scores = logits(classifier, rows, row_radiograph, progress="predicting")
    copies = leakage(rows, others, trained_on=checkpoint.trained_on.digests.split())
    patients = np.array([row.patient for row in rows])
    predictions = labelled_predictions(checkpoint, scores, labels, patients)
    everything = figures(predictions, repeats=repeats)
    parts = groups(predictions, rows, repeats=repeats)
    return {
        "findings": list(checkpoint.findings),
        "leakage": copies,
        **everything,
        **(heat_figures(classifier, rows, method=method, lungs=lungs, repeats=repeats) if method else {}),
        "within_sources": within_sources(predictions, np.array([row.source for row in rows]), repeats=repeats),
        "groups": parts,
        "accuracy_by_source_alone": accuracy_by_source_alone(rows),
        "warnings": [*sentences(copies), *warnings(everything, parts, rows)],
    }


def refuse_one_class(truth: NDArray[np.bool_], findings: Sequence[str]) -> None:
    """Raises: BadData if no finding has films with and without it; truth (N, F)."""
    if not len(truth):
        raise BadData(f"There is no film with a finding of {', '.join(findings)}. Add some, or choose another split.")
    if not (truth.any(axis=0) & ~truth.all(axis=0)).any():
        only = [finding for place, finding in enumerate(findings) if truth[:, place].all()]
        raise BadData(
            f"All {len(truth)} films are of one class ({', '.join(only) or 'no finding'}); figures compare films with "
            "a finding to films without. Add films of another class."
        )
