"""The records of one film: what each column of a run's tables holds for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.cohort.decode import DecodedFilm
from core.cohort.films import CohortFilm
from core.cohort.map_statistics import map_statistics
from core.cohort.rows import RowRecord
from core.evaluate.labelled_films import plain
from core.evaluate.manifest import NOTHING, Row
from core.models.findings import present
from core.trust.admission import Ruling
from core.trust.conformal import prediction_set
from core.trust.measure import Question, evaluated, measures
from core.types import Checkpoint, Explanation, Prediction

NO_FEATURES = np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class MapAnswer:
    """One map of a film, or why there is none; method None where no map was requested."""

    finding: str
    method: str | None
    explanation: Explanation | None = None
    reason: str = ""


@dataclass(frozen=True)
class FilmGate:
    """The result of a network's gate for a film: ruling (None without a gate), score and sentence."""

    ruling: Ruling | None = None
    score: float | None = None
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class FilmAnswer:
    """The answer of one network for one film.

    prediction: None where the gate refuses the film.
    features:   (K,) of the last stage.
    further:    (K,) of earlier stages and of the untrained network, by `stage` of the table of features.
    """

    prediction: Prediction | None
    features: NDArray[np.float32]
    maps: tuple[MapAnswer, ...]
    gate: FilmGate = FilmGate()
    further: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def film_record(number: int, film: DecodedFilm) -> RowRecord:
    """The columns that all rows of a film share."""
    given = film.film
    row = Row(file=None, label=given.label or "")  # type: ignore[arg-type]  # for its reading of labels and ages
    known: RowRecord = {"film": number, "path": given.path, "id": given.id, "seconds": film.seconds}
    known |= {
        "labels": None if given.label is None else [label for label in row.labels if label != NOTHING],
        **{name: getattr(given, name) or None for name in ("patient", "source", "subtype", "sex", "split")},
        "age": _years(given, film.age),
        "view": given.view or film.view,
    }
    if film.error:
        return known | {"error": film.error}
    known |= {"digest": film.digest, "withheld": film.withheld or None, "height": film.size[0], "width": film.size[1]}
    if film.checks:
        for level in ("warning", "note"):
            known[f"film_{level}s"] = [check.name for check in film.checks if check.level == level]
    if film.regions and film.regions.box:
        known["lung_area"] = film.regions.area
        known |= dict(zip(("lung_x0", "lung_y0", "lung_x1", "lung_y1"), film.regions.box, strict=True))
    return known


def prediction_record(checkpoint: Checkpoint, prediction: Prediction, finding: str, label: str | None) -> RowRecord:
    """The columns about one finding of one network."""
    place = prediction.findings.index(finding)
    one_of = not checkpoint.multi_label and not checkpoint.thresholds
    called = finding == prediction.likeliest[0] if one_of else finding in present(prediction, checkpoint)
    known = None if label is None else plain(finding) in {plain(part) for part in label.split("|")}
    return {
        "checkpoint": checkpoint.name,
        "checkpoint_digest": checkpoint.key,
        "finding": finding,
        "probability": float(prediction.probabilities[place]),
        "logit": float(prediction.logits[place]),
        "called": called,
        "label": known,
        "prediction_set": prediction_set(prediction, checkpoint),
    }


def feature_records(number: int, film: DecodedFilm, checkpoint: Checkpoint, answer: FilmAnswer) -> list[RowRecord]:
    """The rows of `features` of one film: the last stage first."""
    base = {"film": number, "digest": film.digest, "checkpoint": checkpoint.name}
    return [base | {"features": answer.features}] + [
        base | {"features": features, "stage": stage} for stage, features in answer.further.items()
    ]


def gate_record(gate: FilmGate) -> RowRecord:
    """The columns about the gate."""
    return {"gate": gate.ruling, "gate_score": gate.score}


def map_record(film: DecodedFilm, answer: MapAnswer) -> RowRecord:
    """The columns about one map."""
    map_ = answer.explanation
    if map_ is None:
        return {"method": answer.method, "error": answer.reason or None}
    statistics = map_statistics(map_, film.size, film.regions)
    return {"method": map_.method, "layer": map_.layer, "unit": map_.unit, **statistics}


def measure_record(names: tuple[str, ...], question: Question) -> RowRecord:
    """The columns about the trust measures of one map."""
    record: RowRecord = {}
    for name in names:
        if measures[name].serves(question.radiograph):
            figure = evaluated(measures[name], question)
            if figure.judged:
                record[f"measure_{name}"] = figure.value
                record[f"measure_{name}_level"] = figure.level
    return record


def stored_map(record: RowRecord, map_: Explanation) -> RowRecord:
    """The row of `maps` that belongs to a row."""
    place = map_.placement
    return {
        **{name: record[name] for name in ("film", "digest", "checkpoint", "finding", "method")},
        "heat": map_.heat.astype(np.float16).tobytes(),
        "rows": map_.heat.shape[0],
        "columns": map_.heat.shape[1],
        **{edge: getattr(place, edge) for edge in ("x0", "y0", "x1", "y1", "turn")},
    }


def _years(film: CohortFilm, in_file: float | None) -> float | None:
    years = Row(file=None, label="", age=film.age).years  # type: ignore[arg-type]
    return in_file if np.isnan(years) else years
