"""`evaluate`: figures as a table and as JSON; the figures themselves are tested with core.evaluate."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import core.train.run
from core.__main__ import cli

ESTIMATE = {"value": 0.9, "low": 0.8, "high": 0.95}
NONE = {"value": None, "low": None, "high": None}
FOUND = {
    "test": {
        "n": 3,
        "patients": 2,
        "auc": {"covid": {**ESTIMATE, "positives": 1}, "normal": {**NONE, "positives": 2}},
        "accuracy": ESTIMATE,
        "sensitivity": {"covid": ESTIMATE},
        "specificity": {"covid": NONE},
    },
    "groups": [{"name": "adults", "n": 1, "accuracy": ESTIMATE}],
    "accuracy_by_source_alone": 0.6667,
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "cxr.csv").write_text("id,file,label,split,patient\n1,1.png,covid,test,p1\n")
    return tmp_path


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The splits that were evaluated; the figures are made up."""
    asked: list[Any] = []

    def evaluate(classifier: Any, rows: Any, split: str) -> Any:
        asked.append((classifier.checkpoint.name, len(rows), split))
        return FOUND

    monkeypatch.setattr(core.train.run, "evaluate", evaluate)
    return asked


def test_people_get_tables(weights: Path, data: Path, found: list[Any]) -> None:
    told = CliRunner().invoke(cli, ["evaluate", "--data", str(data), "--weights", str(weights)])

    assert told.exit_code == 0, told.output
    assert found == [("untrained", 1, "test")]
    lines = [line.split() for line in told.stdout.splitlines()]
    assert lines[0][:4] == ["untrained", "on", "3", "films"]
    interval = ["0.900", "0.800", "to", "0.950"]
    assert ["covid", *interval, *interval, "-", "1"] in lines
    assert ["normal", "-", "-", "-", "2"] in lines
    assert ["adults", *interval, "1"] in lines
    assert lines[-1][-1] == "0.667"


def test_json_is_one_line(weights: Path, data: Path, found: list[Any]) -> None:
    told = CliRunner().invoke(cli, ["evaluate", "--weights", str(weights), "--json"], env={"LIGHTBOX_DATA": str(data)})

    assert json.loads(told.stdout) == {"checkpoint": "untrained", "split": "test", **FOUND}


def test_a_split_without_films_is_told(weights: Path, data: Path) -> None:
    told = CliRunner().invoke(cli, ["evaluate", "--data", str(data), "--weights", str(weights), "--split", "val"])

    assert told.exit_code == 1
    assert "has no film in split 'val'" in told.stderr
