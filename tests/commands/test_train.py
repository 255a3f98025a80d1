"""`train`: from options to a recipe; the training itself is tested with core.train."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import core.train.run
from core.__main__ import cli
from core.models.checkpoint import SHIPPED, read_card
from core.train.fit import Recipe


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, weights: Path) -> list[tuple[Path, dict[str, Any]]]:
    """What was asked of core.train.run.train, which does nothing here."""
    asked: list[tuple[Path, dict[str, Any]]] = []

    def train(data: Path, **given: Any) -> object:
        asked.append((data, given))
        return read_card("untrained", weights)

    monkeypatch.setattr(core.train.run, "train", train)
    return asked


def test_without_options_it_is_the_recipe_of_the_shipped_network(calls: list[Any]) -> None:
    told = CliRunner().invoke(cli, ["train", "--data", "films", "--name", "new"])

    assert told.exit_code == 0, told.output
    expected = {"name": "new", "recipe": Recipe(), "runs": Path("runs"), "out": SHIPPED}
    assert calls == [(Path("films"), expected)]


def test_options_reach_the_recipe(calls: list[Any]) -> None:
    options = ["--sizes", "64,96", "--epochs", "3,1", "--batch", "8", "--rate", "0.01", "--seed", "4"]
    options += ["--findings", "pneumonia, normal", "--runs", "r", "--out", "o"]
    told = CliRunner().invoke(cli, ["train", "--data", "films", "--name", "new", *options])

    assert told.exit_code == 0, told.output
    recipe = Recipe(
        findings=("pneumonia", "normal"), sizes=(64, 96), epochs=(3, 1), cycles=(4,), batch=8, rate=0.01, seed=4
    )
    assert calls == [(Path("films"), {"name": "new", "recipe": recipe, "runs": Path("r"), "out": Path("o")})]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--sizes", "64,large"], "--sizes is '64,large'; it must be whole numbers"),
        (["--sizes", "64", "--epochs", "1,2"], "must be equally many"),
        (["--architecture", "densenet122"], "Did you mean 'densenet121'?"),
    ],
)
def test_what_the_reader_can_mend_is_one_sentence(calls: list[Any], options: list[str], sentence: str) -> None:
    told = CliRunner().invoke(cli, ["train", "--data", "films", "--name", "new", *options])

    assert told.exit_code == 1
    assert sentence in told.stderr
    assert calls == []


def test_a_folder_without_a_table_is_told(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        cli, ["train", "--data", str(tmp_path), "--name", "new", "--out", str(tmp_path), "--runs", str(tmp_path)]
    )

    assert told.exit_code == 1
    assert "There is no cxr.csv in" in told.stderr
