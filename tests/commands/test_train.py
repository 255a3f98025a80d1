"""`train`: from options to a recipe; the training itself is tested with core.train."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import core.train.cross_validation
import core.train.run
from core.__main__ import cli
from core.models.checkpoints import SHIPPED, read_card
from core.models.findings import CHESTXRAY14
from core.train.recipe import Recipe


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, weights: Path) -> list[tuple[tuple[Path, ...], dict[str, Any]]]:
    """What was asked of core.train.run.train, which does nothing here."""
    result: list[tuple[tuple[Path, ...], dict[str, Any]]] = []

    def train(data: tuple[Path, ...], **given: Any) -> object:
        result.append((data, given))
        return read_card("untrained", weights)

    monkeypatch.setattr(core.train.run, "train", train)
    return result


def test_without_options_it_is_the_recipe_of_the_shipped_network(calls: list[Any]) -> None:
    result = CliRunner().invoke(cli, ["train", "--data", "films", "--name", "new"])

    assert result.exit_code == 0, result.output
    expected = {"name": "new", "recipe": Recipe(), "runs": Path("runs"), "out": SHIPPED, "notes": None}
    assert calls == [((Path("films"),), expected)]


def test_options_reach_the_recipe(calls: list[Any]) -> None:
    options = ["--sizes", "64,96", "--epochs", "3,1", "--batch", "8", "--rate", "0.01", "--seed", "4"]
    options += ["--findings", "pneumonia, normal", "--runs", "r", "--out", "o"]
    result = CliRunner().invoke(cli, ["train", "--data", "films", "--name", "new", *options])

    assert result.exit_code == 0, result.output
    recipe = Recipe(
        findings=("pneumonia", "normal"), sizes=(64, 96), epochs=(3, 1), cycles=(4,), batch=8, rate=0.01, seed=4
    )
    values = {"name": "new", "recipe": recipe, "runs": Path("r"), "out": Path("o"), "notes": None}
    assert calls == [((Path("films"),), values)]


def test_a_recipe_file_gives_name_and_notes_and_options_change_it(calls: list[Any], tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('notes = "said.toml"\nfindings = ["a", "b"]\nepochs = [3, 2, 1]\nseed = 5\n')
    (tmp_path / "said.toml").write_text('licence = "none"\n')
    command = ["train", "--data", "films", "--recipe", str(tmp_path / "own.toml"), "--multi-label", "--replaced", "0.5"]
    result = CliRunner().invoke(cli, [*command, "--epochs", "1,1,1", "--findings", "chestxray14", "--leave-out", "nih"])

    assert result.exit_code == 0, result.output
    ((_, given),) = calls
    assert given["name"] == "own"
    assert given["notes"] == {"licence": "none"}
    assert given["recipe"] == Recipe(
        findings=CHESTXRAY14, multi_label=True, epochs=(1, 1, 1), replaced=0.5, leave_out="nih", seed=5
    )


@pytest.mark.parametrize("folds", ["3", "source"])
def test_folds_are_printed_one_a_line(monkeypatch: pytest.MonkeyPatch, folds: str, tmp_path: Path) -> None:
    def across(data: tuple[Path, ...], *, by: str, **given: Any) -> list[dict[str, Any]]:
        return [{"name": f"{by} {index}", "n": 4} for index in (1, 2)]

    monkeypatch.setattr(core.train.cross_validation, "across", across)
    result = CliRunner().invoke(cli, ["train", "--data", "films", "--name", "new", "--folds", folds])

    assert result.exit_code == 0, result.output
    assert [json.loads(line)["name"] for line in result.stdout.splitlines()] == [f"{folds} 1", f"{folds} 2"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--sizes", "64,large"], "--sizes is '64,large'; it must be whole numbers"),
        (["--sizes", "64", "--epochs", "1,2"], "must have equal length"),
        (["--folds", "half"], "--folds is 'half'; it must be a whole number, source or hospital"),
        (["--recipe", "none.toml"], "The recipe none.toml cannot be opened"),
        (["--findings", "a,,b"], "separate them by commas"),
        (["--name", "../new"], "--name is '../new'; it names files"),
        (["--frozen"], "frozen features need a checkpoint"),
        (["--architecture", "densenet122"], "Did you mean 'densenet121'?"),
    ],
)
def test_what_the_reader_can_mend_is_one_sentence(calls: list[Any], options: list[str], sentence: str) -> None:
    result = CliRunner().invoke(cli, ["train", "--data", "films", "--name", "new", *options])

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert calls == []


def test_a_checkpoint_without_a_name_is_refused(calls: list[Any]) -> None:
    result = CliRunner().invoke(cli, ["train", "--data", "films"])

    assert result.exit_code == 1
    assert "Give --name, or a --recipe" in result.stderr
    assert calls == []


def test_a_folder_without_a_table_is_reported(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["train", "--data", str(tmp_path), "--name", "new", "--out", str(tmp_path), "--runs", str(tmp_path)]
    )

    assert result.exit_code == 1
    assert "There is no cxr.csv or films.csv in" in result.stderr
