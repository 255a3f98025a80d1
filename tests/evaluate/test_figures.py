"""Figures against values worked out by hand or by another road."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from core.evaluate.calibration import expected_calibration_error, temperature
from core.evaluate.confusion import confusion, sensitivity, specificity
from core.evaluate.intervals import bootstrap
from core.evaluate.roc import auc, operating_point
from core.evaluate.run import figures, logits
from core.models.classifier import Classifier
from core.types import Radiograph


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    scores = np.array([0.1, 0.4, 0.35, 0.8])
    positive = np.array([False, False, True, True])

    assert auc(scores, positive) == 0.75
    assert np.isnan(auc(scores, np.ones(4, bool)))


def test_auc_equals_scikit_learn_with_ties() -> None:
    chance = np.random.default_rng(0)
    scores = chance.integers(0, 20, 500) / 20
    positive = chance.random(500) < scores

    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)


def test_operating_point_separates_where_it_can() -> None:
    scores = np.array([0.1, 0.2, 0.6, 0.9])

    assert operating_point(scores, np.array([False, False, True, True])) == 0.6


def test_confusion_has_the_label_in_the_row() -> None:
    assert confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist() == [[1, 1], [0, 1]]


def test_sensitivity_and_specificity() -> None:
    found = np.array([True, False, True, False])
    positive = np.array([True, True, False, False])

    assert (sensitivity(found, positive), specificity(found, positive)) == (0.5, 0.5)
    assert np.isnan(sensitivity(found, np.zeros(4, bool)))


def test_temperature_finds_the_scale_that_was_put_in() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20000, 3, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]

    assert temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    probabilities = np.tile([0.8, 0.2], (10, 1))
    labels = np.array([0] * 5 + [1] * 5)

    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.3)


def test_many_films_of_one_patient_widen_the_interval() -> None:
    values = np.random.default_rng(0).normal(size=40)
    repeated = np.repeat(values, 25)
    films = np.array([str(n) for n in range(1000)])
    patients = np.repeat([str(n) for n in range(40)], 25)

    by_film = bootstrap(lambda chosen: float(repeated[chosen].mean()), films, repeats=300)
    by_patient = bootstrap(lambda chosen: float(repeated[chosen].mean()), patients, repeats=300)

    assert by_film.value == by_patient.value
    assert by_patient.high - by_patient.low > 3 * (by_film.high - by_film.low)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(1)
    intervals = []
    for _ in range(60):
        values = chance.normal(size=80)
        intervals.append(bootstrap(lambda chosen: float(values[chosen].mean()), np.arange(80).astype(str), repeats=200))  # noqa: B023
    hits = sum(found.low <= 0 <= found.high for found in intervals)

    assert 50 <= hits <= 60


def test_figures_of_a_classifier(classifier: Classifier) -> None:
    said = np.array([0, 1, 2, 2, 0, 1] * 5)
    labels = np.array([0, 1, 2, 2, 1, 1] * 5)
    scores = np.eye(3, dtype=np.float32)[said] * 5

    found = figures(classifier, scores, labels, np.arange(30).astype(str), repeats=50)

    assert found["n"] == found["patients"] == 30
    assert found["accuracy"]["value"] == pytest.approx(5 / 6, abs=1e-4)
    assert found["confusion"] == [[5, 0, 0], [5, 10, 0], [0, 0, 10]]
    assert found["auc"]["normal"] == {"value": 1.0, "low": 1.0, "high": 1.0, "positives": 10}
    assert set(found["sensitivity"]) == {"covid"}  # the only finding with an operating point


def test_too_few_films_of_a_finding_give_no_area(classifier: Classifier) -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2])

    found = figures(classifier, np.eye(3, dtype=np.float32)[labels], labels, np.arange(21).astype(str), repeats=20)

    assert set(found["auc"]) == {"covid", "pneumonia"}


def test_batched_logits_are_those_of_single_predictions(classifier: Classifier, phantom: Radiograph) -> None:
    batch = logits(classifier, [phantom] * 3)

    assert np.allclose(batch, classifier.predict(phantom).logits, atol=1e-5)
