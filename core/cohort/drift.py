"""Two runs compared: which columns are distributed differently, and which films of the second are unlike the first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cohort.table import CohortTable, Selection
from core.compare.significance import delong
from core.errors import BadData
from core.estimate import Estimate

LEVEL = 0.05  # false discovery rate
MOST_FILMS = 5_000  # of each run, one per patient
_FEWEST = 10  # films of each run
_FOLDS = 5
_DIMENSIONS = 50
_SHOWN = 24  # films that differ most

_OF_FILM = ("age", "height", "width", "lung_area")
_OF_MAP = ("lung_share", "map_entropy", "map_maximum", "map_x", "map_y")
_GROUPS = ("sex", "view", "source")
_CHECKS = ("film_warnings", "film_notes")

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class DriftTest:
    """One column of two runs.

    name:          the column; with the value for a share, as in "view = AP".
    first, second: median of the column, or share of films with the value; NaN where a run has none.
    distance:      0 to 1: largest distance of the two distribution functions (Kolmogorov-Smirnov), or the difference
                   of the two shares.
    films:         number with a value, in each run.
    p:             of the hypothesis that both runs are distributed alike; corrected for all tests of the comparison.
    """

    name: str
    is_share: bool
    first: float
    second: float
    distance: float
    films: tuple[int, int]
    p: float

    @property
    def differs(self) -> bool:
        """Whether it counts as a difference: among those that do, 5 % are expected to be due to chance."""
        return self.p < LEVEL


@dataclass(frozen=True)
class UnlikeFilm:
    """A film of the second run; score: 0 to 1, how surely its features tell it from the films of the first run."""

    film: int
    path: str
    score: float


@dataclass(frozen=True)
class Drift:
    """Two runs compared for one model, finding and method.

    films:      number compared in each run, one per patient.
    tests:      of all columns that both runs have, the smallest p first.
    separation: AUC of telling the second run's films from the first's by the features of the last stage, held out in
                five parts; 0.5 where the runs are alike; NaN without features.
    unlike:     films of the second run that differ most, the most certain first.
    """

    films: tuple[int, int]
    tests: tuple[DriftTest, ...]
    separation: Estimate
    unlike: tuple[UnlikeFilm, ...]


def drift(first: CohortTable, second: CohortTable, selection: Selection) -> Drift:
    """The comparison of both runs over the rows of the selection, both filtered in the same way.

    Columns with numbers by the Kolmogorov-Smirnov test, shares by Fisher's exact test; p corrected by
    Benjamini and Hochberg 1995. The features by a classifier that tells the runs apart.
    Raises: BadData if the runs come from other weights, or if one has fewer than ten films.
    Source: Rabanser et al. 2019, arXiv:1810.11953; Lopez-Paz and Oquab 2017, arXiv:1610.06545.
    """
    cards = {card["name"]: card["digest"] for card in first.manifest["checkpoints"]}
    second.refuse_other_weights(selection.checkpoint, cards[selection.checkpoint])
    tables = [_columns(table, selection) for table in (first, second)]
    sizes = len(tables[0]["film"]), len(tables[1]["film"])
    if min(sizes) < _FEWEST:
        raise BadData(
            f"The runs have {sizes[0]} and {sizes[1]} films of this selection, one per patient. A comparison needs "
            f"{_FEWEST} of each: widen the filter, or choose another run."
        )
    separation, unlike = _separation(first, second, tables, selection)
    return Drift(sizes, tuple(_tests(*tables)), separation, unlike)


def _columns(table: CohortTable, selection: Selection) -> Columns:
    """The columns of the selection, one film per patient, up to MOST_FILMS of them."""
    known = table.manifest["columns"]["rows"]
    measured = tuple(name for name in known if name.startswith("measure_") and not name.endswith("_level"))
    names = ("film", "path", "patient", "probability", "called", "map_zone", *_OF_FILM, *_OF_MAP, *_GROUPS, *_CHECKS)
    columns = table.columns(selection, (*names, *measured), most=4 * MOST_FILMS)
    seen: set[str] = set()
    kept = []
    for place, patient in enumerate(columns["patient"]):
        if patient is None or patient not in seen:
            kept.append(place)
            seen.add(patient)
    return {name: [values[place] for place in kept[:MOST_FILMS]] for name, values in columns.items()}


def _tests(first: Columns, second: Columns) -> list[DriftTest]:
    """The tests of all columns, corrected together, the smallest p first."""
    tests = []
    for name in first:
        if name in ("film", "path", "patient"):
            continue
        if name in _CHECKS:
            tests += _share_tests(name, *(_each_value(columns[name]) for columns in (first, second)))
        elif name in (*_GROUPS, "map_zone", "called"):
            tests += _share_tests(name, *(_one_value(columns[name]) for columns in (first, second)))
        else:
            tests += _number_test(name, first[name], second.get(name, []))
    from scipy.stats import false_discovery_control

    corrected = false_discovery_control([test.p for test in tests]) if tests else []
    tests = [replace(test, p=float(p)) for test, p in zip(tests, corrected, strict=True)]
    return sorted(tests, key=lambda test: (test.p, -test.distance))


def _number_test(name: str, first: Sequence[Any], second: Sequence[Any]) -> list[DriftTest]:
    from scipy.stats import ks_2samp

    a, b = (np.array([value for value in values if value is not None], np.float64) for values in (first, second))
    if min(len(a), len(b)) < _FEWEST or np.ptp(np.concatenate([a, b])) == 0:
        return []
    result = ks_2samp(a, b)
    sizes = len(a), len(b)
    return [
        DriftTest(
            name, False, float(np.median(a)), float(np.median(b)), float(result.statistic), sizes, float(result.pvalue)
        )
    ]


def _share_tests(name: str, first: Sequence[set[str]], second: Sequence[set[str]]) -> list[DriftTest]:
    """One test per value that a film of either run has."""
    from scipy.stats import fisher_exact

    sizes = len(first), len(second)
    if min(sizes) < _FEWEST:
        return []
    tests = []
    for value in sorted(set().union(*first, *second)):
        hits = [sum(value in each for each in values) for values in (first, second)]
        if hits == [sizes[0], sizes[1]]:
            continue
        p = fisher_exact([[hits[0], sizes[0] - hits[0]], [hits[1], sizes[1] - hits[1]]]).pvalue
        shares = hits[0] / sizes[0], hits[1] / sizes[1]
        label = f"{name} = {value}" if value != "True" else name
        tests.append(DriftTest(label, True, *shares, abs(shares[0] - shares[1]), sizes, float(p)))
    return tests


def _one_value(values: Sequence[Any]) -> list[set[str]]:
    """Per film with a value: that value; an empty set for False, so that the film still counts in the total."""
    return [{str(value)} - {"False"} for value in values if value is not None]


def _each_value(values: Sequence[Any]) -> list[set[str]]:
    """Per film whose checks ran: the names of its checks."""
    return [set(map(str, value)) for value in values if value is not None]


def _separation(
    first: CohortTable, second: CohortTable, tables: Sequence[Columns], selection: Selection
) -> tuple[Estimate, tuple[UnlikeFilm, ...]]:
    """AUC of telling the runs apart by their features, and the second run's films that are told apart most surely."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers, parts = [], []
    for table, columns in zip((first, second), tables, strict=True):
        of_run, features = table.features(selection, columns["film"])
        numbers.append(of_run)
        parts.append(features)
    if min(map(len, numbers)) < _FEWEST:
        return Estimate(np.nan, np.nan, np.nan, 0), ()
    features = np.concatenate(parts)
    is_second = np.repeat([0, 1], [len(numbers[0]), len(numbers[1])])
    kept = min(_DIMENSIONS, features.shape[1], len(features) // 2)
    model = make_pipeline(StandardScaler(), PCA(kept, random_state=0), LogisticRegression(C=0.1, max_iter=500))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(model, features, is_second, cv=folds, method="predict_proba")[:, 1]
    paths = dict(zip(tables[1]["film"], tables[1]["path"], strict=True))
    own = scores[len(numbers[0]) :]
    unlike = tuple(
        UnlikeFilm(numbers[1][place], paths[numbers[1][place]], float(own[place]))
        for place in np.argsort(-own, kind="stable")[:_SHOWN]
    )
    return _auc(scores, is_second.astype(bool)), unlike


def _auc(scores: NDArray[np.float64], is_second: NDArray[np.bool_]) -> Estimate:
    """Area under the curve with DeLong's interval."""
    area = delong(scores, np.zeros_like(scores), is_second)  # a constant has an area of 0.5, without variance
    if area.reason:
        return Estimate(area.first, np.nan, np.nan, len(scores))
    return Estimate(area.first, max(0.0, 0.5 + area.low), min(1.0, 0.5 + area.high), len(scores))
