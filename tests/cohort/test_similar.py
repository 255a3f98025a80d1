"""The most similar films of a run, against all cosines."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from core.__main__ import cli
from core.cohort.films import films_of
from core.cohort.run import run
from core.cohort.settings import Settings
from core.cohort.similar import neighbour_precision, similar_films
from core.cohort.table import CohortTable, Selection
from core.errors import BadData
from core.models.classifier import Classifier
from tests.cohort.drawn import labelled_films
from tests.cohort.test_drift import CHOSEN, FILMS, made_run


@pytest.fixture
def table(tmp_path: Path) -> CohortTable:
    return CohortTable(made_run(tmp_path / "run", seed=1, apart=1))


def test_the_nearest_films_are_those_of_the_largest_cosine(table: CohortTable) -> None:
    numbers, features = table.features(CHOSEN, range(FILMS))
    query = features[numbers.index(10)] + 0.1

    result = similar_films(table, CHOSEN, query, count=4)

    cosine = features @ query / np.linalg.norm(features, axis=1) / np.linalg.norm(query)
    labels = np.array([number % 4 < 2 for number in numbers])
    for films, wanted in ((result.same, labels), (result.other, ~labels)):
        expected = np.sort(cosine[wanted])[::-1][:4]
        assert [each.similarity for each in films] == pytest.approx(expected, abs=1e-5)
        assert all(each.row["label"] == bool(labels[wanted][0]) for each in films)
    assert result.unlabelled == ()


def test_films_of_the_same_patient_are_left_out(table: CohortTable) -> None:
    numbers, features = table.features(CHOSEN, range(FILMS))

    result = similar_films(table, CHOSEN, features[numbers.index(10)], digest="1 10", count=FILMS)

    found = {each.row["film"] for each in (*result.same, *result.other)}
    assert found == set(range(FILMS)) - {10, 11}


def test_the_precision_of_neighbours_is_chance_where_features_know_no_label(table: CohortTable) -> None:
    precision, chance = neighbour_precision(table, CHOSEN)

    assert precision.n == FILMS
    assert chance == pytest.approx((FILMS / 2 - 2) / (FILMS - 2), abs=0.01)
    assert precision.low < chance < precision.high


def test_other_features_and_a_run_without_any_are_refused(table: CohortTable) -> None:
    with pytest.raises(BadData, match="are 8 numbers, those of this model 5"):
        similar_films(table, CHOSEN, np.ones(5, np.float32))
    with pytest.raises(BadData, match="no features of b"):
        similar_films(table, Selection("b", "covid", None), np.ones(8, np.float32))


def test_the_last_stage_may_be_named_and_one_without_features_is_refused(
    weights: Path, classifier: Classifier, tmp_path: Path
) -> None:
    settings = Settings(("untrained",), checks=False, lungs=False)
    run(films_of(str(labelled_films(tmp_path))), tmp_path / "run", settings, weights=weights, workers=0)
    with classifier.alone() as network:
        earlier, *_, last = network.stages

    def similar(*stage: str) -> Result:
        command = ["similar", str(tmp_path / "0.png"), "--run", str(tmp_path / "run"), "--weights", str(weights)]
        return CliRunner().invoke(cli, [*command, "--json", "--anyway", *stage])

    assert json.loads(similar("--stage", last).stdout) == json.loads(similar().stdout)
    assert json.loads(similar().stdout)["precision"]["n"] == 12
    assert f"no features of untrained at {earlier}. Run the films again with" in similar("--stage", earlier).stderr
    assert "stage 9" in similar("--stage", "stage 9").stderr
