"""`trust`: one object per line, a table without --json, and one sentence if something cannot be judged."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.image.phantom import draw


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "chest.png"
    Image.fromarray(draw(seed=3, height=300, width=280).radiograph.pixels).save(path)
    return path


def run(weights: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["trust", "--weights", str(weights), *arguments])


def test_json_has_four_verdicts_in_the_four_words(weights: Path, film: Path) -> None:
    result = run(weights, str(film), "--quick", "--finding", "normal", "--method", "grad-cam", "--json")

    record = json.loads(result.stdout)
    assert (record["path"], record["finding"], record["method"]) == (str(film), "normal", "grad-cam")
    assert record["checkpoint"] == "untrained"
    assert "map" in record["summary"].lower()
    assert list(record["verdicts"]) == ["domain", "certainty", "faithfulness", "reason"]
    for verdict in record["verdicts"].values():
        assert set(verdict) == {"verdict", "sentence", "figures"}
        assert verdict["verdict"] in ("holds", "doubtful", "fails", "unjudged")
        assert verdict["sentence"]


def test_the_table_asks_the_four_questions(weights: Path, film: Path) -> None:
    result = run(weights, str(film), "--quick")

    assert result.exit_code == 0
    assert "Does the map show what the model used?" in result.stdout
    assert "Hottest region removed" in result.stdout


def test_a_picture_that_is_no_chest_and_a_file_that_is_no_picture(weights: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "text.png").write_text("no picture")

    result = run(weights, str(tmp_path / "noise.png"), str(tmp_path / "text.png"), "--quick", "--json")

    noisy, bad = map(json.loads, result.stdout.splitlines())
    assert noisy["verdicts"]["domain"]["verdict"] == "fails"
    assert noisy["verdicts"]["reason"]["sentence"].startswith("Not judged")
    assert bad["error"]
    assert result.exit_code == 1


def test_an_unknown_finding_or_method_is_refused_before_a_film_is_read(weights: Path) -> None:
    for option, name in (("--finding", "covit"), ("--method", "grad-cm")):
        result = run(weights, "no such file.png", option, name)

        assert result.exit_code != 0
        assert "Did you mean" in result.output
