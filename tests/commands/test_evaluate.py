"""`evaluate`: a small drawn set through the real network, as tables, as JSON and as files."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.commands.evaluation_report import estimate_cell
from core.models.architecture import architectures
from core.models.checkpoints import input_card, write
from core.models.findings import CHESTXRAY14
from core.types import Input
from tests.evaluate import drawn
from tests.train import chestxray14_folder


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn.write(tmp_path_factory.mktemp("drawn"), 16)


def _evaluate(weights: Path, *given: object) -> Result:
    return CliRunner().invoke(cli, ["evaluate", *map(str, given), "--weights", str(weights), "--resamples", "10"])


def test_people_get_tables(weights: Path, manifest: Path) -> None:
    result = _evaluate(weights, manifest)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("untrained on 12 films of 6 patients, split test\n")
    assert "Leakage: 12 films compared with each other and with 4 of other splits; identical files: 0" in result.stdout
    assert "balanced accuracy" in result.stdout
    assert "Grad-CAM heat" in result.stdout
    assert "label \\ predicted" in result.stdout
    assert "Adults (known age 18 and over)" in result.stdout


def test_below_fifty_films_the_interval_comes_first() -> None:
    assert estimate_cell({"value": 0.8, "low": 0.6, "high": 0.9, "n": 49}) == "0.600 to 0.900 (0.800)"
    assert estimate_cell({"value": 0.8, "low": 0.6, "high": 0.9, "n": 50}) == "0.800 (0.600 to 0.900)"
    assert estimate_cell({"value": None, "low": None, "high": None, "n": 0}) == "-"


def test_json_is_one_line_with_stable_keys(weights: Path, manifest: Path) -> None:
    result = _evaluate(weights, manifest, "--split", "val", "--json")

    record = json.loads(result.stdout)
    assert (record["checkpoint"], record["split"], record["n"]) == ("untrained", "val", 4)
    assert set(record["accuracy"]) == {"value", "low", "high", "n"}
    assert record["heat"]["method"] == "grad-cam"
    assert record["lung_ratio"]["n"] == 4
    assert record["macro_auc"]["value"] is None  # two films of each class are too few


def test_out_holds_the_report_and_tables_and_is_never_overwritten(
    weights: Path, manifest: Path, tmp_path: Path
) -> None:
    result = _evaluate(weights, manifest, "--json", "--out", tmp_path / "out")

    assert json.loads((tmp_path / "out" / "report.json").read_text()) == json.loads(result.stdout)
    with (tmp_path / "out" / "predictions.csv").open(newline="") as lines:
        films = list(csv.DictReader(lines))
    assert [film["file"] for film in films[:2]] == ["0-film.png", "1-film.png"]
    assert sum(float(films[0][finding]) for finding in ("covid", "pneumonia", "normal")) == pytest.approx(1, abs=1e-5)
    assert (tmp_path / "out" / "confusion.csv").read_text().splitlines()[0] == "label,covid,pneumonia,normal"
    assert (tmp_path / "out" / "groups.csv").read_text().startswith("by,name,n,patients,accuracy,accuracy low")

    before = (tmp_path / "out" / "report.json").read_text()
    again = _evaluate(weights, manifest, "--out", tmp_path / "out")
    assert again.exit_code == 1
    assert "already holds report.json" in again.stderr
    assert (tmp_path / "out" / "report.json").read_text() == before


def test_films_that_would_be_withheld_are_counted_and_stay_in_the_figures(weights: Path, tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 16)
    before = json.loads(_evaluate(weights, manifest, "--json").stdout)
    with Image.open(tmp_path / "3-film.png") as film:
        film.transpose(Image.Transpose.ROTATE_180).save(tmp_path / "3-film.png")

    record = json.loads(_evaluate(weights, manifest, "--json").stdout)

    assert before["withheld"] == {"n": 0, "films": [], "by_gate": 0}
    assert record["withheld"]["n"] == 1
    assert "3-film" in record["withheld"]["films"][0]
    assert record["n"] == before["n"] == 12
    assert "answer would be withheld for 1 film (" in _evaluate(weights, manifest).stdout


def test_a_film_that_cannot_be_read_is_reported_and_the_others_count(weights: Path, tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 16)
    (tmp_path / "3-film.png").write_bytes(b"no picture")

    result = _evaluate(weights, manifest, "--json", "--out", tmp_path / "out")

    record = json.loads(result.stdout)
    assert result.exit_code == 1
    assert record["n"] == 11
    assert "3-film" in record["unreadable"][0]["film"]
    assert len((tmp_path / "out" / "predictions.csv").read_text().splitlines()) == 1 + 11
    assert "Without 1 film that could not be read; " in _evaluate(weights, manifest).stdout


def test_without_a_split_column_all_films_count(weights: Path, manifest: Path) -> None:
    text = manifest.read_text().replace(",split,", ",part,")
    (manifest.parent / "whole.csv").write_text(text)

    result = _evaluate(weights, manifest.parent / "whole.csv", "--json")

    assert (json.loads(result.stdout)["n"], json.loads(result.stdout)["split"]) == (16, None)


def test_a_split_without_films_is_reported(weights: Path, manifest: Path) -> None:
    result = _evaluate(weights, manifest, "--split", "train")

    assert result.exit_code == 1
    assert "has no film in split 'train'; it has test, val" in result.stderr


def test_an_unknown_label_is_reported_and_can_be_left_out(weights: Path, manifest: Path) -> None:
    (manifest.parent / "odd.csv").write_text(
        manifest.read_text().replace("\n0-film.png,pneumonia", "\n0-film.png,mumps")
    )

    result = _evaluate(weights, manifest.parent / "odd.csv")
    assert result.exit_code == 1
    assert "a label that the card does not know: 'mumps'; it knows covid, pneumonia, normal" in result.stderr

    result = _evaluate(weights, manifest.parent / "odd.csv", "--only-known", "--json")
    assert json.loads(result.stdout)["n"] == 11


def test_an_unknown_method_is_reported(weights: Path, manifest: Path) -> None:
    result = _evaluate(weights, manifest, "--method", "gradcam")

    assert result.exit_code == 1
    assert "Did you mean 'grad-cam'?" in result.stderr


def test_a_folder_of_chestxray14_is_read_as_it_is_downloaded(tmp_path: Path) -> None:
    (tmp_path / "nih").mkdir()
    folder = chestxray14_folder.write(tmp_path / "nih")
    network = architectures["small-cnn"].build(len(CHESTXRAY14), 1)
    card = {
        "architecture": "small-cnn",
        "findings": list(CHESTXRAY14),
        "multi_label": True,
        "input": input_card(Input(size=32)),
        "temperature": 1.0,
    }
    write(network, card, "untrained", tmp_path / "weights")

    record = json.loads(_evaluate(tmp_path / "weights", folder, "--json").stdout)

    assert (record["split"], record["n"], record["patients"]) == ("test", 2, 2)
    assert list(record["confusion"]) == list(CHESTXRAY14)
