"""The films of a run that a network represents most similarly, and how far such neighbours can be relied on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cohort.table import CohortTable, Selection
from core.errors import BadData
from core.estimate import Estimate
from core.layers.activations import known_stage, stage_activations
from core.models.classifier import Classifier
from core.types import Cleaning, Radiograph

COUNT = 5
_MEASURED = 5_000  # maximum films for the precision, which compares all pairs
_FEWEST = 10  # films
_CLOSEST = 400  # films whose rows are looked up
_BLOCK = 500  # films compared with all others at once
_Z = 1.959964  # 95 %, both sides


@dataclass(frozen=True, eq=False)
class SimilarFilm:
    """A film of the run. row: of the table; similarity: cosine of the features, -1 to 1, 1 for equal directions."""

    row: Mapping[str, Any]
    similarity: float


@dataclass(frozen=True)
class SimilarFilms:
    """same: the most similar films that are labelled with the finding; other: those that are not; unlabelled: those
    without a label. The most similar first."""

    same: tuple[SimilarFilm, ...]
    other: tuple[SimilarFilm, ...]
    unlabelled: tuple[SimilarFilm, ...]


def stage_in_run(table: CohortTable, classifier: Classifier, stage: str = "") -> str:
    """The stage as one of `table.stages`: "" for the last, which is the default, else its name.

    Raises: UnknownName for a stage that the model does not have; BadData if the run was made with other weights, or
            has no features at the stage.
    """
    card = classifier.checkpoint
    table.refuse_other_weights(card.name, card.key)
    with classifier.alone() as network:
        if stage:
            known_stage(card, network, stage)
        stored = "" if stage == network.last_stage else stage
    if stored not in table.stages(card.name):
        raise _no_features(table, card.name, stored)
    return stored


def film_features(
    classifier: Classifier, radiograph: Radiograph, stage: str, *, cleaning: Cleaning | None = None
) -> NDArray[np.float32]:
    """(K,) features of a film at a stage of `stage_in_run`, to compare with those of a run."""
    with classifier.alone() as network:
        last = network.last_stage
    return stage_activations(classifier, radiograph, stage or last, cleaning=cleaning).means


def similar_films(
    table: CohortTable,
    selection: Selection,
    features: NDArray[np.float32],
    *,
    digest: str = "",
    count: int = COUNT,
    stage: str = "",
) -> SimilarFilms:
    """The films of the run nearest to the features, by cosine over all films, exact whatever their number.

    features: (K,) of the stage, averaged over its cells.
    stage:    one of `table.stages`; "" for the last.
    digest:   key of the film itself, which is left out with all others of its patient.
    Raises:   BadData if the run has no features of this model, or those of another one.
    """
    numbers, likeness = _cosines(table, selection.checkpoint, features, stage)
    own = table.patient_of(digest) if digest else None
    order = np.argsort(-likeness, kind="stable")
    groups: dict[bool | None, list[SimilarFilm]] = {True: [], False: [], None: []}
    for start in range(0, len(order), _CLOSEST):
        places = order[start : start + _CLOSEST]
        by_number = {int(numbers[place]): float(likeness[place]) for place in places}
        rows = table.films(
            _only(selection, tuple(by_number)), order="In the order of the input", first=0, most=_CLOSEST
        )
        for row in sorted(rows, key=lambda row: -by_number[row["film"]]):
            is_same_case = row["digest"] == digest or (own is not None and row["patient"] == own)
            if not is_same_case and len(groups[row["label"]]) < count:
                groups[row["label"]].append(SimilarFilm(row, by_number[row["film"]]))
        if all(len(groups[label]) == count for label in (True, False)):
            break
    return SimilarFilms(*(tuple(groups[label]) for label in (True, False, None)))


def neighbour_precision(
    table: CohortTable, selection: Selection, *, count: int = COUNT, stage: str = ""
) -> tuple[Estimate, float]:
    """Share of the `count` nearest films with the film's own label, and what chance would give.

    The neighbours of each labelled film come from the films of other patients. The interval is of the mean over
    films. NaN with fewer than ten labelled films, or where all have the same label.
    """
    columns = table.columns(selection, ("film", "label", "patient"), most=_MEASURED)
    known = {
        film: (label, patient)
        for film, label, patient in zip(*(columns[name] for name in ("film", "label", "patient")), strict=True)
        if label is not None
    }
    numbers, features = table.features(selection, list(known), stage=stage)
    labels = np.array([known[number][0] for number in numbers])
    if len(numbers) < _FEWEST or len(set(labels.tolist())) < 2:
        return Estimate(np.nan, np.nan, np.nan, len(numbers)), np.nan
    patients = np.array([known[number][1] or f"film {number}" for number in numbers])
    unit = _unit(features)
    shares, chances = [], []
    for start in range(0, len(unit), _BLOCK):
        likeness = unit[start : start + _BLOCK] @ unit.T
        for place, row in enumerate(likeness, start=start):
            others = patients != patients[place]
            near = np.argsort(-np.where(others, row, -2.0), kind="stable")[: min(count, int(others.sum()))]
            if len(near):
                shares.append(float((labels[near] == labels[place]).mean()))
                chances.append(float((labels[others] == labels[place]).mean()))
    if len(shares) < _FEWEST:
        return Estimate(np.nan, np.nan, np.nan, len(shares)), np.nan
    mean, reach = float(np.mean(shares)), _Z * float(np.std(shares, ddof=1)) / len(shares) ** 0.5
    return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach), len(shares)), float(np.mean(chances))


def _cosines(
    table: CohortTable, checkpoint: str, features: NDArray[np.float32], stage: str
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(N,) numbers of all films with features of the model, and the cosine of each with the given features."""
    query = _unit(features[None])[0]
    numbers, parts = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for films, block in table.feature_blocks(checkpoint, stage=stage):
        if block.shape[1] != len(query):
            raise BadData(
                f"The run's features of {checkpoint} are {block.shape[1]} numbers, those of this model {len(query)}. "
                "Run the films again with this model."
            )
        numbers.append(films)
        parts.append(_unit(block) @ query)
    if len(parts) == 1:
        raise _no_features(table, checkpoint, stage)
    return np.concatenate(numbers), np.concatenate(parts)


def _no_features(table: CohortTable, checkpoint: str, stage: str) -> BadData:
    return BadData(
        f"{table.folder.path} has no features of {checkpoint}{f' at {stage}' if stage else ''}. Run the films "
        f"again {'with --earlier-stages' if stage else 'with it, without --no-features'}."
    )


def _unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, K) of length 1; zeros stay zeros."""
    lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return np.asarray(features / lengths, np.float32)


def _only(selection: Selection, films: tuple[int, ...]) -> Selection:
    """The rows of those films, unfiltered."""
    return Selection(selection.checkpoint, selection.finding, selection.method, films=films)
