"""The whole report on a small drawn set, and its parts against values known by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import BadData
from core.evaluate.groups import accuracy_by_source_alone, groups, warnings
from core.evaluate.manifest import Row, read_manifest
from core.evaluate.predictions import labelled_predictions
from core.evaluate.run import refuse_one_class, report
from core.models.classifier import Classifier
from tests.evaluate import drawn


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return read_manifest(drawn.write(tmp_path_factory.mktemp("drawn"), 16))


def _row(label: str, source: str = "", age: str = "") -> Row:
    return Row(Path("a"), label, source=source, age=age)


def test_a_report_holds_every_key_that_readers_of_cards_rely_on(classifier: Classifier, rows: list[Row]) -> None:
    figures = report(classifier, rows[:12], method="grad-cam", others=rows[12:], repeats=10)

    assert (figures["leakage"]["films"], figures["leakage"]["others"]) == (12, 4)
    assert (
        figures["lung_ratio"]["n"],
        figures["hit_rate"]["n"],
        figures["miou"]["n"],
        figures["device_ratio"]["n"],
    ) == (
        12,
        6,
        6,
        12,
    )
    assert {"n", "patients", "accuracy", "balanced_accuracy", "macro_auc", "auc", "average_precision"} <= set(figures)
    assert {"sensitivity", "specificity", "confusion", "ece", "ece_before", "brier", "reliability"} <= set(figures)
    assert {"roc", "precision_recall", "groups", "warnings", "accuracy_by_source_alone"} <= set(figures)
    assert (figures["n"], figures["patients"]) == (12, 6)
    assert set(figures["accuracy"]) == {"value", "low", "high", "n"}
    assert {"pneumonia", "normal"} == set(figures["auc"])
    assert np.sum(figures["confusion"]) == 12


def test_copies_are_the_first_warning(classifier: Classifier, rows: list[Row]) -> None:
    twice = replace(rows[0], id="twice", patient="another", split="train")

    figures = report(classifier, rows, others=[twice], repeats=5)

    assert figures["warnings"][0] == "Leakage: pairs of the same file on both sides of the split: 1."
    assert "lung_ratio" not in figures  # no method was requested


def test_labels_of_one_class_are_refused(classifier: Classifier, rows: list[Row]) -> None:
    ill = [row for row in rows if row.label == "pneumonia"]

    with pytest.raises(BadData, match=r"All 8 films are of one class \(pneumonia\)"):
        report(classifier, ill)
    with pytest.raises(BadData, match="There is no film with a finding of x"):
        refuse_one_class(np.zeros((0, 1), bool), ("x",))


def test_groups_are_by_source_age_sex_and_view_and_without_shortcuts(classifier: Classifier, rows: list[Row]) -> None:
    truth = np.eye(3, dtype=bool)[[1 if row.label == "pneumonia" else 2 for row in rows]]
    predictions = labelled_predictions(
        classifier.checkpoint, truth * np.float32(9), truth, np.array([row.patient for row in rows])
    )

    result = groups(predictions, rows, repeats=10)

    names = [(part["by"], part["name"], part["n"]) for part in result]
    assert names == [
        ("source", "a", 8),
        ("source", "b", 8),
        ("age", "40-64", 5),  # two children and four below 40 are too few to be reported
        ("age", "65+", 5),
        ("sex", "F", 8),
        ("sex", "M", 8),
        ("shortcut", "Adults (known age 18 and over)", 14),
    ]
    assert all(part["accuracy"]["value"] == 1 for part in result)


def test_guessing_by_source_is_right_for_each_source_s_commonest_label() -> None:
    rows = [_row("x", "a"), _row("x", "a"), _row("y", "a"), _row("y", "b")]

    assert accuracy_by_source_alone(rows) == 0.75
    assert accuracy_by_source_alone([_row("x"), _row("y")]) is None


def test_warnings_name_the_shortcut_and_the_group_that_does_worse() -> None:
    rows = [_row("x", "a"), _row("y", "b")] * 10
    everything: dict[str, Any] = {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95, "n": 20}}
    worse = {"by": "sex", "name": "F", "n": 9, "accuracy": {"value": 0.5, "low": 0.4, "high": 0.7, "n": 9}}
    alike = {"by": "sex", "name": "M", "n": 9, "accuracy": {"value": 0.8, "low": 0.6, "high": 0.9, "n": 9}}

    assert warnings(everything, [worse, alike], rows) == [
        "Saying each source's commonest label, without looking, is right for 100% of these films: "
        "an accuracy of 90% on them proves little.",
        "Sex F: accuracy 50% (40% to 70%, 9 films), 90% over all.",
    ]
    assert warnings(everything, [], [_row("x", "a"), _row("y", "a")]) == []
