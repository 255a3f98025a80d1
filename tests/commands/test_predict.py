"""`predict`, run as a person would."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.models.classifier import Classifier
from core.types import Cleaning, Radiograph


@pytest.fixture(scope="module")
def film(phantom: Radiograph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "phantom.png"
    Image.fromarray(phantom.pixels).save(path)
    return path


def predict(weights: Path, *arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(cli, ["predict", "--weights", str(weights), *arguments], **options)


def test_json_holds_all_that_was_asked_for(weights: Path, film: Path) -> None:
    told = predict(weights, str(film), "--json")

    record = json.loads(told.stdout)
    assert told.exit_code == 0
    assert list(record) == ["path", "checkpoint", "finding", "probabilities", "quality", "seconds"]
    assert record["path"] == str(film)
    assert record["checkpoint"] == "untrained"
    assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert record["finding"] == max(record["probabilities"], key=record["probabilities"].get)
    assert {"name", "level", "figure", "unit", "sentence"} == set(record["quality"][0])
    assert record["seconds"] > 0


def test_the_answer_is_the_classifiers(weights: Path, film: Path, classifier: Classifier) -> None:
    from core.image.read import read

    cleaning = Cleaning(crop_borders=False, turn=2, invert=True, denoise="median", clahe=True)
    said = classifier.predict(read(film.read_bytes(), name="film"), cleaning=cleaning)
    switches = ["--keep-borders", "--turn", "180", "--invert", "--denoise", "median", "--clahe"]
    switched = json.loads(predict(weights, str(film), "--json", *switches).stdout)["probabilities"]
    plain = json.loads(predict(weights, str(film), "--json").stdout)["probabilities"]

    assert list(switched.values()) == pytest.approx(said.probabilities.tolist(), abs=1e-5)
    assert switched != plain


def test_a_bad_file_is_told_and_the_others_go_on(weights: Path, film: Path, tmp_path: Path) -> None:
    bad = tmp_path / "renamed.png"
    bad.write_text("a letter")
    told = predict(weights, str(bad), str(film), "--json")

    first, second = (json.loads(line) for line in told.stdout.splitlines())
    assert told.exit_code == 1
    assert set(first) == {"path", "error"}
    assert second["path"] == str(film)


def test_people_get_a_table_with_warnings_below_the_film(weights: Path, film: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    with Image.open(film) as image:
        image.resize((60, 60)).save(small)
    told = predict(weights, str(film), str(small), str(tmp_path / "none.png"))

    lines = told.stdout.splitlines()
    assert lines[0].split() == ["file", "likeliest", "covid", "pneumonia", "normal"]
    assert len(lines[1]) == len(lines[0])
    assert any(line.startswith("    ! ") for line in lines[2:])
    assert "not read: There is no file" in lines[-1]
    assert told.exit_code == 1


def test_a_film_comes_through_standard_input(weights: Path, film: Path) -> None:
    told = predict(weights, "-", "--json", input=film.read_bytes())

    assert json.loads(told.stdout)["path"] == "-"


def test_an_unknown_checkpoint_is_one_sentence_with_the_nearest_name(weights: Path, film: Path) -> None:
    told = predict(weights, str(film), "--checkpoint", "untraind")

    assert told.exit_code == 1
    assert told.stderr.count("\n") == 1
    assert "Did you mean 'untrained'?" in told.stderr
    assert told.stdout == ""
