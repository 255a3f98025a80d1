"""The input of the audit tests: the tables of the audit's run as arrays, one entry per film."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as dataset
from numpy.typing import NDArray

from core.audit.collection import METHOD
from core.cohort.mean_heat import aligned_heat
from core.cohort.table import CohortTable, Selection
from core.evaluate.manifest import Row
from core.models.classifier import Classifier, log_odds

Texts = NDArray[np.str_]
SIDE = 16  # cells of a map in the frame of the lungs


@dataclass(frozen=True, eq=False)
class AlteredAnswers:
    """The network's predictions for the films with one alteration.

    known:   (N,) whether there is an answer; a film without lungs has none where the alteration needs them.
    changed: (N,) whether the film was changed at all.
    odds:    (N, F) log odds of the findings; those of the film itself where nothing was changed, NaN where unknown.
    """

    known: NDArray[np.bool_]
    changed: NDArray[np.bool_]
    odds: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Observations:
    """N films, F findings, K features.

    ids, patients, sources, views, sexes: (N,) text, empty where unknown; ages: (N,) years, NaN where unknown.
    truth:      (N, F) bool.
    odds:       (N, F) log odds of the calibrated probabilities.
    features:   (N, K) last stage, averaged over its cells.
    lung_share: (N, F) share of each map's heat in the lungs and a rim around them, NaN without lungs or heat.
    lung_area:  (N,) the share of the film that the lungs and the rim cover, NaN without lungs.
    maps:       (N, SIDE, SIDE) the map of the likeliest finding in the frame of the lungs, shares of its heat; NaN
                without lungs or heat.
    altered:    predictions for the altered films, by the name of the alteration.
    unreadable: how many films could not be read.
    repeats:    resamples of an interval.
    """

    classifier: Classifier
    ids: Texts
    patients: Texts
    sources: Texts
    views: Texts
    sexes: Texts
    ages: NDArray[np.float64]
    truth: NDArray[np.bool_]
    odds: NDArray[np.float64]
    features: NDArray[np.float32]
    lung_share: NDArray[np.float64]
    lung_area: NDArray[np.float64]
    maps: NDArray[np.float32]
    altered: Mapping[str, AlteredAnswers]
    unreadable: int
    repeats: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings of the network."""
        return self.classifier.checkpoint.findings

    @property
    def without_lungs(self) -> int:
        """Films on which no lungs are found."""
        return int(np.isnan(self.lung_area).sum())

    @property
    def calls(self) -> NDArray[np.intp]:
        """(N,) the index of the likeliest finding."""
        likeliest: NDArray[np.intp] = self.odds.argmax(axis=1)
        return likeliest


def observed(run: Path, classifier: Classifier, rows: Sequence[Row], *, repeats: int) -> Observations:
    """The observations of a complete run, for these films only. Raises: BadData as `CohortTable`."""
    card, wanted = classifier.checkpoint, {row.id for row in rows}
    table = CohortTable(run)
    of_finding = [
        {
            row["film"]: row
            for row in table.films(
                Selection(card.name, finding, METHOD), order="In the order of the input", first=0, most=10**9
            )
            if row["id"] in wanted
        }
        for finding in card.findings
    ]
    first = of_finding[0]
    numbers = list(first)
    logits = np.array([[part[number]["logit"] for part in of_finding] for number in numbers], np.float32)
    odds = _odds(classifier, logits)
    labels = [set(first[number]["labels"] or ()) for number in numbers]
    shares = [[part[number]["lung_share"] for part in of_finding] for number in numbers]
    columns = {name: [first[number][name] for number in numbers] for name in ("id", "patient", "source", "view", "sex")}
    with_features, features = table.features(Selection(card.name, card.findings[0], METHOD), numbers)
    places = {number: place for place, number in enumerate(with_features)}
    return Observations(
        classifier=classifier,
        ids=_texts(columns["id"]),
        patients=_texts([own or name for own, name in zip(columns["patient"], columns["id"], strict=True)]),
        sources=_texts(columns["source"]),
        views=_texts(columns["view"]),
        sexes=_texts(columns["sex"]),
        ages=_numbers([first[number]["age"] for number in numbers]),
        truth=np.array([[finding in own for finding in card.findings] for own in labels]),
        odds=odds,
        features=features[[places[number] for number in numbers]],
        lung_share=_numbers(shares),
        lung_area=_numbers([first[number]["lung_area"] for number in numbers]),
        maps=_maps(table, card.name, [card.findings[place] for place in odds.argmax(axis=1)], first),
        altered=altered_answers(run, classifier, numbers, odds),
        unreadable=len(wanted) - len(numbers),
        repeats=repeats,
    )


def _odds(classifier: Classifier, logits: NDArray[np.float32]) -> NDArray[np.float64]:
    card = classifier.checkpoint
    return log_odds(logits, card.temperature, multi_label=card.multi_label).astype(np.float64)


def altered_answers(
    run: Path, classifier: Classifier, numbers: Sequence[int], odds: NDArray[np.float64]
) -> dict[str, AlteredAnswers]:
    """The network's predictions for the altered films, by the name of the alteration.

    numbers: (N,) numbers of the films in the run; odds: (N, F) log odds of the unaltered films.
    """
    own = dataset.field("checkpoint") == classifier.checkpoint.name  # a run may hold several models
    rows = dataset.dataset(run / "altered").to_table(filter=own).to_pylist()
    places = {number: place for place, number in enumerate(numbers)}
    answers: dict[str, AlteredAnswers] = {}
    for row in rows:
        if row["film"] not in places:
            continue
        place, name = places[row["film"]], row["alteration"]
        if name not in answers:
            nothing = np.zeros(len(numbers), bool)
            answers[name] = AlteredAnswers(nothing, nothing.copy(), np.full(odds.shape, np.nan))
        answer = answers[name]
        answer.known[place], answer.changed[place] = True, row["logits"] is not None
        answer.odds[place] = (
            odds[place] if row["logits"] is None else _odds(classifier, np.array([row["logits"]], np.float32))[0]
        )
    return answers


def _maps(
    table: CohortTable, name: str, called: Sequence[str], rows: Mapping[int, Mapping[str, Any]]
) -> NDArray[np.float32]:
    """(N, SIDE, SIDE) the map of each film's likeliest finding in the frame of its lungs."""
    result = np.full((len(rows), SIDE, SIDE), np.nan, np.float32)
    for finding in dict.fromkeys(called):
        own = {number: place for place, number in enumerate(rows) if called[place] == finding}
        for number, stored in table.maps(Selection(name, finding, METHOD), list(own)).items():
            row = rows[number]
            heat = aligned_heat(row, stored) if np.isfinite(stored["heat"]).all() else None
            if heat is not None:
                cells = heat.reshape(SIDE, heat.shape[0] // SIDE, SIDE, -1).sum(axis=(1, 3))
                result[own[number]] = cells / cells.sum()
    return result


def _texts(values: Sequence[str | None]) -> Texts:
    return np.array([value or "" for value in values], dtype=np.str_)


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)  # None becomes NaN
