"""A card in which nothing is missing, for a model that does not exist: every figure is computed from drawn scores."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

FINDINGS = ("covid", "pneumonia", "normal")
FILMS = 120
_REPEATS = 8  # of a figure; the page draws what it is given
_GRID = np.linspace(0, 1, 21)

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]


def full_card(card: dict[str, Any], *, skill: float = 1.6, seed: int = 0) -> dict[str, Any]:
    """The card with all parts that the Models page can draw.

    skill: how far the scores of the true finding lie above the others, in standard deviations.
    """
    labels, scores = drawn(FILMS, skill=skill, seed=seed)
    small = drawn(44, skill=skill / 2, seed=seed + 1)
    blind = drawn(FILMS, skill=skill / 4, seed=seed + 2)
    old, young = labels[::2], labels[1::2]
    return card | {
        "date": "2026-11-20",
        "intended_use": "Teaching what a classifier looks at. Adult frontal chest radiographs.",
        "known_failures": ["It takes a central line for a sign of covid.", "Lying patients are read as pneumonia."],
        "licence": "CC BY 4.0",
        "thresholds": dict.fromkeys(FINDINGS, 0.4),
        "trained_on": trained_on(),
        "metrics": {
            "test": {
                **test(scores, labels),
                "warnings": ["The source alone predicts most labels.", "Adults: worse.", "Bedside films: worse."],
                "leakage": {
                    "films": FILMS,
                    "others": 3348,
                    "identical": {"n": 1, "across": 0},
                    "near_duplicates": {"n": 4, "across": 3},
                    "patients": {"n": 0, "names": []},
                },
                "groups": [
                    {"by": "age", "name": "adults", "n": len(old), "patients": len(old), **short(scores[::2], old)},
                    {
                        "by": "age",
                        "name": "children",
                        "n": len(young),
                        "patients": len(young),
                        **short(scores[1::2], young),
                    },
                    {"by": "source", "name": "nih", "n": 44, "patients": 44, **short(small[1], small[0])},
                ],
            },
            "other_source": [
                {"source": "nih", "n": 44, "patients": 44, "findings": list(FINDINGS), **short(small[1], small[0])},
                {"source": "archive of one kind", "n": 30, "patients": 30, "findings": ["covid"], "macro_auc": None},
            ],
            "other_source_recipe": {"epochs": [4], "sizes": [64]},
            "other_source_mean": {"macro_auc": short(small[1], small[0])["macro_auc"], "sources": ["nih"]},
            "lesions": [lesion_test("train", 248, 0.57), lesion_test("test", 33, 0.5)],
            "lungs": {
                "lung_ratio": figure(lambda films: float(scores[films].max(axis=1).mean()), FILMS),
                "lung_area": {"value": 0.38, "low": 0.37, "high": 0.39, "n": FILMS},
                "whole": {"n": FILMS, **short(scores, labels)},
                "lungs_out": {"n": FILMS, **short(blind[1], blind[0])},
                "lungs_only": {"n": FILMS, **short(scores, labels)},
            },
        },
    }


def lesion_test(split: str, n: int, hit_rate: float) -> dict[str, Any]:
    """Grad-CAM and a baseline against lesions of `n` films."""

    def around(value: float) -> dict[str, Any]:
        return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": n}

    def figures(value: float) -> dict[str, Any]:
        return {"hit_rate": around(value), "miou": around(0.2), "lesion_ratio": around(0.3), "lesion_area": around(0.1)}

    methods = {"centre-gaussian": figures(0.21), "grad-cam": figures(hit_rate)}
    return {"set": "adults", "split": split, "n": n, "methods": methods}


def drawn(count: int, *, skill: float, seed: int) -> tuple[Labels, Scores]:
    """Labels (N,) and probabilities (N, F)."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % len(FINDINGS)
    logits = chance.normal(size=(count, len(FINDINGS)))
    logits[np.arange(count), labels] += skill
    odds = np.exp(logits)
    return labels, odds / odds.sum(axis=1, keepdims=True)


def figure(value: Callable[[NDArray[np.int64]], float], count: int) -> dict[str, Any]:
    """{value, low, high, n} over resampled films."""
    chance = np.random.default_rng(0)
    again = [value(chance.integers(0, count, count)) for _ in range(_REPEATS)]
    low, high = np.percentile(again, (2.5, 97.5))
    return {"value": round(value(np.arange(count)), 4), "low": round(low, 4), "high": round(high, 4), "n": count}


def short(scores: Scores, labels: Labels) -> dict[str, Any]:
    """macro_auc, auc and accuracy."""
    count = len(labels)

    def area(index: int) -> Callable[[NDArray[np.int64]], float]:
        return lambda films: float(roc_auc_score(labels[films] == index, scores[films, index]))

    return {
        "macro_auc": figure(lambda films: float(np.mean([area(index)(films) for index in range(3)])), count),
        "auc": {finding: figure(area(index), count) for index, finding in enumerate(FINDINGS)},
        "accuracy": figure(lambda films: float(accuracy_score(labels[films], scores[films].argmax(1))), count),
    }


def test(scores: Scores, labels: Labels) -> dict[str, Any]:
    """All figures of a test split."""
    predicted = scores.argmax(axis=1)
    sure, right = scores.max(axis=1), predicted == labels

    def by_finding(value: Callable[[NDArray[np.bool_], Scores], float]) -> dict[str, Any]:
        return {
            finding: figure(lambda films, index=index: value(labels[films] == index, scores[films, index]), FILMS)  # type: ignore[misc]
            for index, finding in enumerate(FINDINGS)
        }

    return {
        "n": FILMS,
        "patients": FILMS,
        **short(scores, labels),
        "balanced_accuracy": figure(
            lambda films: float(balanced_accuracy_score(labels[films], predicted[films])), FILMS
        ),
        "average_precision": by_finding(lambda truth, score: float(average_precision_score(truth, score))),
        "sensitivity": by_finding(lambda truth, score: float((score[truth] >= 0.4).mean())),
        "specificity": by_finding(lambda truth, score: float((score[~truth] < 0.4).mean())),
        "confusion": confusion_matrix(labels, predicted).tolist(),
        "brier": figure(lambda films: float(brier_score_loss(right[films], sure[films])), FILMS),
        "ece_before": figure(lambda films: float(abs(sure[films].mean() - right[films].mean()) + 0.05), FILMS),
        "ece": figure(lambda films: float(abs(sure[films].mean() - right[films].mean())), FILMS),
        "reliability": {"before": bins(sure**0.5, right), "after": bins(sure, right)},
        "roc": {finding: curve(labels == index, scores[:, index], "roc") for index, finding in enumerate(FINDINGS)},
        "precision_recall": {
            finding: curve(labels == index, scores[:, index], "pr") for index, finding in enumerate(FINDINGS)
        },
    }


def bins(sure: Scores, right: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Reliability in five bins."""
    accuracy, confidence = calibration_curve(right, sure, n_bins=5)
    edges = np.linspace(0, 1, 6)
    sizes = np.histogram(sure, edges)[0]
    counts, starts = [int(count) for count in sizes if count], [float(low) for low in edges[:-1][sizes > 0]]
    return [
        {
            "low": low,
            "high": low + 0.2,
            "confidence": round(float(probability), 4),
            "accuracy": round(float(true), 4),
            "n": count,
        }
        for low, probability, true, count in zip(starts, confidence, accuracy, counts, strict=True)
    ]


def curve(truth: NDArray[np.bool_], scores: Scores, kind: str) -> dict[str, list[float]]:
    """A ROC or PR curve on 21 points with its band over resampled films."""

    def heights(films: NDArray[np.int64]) -> NDArray[np.float64]:
        if kind == "roc":
            false_rate, true_rate, _ = roc_curve(truth[films], scores[films])
            return np.asarray(np.interp(_GRID, false_rate, true_rate))
        precision, recall, _ = precision_recall_curve(truth[films], scores[films])
        return np.asarray(np.interp(_GRID, recall[::-1], precision[::-1]))

    chance = np.random.default_rng(0)
    again = [heights(chance.integers(0, len(truth), len(truth))) for _ in range(_REPEATS)]
    low, high = np.percentile(again, (2.5, 97.5), axis=0)
    middle = heights(np.arange(len(truth)))
    across, up = ("fpr", "tpr") if kind == "roc" else ("recall", "precision")
    return {
        name: [float(value) for value in column]
        for name, column in zip((across, up, "low", "high"), (_GRID, middle, low, high), strict=True)
    }


def epochs(count: int, *, of: int, size: int = 112) -> list[dict[str, Any]]:
    """Lines of a training's log: a loss that halves, an area that nears 1."""
    return [
        {
            "epoch": number,
            "of": of,
            "size": size if number <= of // 2 else 2 * size,
            "loss": 1 / 2**number,
            "val_loss": 1.1 / 2**number,
            "val_auc": {finding: 1 - 0.4 / (number + place) for place, finding in enumerate(FINDINGS)},
            "val_accuracy": 1 - 0.6 / number,
            "seconds": 60.0,
        }
        for number in range(1, count + 1)
    ]


def trained_on() -> dict[str, Any]:
    """Films, recipe and curves."""
    counts = [
        {"source": source, "finding": finding, "split": split, "n": n * share}
        for source, finding, n in (
            ("nih", "normal", 27),
            ("nih", "pneumonia", 24),
            ("armiro", "covid", 36),
            ("kermany", "pneumonia", 201),
            ("kermany", "normal", 84),
        )
        for split, share in (("train", 8), ("val", 1), ("test", 1))
    ]
    return {
        "data": "Public films, patients in one split only.",
        "counts": counts,
        "recipe": {"sizes": [112, 224], "batch": 32, "rate": 0.002},
        "epochs": epochs(6, of=6),
        "teachers": [{"name": "mentor"}, {"name": "tutor"}],
        "corrected_labels": [
            {"from": "normal", "to": "covid", "split": "train", "n": 2},
            {"from": "pneumonia", "to": "normal", "split": "train", "n": 4},
            {"from": "pneumonia", "to": "normal", "split": "val", "n": 3},
        ],
        "started_from": {"name": "teacher", "recipe": {}, "epochs": epochs(2, of=2, size=64), "seconds": 120},
        "seconds": 360,
        "hardware": "two cores",
        "annotation": ["NIH labels were read from reports by a program.", "COVID means a positive test."],
        "licence": "CC BY 4.0 and others, see the table of the set",
    }
