"""`layers`: the plan as a table and as lines, the worth of units on a drawn set."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from core.__main__ import cli
from tests.evaluate import drawn


def _layers(weights: Path, *given: object) -> Result:
    return CliRunner().invoke(cli, ["layers", *map(str, given), "--weights", str(weights)])


def test_the_plan_is_a_row_a_stage(weights: Path) -> None:
    result = _layers(weights, "plan")

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "untrained: 6,950,659 parameters, input of 64 px"
    assert [line.split("  ")[0] for line in lines[3:]] == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
    assert "2071 × 2071" in lines[7]
    assert "the whole film" in lines[8]


def test_all_layers_are_lines_for_programs(weights: Path) -> None:
    result = _layers(weights, "plan", "--all", "--json")

    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert records[0] == {
        "checkpoint": "untrained",
        "stage": "stem",
        "name": "features.conv0",
        "kind": "convolution 7 × 7, stride 2",
        "shape": [64, 32, 32],
        "parameters": 3136,
        "field": [7, 7],
        "stride": [2, 2],
        "start": [-3, -3],
        "whole": False,
    }
    assert records[-1]["name"] == "head"
    assert len(records) > 400


def test_the_worth_of_units_is_a_table_or_a_line(weights: Path, tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 8)
    result = _layers(weights, "removal", manifest, "--limit", 2, "--resamples", 10)
    again = _layers(weights, "removal", manifest, "--limit", 2, "--resamples", 10, "--json")

    assert result.exit_code == 0, result.output
    assert "the top 20 units of stage 4 set to zero" in result.stdout
    assert "relevance - random" in result.stdout
    record = json.loads(again.stdout.splitlines()[-1])
    assert (record["n"], record["split"], record["top"]) == (2, "test", 20)
    assert set(record["less"]) == {"relevance - activation", "relevance - random"}


def test_more_units_than_there_are_are_refused_before_any_film_is_read(weights: Path, tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 8)
    result = _layers(weights, "removal", manifest, "--top", 5000)

    assert result.exit_code == 1
    assert result.output == "Error: stage 4 has 1024 units, so 5000 cannot be switched off. Choose fewer.\n"


def test_a_stage_that_is_not_there_is_reported(weights: Path, tmp_path: Path) -> None:
    result = _layers(weights, "removal", drawn.write(tmp_path, 8), "--stage", "stage 5", "--limit", 1)

    assert result.exit_code == 1
    assert "no layer of densenet121 named 'stage 5'. Did you mean 'stage 4'?" in result.output
