"""Kappa, McNemar and DeLong: against the references, and by hand."""

import math
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from core.compare.kappa import cohen, fleiss
from core.compare.significance import delong, mcnemar


def test_cohens_kappa_by_hand_and_as_scikit_learn_has_it() -> None:
    # 20 yes yes, 5 yes no, 10 no yes, 15 no no: 0.7 observed, 0.5 by chance.
    first = np.repeat([0, 0, 1, 1], [20, 5, 10, 15])
    second = np.repeat([0, 1, 0, 1], [20, 5, 10, 15])
    assert cohen(first, second, 2) == pytest.approx(0.4)

    chance = np.random.default_rng(0)
    first, second = chance.integers(0, 4, 60), chance.integers(0, 4, 60)
    second[:30] = first[:30]
    assert cohen(first, second, 4) == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_of_one_category_is_unknown() -> None:
    same = np.zeros(5, np.intp)

    assert math.isnan(cohen(same, same, 3))
    assert math.isnan(fleiss(np.stack([same, same, same], axis=1), 3))
    assert math.isnan(cohen(same[:0], same[:0], 3))
    assert math.isnan(fleiss(np.zeros((5, 1), np.intp), 3))
    assert cohen(same, same + 1, 3) == 0


def test_fleiss_kappa_by_hand() -> None:
    # Three readers, four films: all 0; all 1; two 0, one 1; two 1, one 0.
    answers = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 0, 1]])
    # Pairs that agree: 3, 3, 1, 1 of 3, on average 2/3; six votes each: by chance 1/2.
    assert fleiss(answers, 2) == pytest.approx((2 / 3 - 1 / 2) / (1 / 2))


def test_fleiss_kappa_of_the_published_example() -> None:
    # Ten subjects, fourteen readers, five categories, kappa 0.210: the usual textbook example.
    votes = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    answers = np.array([np.repeat(np.arange(5), row) for row in votes])

    assert fleiss(answers, 5) == pytest.approx(0.210, abs=5e-4)


def test_mcnemar_is_the_exact_binomial_test_of_the_films_they_differ_on() -> None:
    first = np.array([True] * 40 + [True] * 9 + [False] * 1 + [False] * 10)
    second = np.array([True] * 40 + [False] * 9 + [True] * 1 + [False] * 10)
    test = mcnemar(first, second)

    assert (test.n, test.first_right, test.second_right) == (60, 9, 1)
    assert test.p == pytest.approx(2 * (1 + 10) / 2**10)  # 0 or 1 of 10, both tails
    assert mcnemar(first, first).p == 1
    assert math.isnan(mcnemar(first[:0], first[:0]).p)
    assert test.card() == {"n": 60, "first_right": 9, "second_right": 1, "p": 0.02148}


def by_hand(scores: list[NDArray[np.float64]], positive: NDArray[np.bool_]) -> tuple[list[float], float]:
    """The areas and the standard error of their difference, pair by pair as the paper writes it."""
    kernels = [
        np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in each[~positive]] for x in each[positive]])
        for each in scores
    ]
    areas = [float(kernel.mean()) for kernel in kernels]
    v10, v01 = [kernel.mean(axis=1) for kernel in kernels], [kernel.mean(axis=0) for kernel in kernels]
    m, n = kernels[0].shape

    def covariance(r: int, s: int) -> float:
        s10 = ((v10[r] - areas[r]) * (v10[s] - areas[s])).sum() / (m - 1)
        s01 = ((v01[r] - areas[r]) * (v01[s] - areas[s])).sum() / (n - 1)
        return float(s10 / m + s01 / n)

    return areas, math.sqrt(covariance(0, 0) + covariance(1, 1) - 2 * covariance(0, 1))


@pytest.fixture
def scored() -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    chance = np.random.default_rng(1)
    positive = np.arange(120) < 40
    common = chance.normal(size=120)
    better = (1.2 * positive + common + 0.5 * chance.normal(size=120)).round(1)  # rounded, so that there are ties
    worse = (0.6 * positive + common + 0.5 * chance.normal(size=120)).round(1)
    return [better, worse], positive


def test_delong_is_the_papers_formula(scored: tuple[list[NDArray[np.float64]], NDArray[np.bool_]]) -> None:
    scores, positive = scored
    test = delong(scores[0], scores[1], positive)
    areas, error = by_hand(scores, positive)

    assert [test.first, test.second] == pytest.approx(areas)
    assert areas == pytest.approx([roc_auc_score(positive, each) for each in scores])
    assert test.z == pytest.approx((areas[0] - areas[1]) / error)
    assert test.p == pytest.approx(2 * stats.norm.sf(test.z))
    assert (test.low, test.high) == pytest.approx(
        (test.difference - 1.96 * error, test.difference + 1.96 * error), abs=1e-5
    )
    assert (test.n, test.positives, test.reason) == (120, 40, "")


def test_delongs_error_is_that_of_resampled_films(
    scored: tuple[list[NDArray[np.float64]], NDArray[np.bool_]],
) -> None:
    scores, positive = scored
    test = delong(scores[0], scores[1], positive)
    chance = np.random.default_rng(0)
    differences = []
    for _ in range(1000):
        films = np.concatenate(
            [chance.choice(np.flatnonzero(positive == each), int((positive == each).sum())) for each in (True, False)]
        )
        pair = delong(scores[0][films], scores[1][films], positive[films])
        differences.append(pair.difference)

    assert np.std(differences) == pytest.approx(test.difference / test.z, rel=0.1)
    assert np.percentile(differences, [2.5, 97.5]) == pytest.approx([test.low, test.high], abs=0.02)


def test_networks_that_rank_alike_do_not_differ(
    scored: tuple[list[NDArray[np.float64]], NDArray[np.bool_]],
) -> None:
    (better, worse), positive = scored

    assert (delong(better, 2 * better, positive).difference, delong(better, 2 * better, positive).p) == (0, 1)
    assert delong(better, worse, positive).z == pytest.approx(-delong(worse, better, positive).z)
    perfect = positive.astype(float)
    opposite = delong(perfect, -perfect, positive)
    assert (opposite.first, opposite.second, opposite.reason) == (1, 0, "The areas do not vary from film to film.")


def test_too_few_films_with_a_finding_have_no_area() -> None:
    positive = np.arange(50) < 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        test = delong(np.arange(50.0), np.arange(50.0), positive)

    assert math.isnan(test.first)
    assert test.reason == "4 films have it and 46 do not; 5 of each are needed."
    assert test.card()["p"] is None
