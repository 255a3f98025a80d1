"""`what-if` and `sensitivity`: JSON, a table without --json, a picture, and one sentence for bad input."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.image.phantom import draw
from core.what_if.edit import edits, parsed_edit


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "chest.png"
    Image.fromarray(draw(seed=3, height=300, width=280).radiograph.pixels).save(path)
    return path


def run(command: str, weights: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [command, "--weights", str(weights), *arguments])


def test_edits_give_before_and_after_and_the_edits_as_text(weights: Path, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "before-after.png"
    texts = ("--edit", "blur", "--edit", "flip", "--region", "zone:right lung+ellipse:0.1,0.1,0.3,0.3")

    result = run("what-if", weights, str(film), *texts, "--json", "--out", str(out))

    record = json.loads(result.stdout)
    assert record["edits"] == ["blur@zone:right lung+ellipse:0.1,0.1,0.3,0.3", "flip"]
    assert sum(record["before"].values()) == pytest.approx(1, abs=1e-4)
    assert record["before"] != record["after"]
    assert isinstance(record["turned"], bool)
    assert record["written"] == [str(out)]
    picture = np.asarray(Image.open(io.BytesIO(out.read_bytes())))
    assert picture.shape == (300, 3 * 280 + 2 * 8, 3)


def test_the_table_shows_the_change_of_each_finding(weights: Path, film: Path) -> None:
    result = run("what-if", weights, str(film), "--edit", "black@rectangle:0,0,0.5,1")

    assert result.exit_code == 0
    assert "before" in result.stdout
    assert "pneumonia" in result.stdout
    assert "The answer " in result.stdout


def test_no_edit_at_all_and_a_sweep_agree_at_the_neutral_value(weights: Path, film: Path) -> None:
    swept = json.loads(run("what-if", weights, str(film), "--sweep", "brighten", "--json").stdout)
    edited = json.loads(run("what-if", weights, str(film), "--edit", "brighten:amount=0.25", "--json").stdout)

    at = swept["values"].index(0.0)
    assert swept["probabilities"]["covid"][at] == pytest.approx(edited["before"]["covid"], abs=1e-5)
    at = swept["values"].index(0.25)
    assert swept["probabilities"]["covid"][at] == pytest.approx(edited["after"]["covid"], abs=1e-5)
    assert swept["low"] <= 0 <= swept["high"]
    assert "Brighten" in swept["sentence"]


def test_the_smallest_blur_is_an_edit_that_can_be_repeated(weights: Path, film: Path) -> None:
    found = json.loads(run("what-if", weights, str(film), "--smallest", "--json").stdout)

    assert 0 < found["share"] <= 1
    (text,) = found["edits"]
    assert parsed_edit(text).name == "blur"
    again = json.loads(run("what-if", weights, str(film), "--edit", text, "--json").stdout)
    assert again["after"] == found["after"]
    assert again["turned"] == found["turned"]


def test_the_list_names_every_edit_and_setting() -> None:
    listed = CliRunner().invoke(cli, ["what-if", "--list"]).stdout

    for name, kind in edits.items():
        assert f"\n{name} " in listed
        assert all(f"  {setting.name}=" in listed for setting in kind.settings)
    assert "hottest tenth" in listed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Nothing to try"),
        (["--sweep", "gamma", "--smallest"], "either --sweep or --smallest"),
        (["--edit", "blurr"], "Did you mean 'blur'"),
        (["--edit", "black"], "needs a region"),
        (["--edit", "black@rectangle:2,2,3,3"], "holds no pixel"),
        (["--edit", "black", "--region", "rectangle:0,0,1,1"], "leaves nothing"),
        (["--edit", "transplant@zone:right lung"], "no other film"),
        (["--sweep", "flip"], "no strength to sweep"),
        (["--edit", "flip", "--out", "picture.jpg"], "ends in .png"),
    ],
)
def test_what_cannot_be_tried_gets_one_sentence(weights: Path, film: Path, arguments: list[str], sentence: str) -> None:
    result = run("what-if", weights, str(film), *arguments)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_picture_that_is_no_chest_is_withheld(weights: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")

    result = run("what-if", weights, str(tmp_path / "noise.png"), "--edit", "flip")

    assert result.exit_code == 1
    assert "withheld" in result.stderr


def test_sensitivity_lists_every_variant_with_its_answer_or_reason(weights: Path, film: Path) -> None:
    record = json.loads(run("sensitivity", weights, str(film), "--json").stdout)
    table = run("sensitivity", weights, str(film)).stdout

    rows = {f"{row['group']}: {row['variant']}": row for row in record["variants"]}
    assert rows["Grey scale: inverted"]["shift"] > 0
    assert rows["Channels: in reverse order"]["reason"] == "The model reads one channel."
    assert all(("reason" in row) != ("turned" in row) for row in rows.values())
    assert record["sentence"].startswith("The answer ")
    assert all(name in table for name in rows)
