"""Fits a gate: on training films, films spoiled on purpose and drawings; its limits on validation films."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from core.errors import BadData
from core.evaluate.manifest import Row, row_radiograph
from core.image.prepare import prepare
from core.models.classifier import Classifier
from core.trust.gate import Array, Gate, features, kind_probabilities, whiten
from core.trust.not_frontal import FRONTAL, KINDS
from core.types import Radiograph
from core.work import Work

FEWEST = 100  # training films
COMPONENTS = 32  # per stage
_KEPT = 400  # training films that are kept for the nearest neighbours
_REFUSED, _DOUBTFUL = 0.01, 0.05  # shares of validation films
_BATCH = 8


def film_features(classifier: Classifier, films: Sequence[Radiograph], work: Work | None = None) -> Array:
    """(N, 2 D) of prepared films, in batches."""
    work, batches = work or Work(limit=0), []
    work.expect(len(films))
    for start in range(0, len(films), _BATCH):
        part = films[start : start + _BATCH]
        images = torch.stack([prepare(film, classifier.checkpoint.input).image for film in part])
        with classifier.alone() as network:
            batches.append(features(network, images.to(classifier.device)))
        work.step(len(part))
    return np.concatenate(batches)


def fit_gate(classifier: Classifier, train: Sequence[Row], val: Sequence[Row], *, work: Work | None = None) -> Gate:
    """The gate of a checkpoint. Half of the training films gives the distances, the rest teaches what a distance means.

    train: its training films, in random order; every tenth is also spoiled in each of the ways of `KINDS`.
    Raises: BadData for fewer than 100 training films or no validation films.
    """
    if len(train) < FEWEST or not val:
        raise BadData(
            f"A gate needs {FEWEST} training and some validation films; there are {len(train)} and {len(val)}. "
            "Give a folder whose table has a column `split` with train and val."
        )
    spoiled = [
        kind.of(row_radiograph(row), np.random.default_rng(number))
        for kind in KINDS
        for number, row in enumerate(train[:: max(1, 10)])
    ]
    kinds = np.repeat(np.arange(1, len(KINDS) + 1), len(spoiled) // len(KINDS))
    frontal, calibration = (
        film_features(classifier, [row_radiograph(row) for row in rows], work) for rows in (train, val)
    )
    sources = np.array([row.source or "films" for row in val])
    return fitted(
        classifier.checkpoint.sha256, frontal, film_features(classifier, spoiled, work), kinds, calibration, sources
    )


def fitted(
    sha256: str,
    frontal: Array,
    spoiled: Array,
    kinds: NDArray[np.int64],
    calibration: Array,
    sources: NDArray[np.str_],
) -> Gate:
    """The gate by features: of training films, of spoiled ones with the index of their kind (from 1), of validation
    films with their source."""
    half = len(frontal) // 2
    arrays: dict[str, Array] = {}
    for stage, part in enumerate(np.split(frontal[:half], 2, axis=1)):
        arrays |= _stage(part, stage)
    names = (FRONTAL, *(kind.name for kind in KINDS))
    blank = Gate(arrays, names, 0.0, 0.0, sha256, {})
    rest, strange = blank.distances(frontal[half:]), blank.distances(spoiled)
    odd = np.arange(len(spoiled)) % 2 == 1
    arrays["kinds"] = _classifier(
        np.concatenate([rest[1][::2], strange[1][odd]]),
        np.concatenate([np.zeros(len(rest[1][::2]), int), kinds[odd]]),
    )
    logs = np.log(rest[0])
    arrays["centre"], arrays["scale"] = logs.mean(axis=0), logs.std(axis=0) + 1e-3
    arrays["weights"] = _weights(arrays, rest, (strange[0][~odd], strange[1][~odd]))
    unset = Gate(arrays, names, 0.0, 0.0, sha256, {})
    usual, unusual = unset.scores(calibration)[0], unset.scores(spoiled[~odd])[0]
    refuse, note = (float(np.quantile(usual, 1 - share)) for share in (_REFUSED, _DOUBTFUL))
    report = {
        "train": len(frontal),
        "val": len(calibration),
        "auc_made": float(roc_auc_score(np.repeat([0, 1], [len(usual), len(unusual)]), np.r_[usual, unusual])),
        "refused_made": float((unusual >= refuse).mean()),
        "refused_by_source": {
            str(source): float((usual[sources == source] >= refuse).mean()) for source in np.unique(sources)
        },
    }
    return Gate(arrays, names, note, refuse, sha256, report)


def _stage(part: Array, stage: int) -> dict[str, Array]:
    """Mean, deviation, principal axes and kept films of one stage."""
    mean, deviation = part.mean(axis=0), part.std(axis=0) + 1e-4
    standard = (part - mean) / deviation
    _, values, axes = np.linalg.svd(standard, full_matrices=False)
    count = min(COMPONENTS, len(values))
    arrays = {
        f"mean_{stage}": mean,
        f"deviation_{stage}": deviation,
        f"axes_{stage}": axes[:count].T,
        f"spread_{stage}": values[:count] / np.sqrt(len(part)) + 1e-3,
    }
    return arrays | {f"films_{stage}": whiten(arrays, stage, part)[0][:_KEPT]}


def _classifier(components: Array, kinds: NDArray[np.int64]) -> Array:
    """(K, 2 P + 1) weights and intercepts of a multinomial logistic regression."""
    model = LogisticRegression(C=0.1, max_iter=300, class_weight="balanced").fit(components.clip(-20, 20), kinds)
    return np.column_stack([model.coef_, model.intercept_]).astype(np.float32)


def _weights(arrays: dict[str, Array], usual: tuple[Array, Array], strange: tuple[Array, Array]) -> Array:
    """(6,) weights of the four distances, the classifier and 1."""
    rows = []
    for distances, components in ((usual[0][1::2], usual[1][1::2]), strange):
        standard = (np.log(distances) - arrays["centre"]) / arrays["scale"]
        likely = kind_probabilities(arrays["kinds"], components)[:, 0]
        unlike = np.log((1 - likely).clip(1e-6)) - np.log(likely.clip(1e-6))
        rows.append(np.column_stack([standard, unlike]))
    truth = np.repeat([0, 1], [len(rows[0]), len(rows[1])])
    model = LogisticRegression(C=0.05, max_iter=300, class_weight="balanced").fit(np.concatenate(rows), truth)
    return np.asarray([*model.coef_[0], *model.intercept_], np.float32)
