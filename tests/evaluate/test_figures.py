"""Figures against values worked out by hand or by another method."""

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    roc_auc_score,
    roc_curve,
)

from core.estimate import Estimate
from core.evaluate.calibration import brier, expected_calibration_error, reliability, stated, temperature
from core.evaluate.confusion import balanced_accuracy, confusion, sensitivity, specificity
from core.evaluate.figures import few_figures, figures, mean_within_sources, within_sources
from core.evaluate.intervals import bands, bootstrap, proportion
from core.evaluate.predictions import LabelledPredictions, labelled_predictions
from core.evaluate.roc import FALSE_RATES, auc, operating_point, precisions, true_rates
from core.evaluate.run import logits
from core.models.classifier import Classifier, probabilities
from core.types import Checkpoint, Radiograph


def _answers(card: Checkpoint, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> LabelledPredictions:
    """Of films of a patient each, with one label each: its index."""
    return labelled_predictions(card, scores, np.eye(3, dtype=bool)[labels], np.arange(len(labels)).astype(str))


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
    array = np.array([True, False, True, False])
    positive = np.array([True, True, False, False])

    assert (sensitivity(array, positive), specificity(array, positive)) == (0.5, 0.5)
    assert np.isnan(sensitivity(array, np.zeros(4, bool)))


def test_temperature_finds_the_scale_that_was_put_in() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20000, 3, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]

    assert temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)
    assert temperature(logits * 3, torch.nn.functional.one_hot(labels).bool()) == pytest.approx(3, rel=0.05)


def test_temperature_stays_within_bounds_where_the_answers_are_chance() -> None:
    logits = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 3, (200,), generator=torch.Generator().manual_seed(1))

    assert 1 < temperature(logits, labels) <= 20


def test_temperature_of_sigmoids_finds_the_scale_that_was_put_in() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20000, 3, generator=generator) * 2
    labels = torch.rand(logits.shape, generator=generator) < logits.sigmoid()

    assert temperature(logits * 3, labels, multi_label=True) == pytest.approx(3, rel=0.05)


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    assert expected_calibration_error(np.full(10, 0.8), np.array([True, False] * 5)) == pytest.approx(0.3)


def test_a_reliability_bin_holds_its_mean_confidence_and_share_right() -> None:
    bins = reliability(np.array([0.1, 0.3, 0.9]), np.array([False, True, True]), bins=2)

    assert bins == [
        {"low": 0.0, "high": 0.5, "confidence": 0.2, "accuracy": 0.5, "n": 2},
        {"low": 0.5, "high": 1.0, "confidence": 0.9, "accuracy": 1.0, "n": 1},
    ]


def test_reliability_is_scikit_learn_s_calibration_curve() -> None:
    chance = np.random.default_rng(0)
    confidence = chance.random(300)
    right = chance.random(300) < confidence
    shares, means = calibration_curve(right, confidence, n_bins=10)

    bins = reliability(confidence, right, bins=10)

    assert [part["accuracy"] for part in bins] == pytest.approx(shares, abs=1e-4)
    assert [part["confidence"] for part in bins] == pytest.approx(means, abs=1e-4)


def test_a_softmax_states_its_likeliest_finding_and_sigmoids_state_all() -> None:
    likely = np.array([[0.7, 0.3], [0.4, 0.6]])
    truth = np.array([[True, False], [True, False]])

    confidence, right = stated(likely, truth, multi_label=False)
    assert (confidence.tolist(), right.tolist()) == ([0.7, 0.6], [True, False])
    confidence, right = stated(likely, truth, multi_label=True)
    assert (confidence.tolist(), right.tolist()) == ([0.7, 0.3, 0.4, 0.6], [True, False, True, False])


def test_brier_score_is_scikit_learn_s() -> None:
    likely = np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]])
    truth = np.array([[True, False, False], [False, True, False]])
    several = np.array([[True, True, False], [False, False, False]])

    assert brier(likely, truth, multi_label=False) == pytest.approx(
        brier_score_loss([0, 1], likely, labels=[0, 1, 2], scale_by_half=False)
    )
    assert brier(likely, several, multi_label=True) == pytest.approx(
        np.mean([brier_score_loss(several[:, index], likely[:, index], labels=[0, 1]) for index in range(3)])
    )


def test_balanced_accuracy_is_scikit_learn_s() -> None:
    first, truth = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 0, 0])
    every = np.eye(4, dtype=bool)  # a finding that does not occur does not count

    assert balanced_accuracy(every[first], every[truth], multi_label=False) == balanced_accuracy_score(truth, first)
    assert balanced_accuracy(every[first], every[truth], multi_label=True) == pytest.approx(
        np.mean([balanced_accuracy_score(truth == index, first == index) for index in range(3)])
    )


def test_confusion_is_scikit_learn_s() -> None:
    first, truth = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 0, 0])

    assert np.array_equal(confusion(first, truth, 3), confusion_matrix(truth, first))


def test_a_curve_is_the_highest_sensitivity_at_no_more_false_positives() -> None:
    scores, positive = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])

    rates = dict(zip(FALSE_RATES.round(6).tolist(), true_rates(scores, positive), strict=True))
    assert (rates[0.0], rates[0.1], rates[0.49], rates[0.52], rates[1.0]) == (0.5, 0.5, 0.5, 1.0, 1.0)
    reached, average = precisions(scores, positive)
    assert reached[[0, 25, 26, 50]].tolist() == pytest.approx([1.0, 1.0, 2 / 3, 2 / 3])
    assert average == average_precision_score(positive, scores) == pytest.approx(5 / 6)


def test_curves_of_many_films_are_scikit_learn_s() -> None:
    chance = np.random.default_rng(0)
    scores = chance.integers(0, 100, 400) / 100
    positive = chance.random(400) < scores
    false_rate, true_rate, _ = roc_curve(positive, scores)

    reached = true_rates(scores, positive)

    for rate, sensitivity_there in zip(FALSE_RATES, reached, strict=True):
        assert sensitivity_there == pytest.approx(true_rate[false_rate <= rate].max())
    assert precisions(scores, positive)[1] == pytest.approx(average_precision_score(positive, scores))


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
    hits = sum(result.low <= 0 <= result.high for result in intervals)

    assert 50 <= hits <= 60


def test_wilson_s_interval_where_each_patient_has_one_film() -> None:
    hits = np.array([True] * 8 + [False] * 2)

    estimate = proportion(hits, np.arange(10).astype(str))

    assert (estimate.value, estimate.n) == (0.8, 10)
    assert (estimate.low, estimate.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Brown, Cai, DasGupta 2001


def test_rates_are_resampled_by_patient_where_one_has_several_films() -> None:
    hits, patients = np.array([True, True, False, False]), np.array(["a", "a", "b", "b"])

    assert proportion(hits, patients) == Estimate(0.5, 0.0, 1.0, 4)  # two patients: all right, all wrong, or half


def test_many_figures_of_one_resample_are_those_of_each_alone() -> None:
    values = np.random.default_rng(0).normal(size=30)
    patients = np.repeat(np.arange(10), 3).astype(str)

    drawn = bands(lambda films: np.array([values[films].mean(), values[films].max()]), patients, repeats=50)
    alone = bootstrap(lambda films: float(values[films].max()), patients, repeats=50)

    assert tuple(float(part[1]) for part in drawn) == (alone.value, alone.low, alone.high)


def test_an_interval_of_the_calibration_error_holds_it_where_resamples_overstate_it() -> None:
    chance = np.random.default_rng(2)
    patients = np.arange(300).astype(str)
    for _ in range(20):
        confidence = chance.uniform(0.4, 1, 300)
        right = chance.uniform(size=300) < confidence  # well calibrated: only chance is left

        def error(films: NDArray[np.intp]) -> NDArray[np.float64]:
            return np.array([expected_calibration_error(confidence[films], right[films])])  # noqa: B023

        plain = bands(error, patients, repeats=200)
        value, low, high = (float(part[0]) for part in bands(error, patients, repeats=200, biased=(0,)))
        assert 0 <= low < value < high < plain[2][0]
        assert value == plain[0][0]


def test_a_figure_that_no_resample_has_is_null_in_the_card() -> None:
    estimate = bootstrap(lambda films: float("nan"), np.array(["a", "b"]), repeats=5)

    assert estimate.card() == {"value": None, "low": None, "high": None, "n": 2}


def test_figures_of_a_softmax(classifier: Classifier) -> None:
    array = np.array([0, 1, 2, 2, 0, 1] * 5)
    labels = np.array([0, 1, 2, 2, 1, 1] * 5)
    scores = np.eye(3, dtype=np.float32)[array] * 5

    result = figures(_answers(classifier.checkpoint, scores, labels), repeats=50)

    assert result["n"] == result["patients"] == 30
    assert result["accuracy"]["value"] == pytest.approx(5 / 6, abs=1e-4)
    assert result["balanced_accuracy"]["value"] == pytest.approx((1 + 2 / 3 + 1) / 3, abs=1e-4)
    assert result["confusion"] == [[5, 0, 0], [5, 10, 0], [0, 0, 10]]
    assert result["auc"]["normal"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 30, "positives": 10}
    assert result["macro_auc"]["value"] == pytest.approx(
        roc_auc_score(labels, probabilities(scores, 1.5, multi_label=False), multi_class="ovr"), abs=1e-4
    )
    assert result["sensitivity"] == {"covid": {"value": 1.0, "low": 0.5655, "high": 1.0, "n": 5}}  # the only threshold
    assert result["specificity"]["covid"]["value"] == 0.8
    assert result["ece"]["value"] != result["ece_before"]["value"]  # temperature 1.5
    assert sum(part["n"] for part in result["reliability"]["before"]) == 30
    for curve in (result["roc"]["covid"], result["precision_recall"]["covid"]):
        assert {len(column) for column in curve.values()} == {51}
        assert all(low <= high for low, high in zip(curve["low"], curve["high"], strict=True))


def test_figures_of_sigmoids(classifier: Classifier) -> None:
    card = replace(classifier.checkpoint, multi_label=True, temperature=1.0, thresholds={})
    truth = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0], [0, 1, 1]] * 6, dtype=bool)
    copy = truth.copy()
    copy[0] = [True, False, False]  # one of the two found
    scores = np.where(copy, 2, -2).astype(np.float32)

    result = figures(labelled_predictions(card, scores, truth, np.arange(24).astype(str)), repeats=20)

    assert result["accuracy"]["value"] == pytest.approx(23 / 24, abs=1e-4)
    assert result["confusion"]["pneumonia"] == [[12, 0], [1, 11]]
    assert result["auc"]["covid"]["value"] == 1
    assert result["auc"]["pneumonia"]["value"] == pytest.approx(roc_auc_score(truth[:, 1], scores[:, 1]), abs=1e-4)
    assert result["sensitivity"] == {}


def test_too_few_films_of_a_finding_give_no_area(classifier: Classifier) -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2])
    scores = np.eye(3, dtype=np.float32)[labels]

    result = figures(_answers(classifier.checkpoint, scores, labels), repeats=20)
    none = figures(_answers(classifier.checkpoint, scores[9:11], labels[9:11]), repeats=20)

    assert set(result["auc"]) == {"covid", "pneumonia"}
    assert (none["auc"], none["roc"], none["macro_auc"]["value"]) == ({}, {}, None)


def test_the_source_is_of_no_use_within_sources(classifier: Classifier) -> None:
    """Source a is all but covid, b all but normal; within each the scores are right in a and turned over in b."""
    labels = np.array([0] * 5 + [2] * 15 + [2] * 5 + [0] * 15)
    sources = np.array(["a"] * 20 + ["b"] * 20)
    right = np.where(sources == "a", labels, 2 - labels)
    scores = np.eye(3, dtype=np.float32)[right] * 2
    answers = _answers(classifier.checkpoint, scores, labels)
    alone = within_sources(answers.at(sources == "a"), sources[:20], repeats=20)
    both = within_sources(answers, sources, repeats=200)

    assert alone["macro_auc"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 20}
    assert (both["macro_auc"]["value"], both["macro_auc"]["n"], both["sources"]) == (0.5, 40, ["a", "b"])
    assert both["macro_auc"]["low"] == both["macro_auc"]["high"] == 0.5
    nowhere = within_sources(answers, np.array([""] * 40), repeats=5)
    assert (nowhere["macro_auc"]["value"], nowhere["sources"]) == (None, [])


def test_a_part_of_the_set_has_its_own_calibration_error(classifier: Classifier) -> None:
    card = replace(classifier.checkpoint, temperature=1.0)
    labels = np.array([0] * 10 + [2] * 10)
    certain = np.tile(np.array([[20, 0, 0]], np.float32), (20, 1))
    part = few_figures(_answers(card, certain, labels), repeats=20)

    assert part["ece"]["value"] == pytest.approx(0.5, abs=1e-4)


def test_batched_logits_are_those_of_single_predictions(classifier: Classifier, phantom: Radiograph) -> None:
    batch = logits(classifier, [phantom] * 3, copy)

    assert np.allclose(batch, classifier.predict(phantom).logits, atol=1e-5)


def test_the_mean_over_hospitals_counts_each_source_once_and_adds_their_errors_up_squared() -> None:
    def part(value: float, *sources: str) -> dict[str, Any]:
        estimate = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 50}
        return {"macro_auc": estimate, "sources": list(sources)}

    nothing = part(0.1)
    even = mean_within_sources([part(0.8, "a"), part(0.6, "b"), nothing])
    assert even["sources"] == ["a", "b"]
    assert even["macro_auc"] == {"value": 0.7, "low": 0.6293, "high": 0.7707, "n": 100}
    assert mean_within_sources([part(0.8, "a", "c", "d"), part(0.4, "b")])["macro_auc"]["value"] == 0.7
    assert mean_within_sources([nothing])["macro_auc"]["value"] is None
