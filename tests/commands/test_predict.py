"""`predict`, run as a user would."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.models.architecture import architectures
from core.models.checkpoints import input_card, write
from core.models.classifier import Classifier
from core.models.findings import CHESTXRAY14
from core.types import Cleaning, Input, Radiograph


@pytest.fixture(scope="module")
def film(phantom: Radiograph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "phantom.png"
    Image.fromarray(phantom.pixels).save(path)
    return path


def predict(weights: Path, *arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(cli, ["predict", "--weights", str(weights), *arguments], **options)


def test_json_holds_all_that_was_requested(weights: Path, film: Path) -> None:
    result = predict(weights, str(film), "--json")

    record = json.loads(result.stdout)
    assert result.exit_code == 0
    answer = ["finding", "found", "probabilities", "prediction_set"]
    assert list(record) == ["path", "checkpoint", *answer, "gate", "cleaning", "quality", "seconds"]
    assert record["gate"] == {"untrained": {"ruling": "no gate", "score": None}}
    assert record["path"] == str(film)
    assert record["checkpoint"] == "untrained"
    assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert record["finding"] == max(record["probabilities"], key=record["probabilities"].get)
    assert {"name", "level", "figure", "unit", "sentence"} == set(record["quality"][0])
    assert record["seconds"] > 0


def test_the_answer_is_the_classifiers(weights: Path, film: Path, classifier: Classifier) -> None:
    from core.image.read import read

    cleaning = Cleaning(crop_borders=False, turn=2, invert=True, denoise="median", clahe=True, anyway=True)
    prediction = classifier.predict(read(film.read_bytes(), name="film"), cleaning=cleaning)
    switches = ["--keep-borders", "--turn", "180", "--invert", "--denoise", "median", "--clahe", "--anyway"]
    switched = json.loads(predict(weights, str(film), "--json", *switches).stdout)["probabilities"]
    plain = json.loads(predict(weights, str(film), "--json").stdout)["probabilities"]

    assert list(switched.values()) == pytest.approx(prediction.probabilities.tolist(), abs=1e-5)
    assert switched != plain


def test_a_film_that_means_nothing_is_withheld_until_it_is_wanted_anyway(weights: Path, film: Path) -> None:
    result = predict(weights, str(film), "--json", "--turn", "180")
    record = json.loads(result.stdout)
    wanted = json.loads(predict(weights, str(film), "--json", "--turn", "180", "--anyway").stdout)

    assert result.exit_code == 0
    assert "upside-down" in record["withheld"]
    assert "probabilities" not in record
    assert wanted["cleaning"]["anyway"]
    assert "withheld" not in wanted
    assert "withheld: The film lies upside-down" in predict(weights, str(film), "--turn", "180").stdout
    assert not json.loads(predict(weights, str(film), "--json", "--anyway").stdout)["cleaning"]["anyway"]


def test_another_window_changes_the_answer_and_stands_in_the_record(weights: Path, film: Path) -> None:
    plain, narrow = (
        json.loads(predict(weights, str(film), "--json", "--anyway", *window).stdout)
        for window in ((), ("--window", "2000/900"))
    )

    assert plain["probabilities"] != narrow["probabilities"]
    assert narrow["cleaning"]["window"] == "2000/900"
    wrong = predict(weights, str(film), "--window", "#7", "--json")
    assert wrong.exit_code == 1
    assert "has no window '#7'" in json.loads(wrong.stdout)["error"]


def test_a_bad_file_is_reported_and_the_others_go_on(weights: Path, film: Path, tmp_path: Path) -> None:
    bad = tmp_path / "renamed.png"
    bad.write_text("a letter")
    result = predict(weights, str(bad), str(film), "--json")

    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 1
    assert set(first) == {"path", "error"}
    assert second["path"] == str(film)


def test_people_get_a_table_with_warnings_below_the_film(weights: Path, film: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    with Image.open(film) as image:
        image.resize((60, 60)).save(small)
    result = predict(weights, str(film), str(small), str(tmp_path / "none.png"))

    lines = result.stdout.splitlines()
    assert lines[0].split() == ["file", "most", "likely", "covid", "pneumonia", "normal"]
    assert len(lines[1]) == len(lines[0])
    assert any(line.startswith("    ! ") for line in lines[2:])
    assert "not read: There is no file" in lines[-1]
    assert result.exit_code == 1


def test_a_film_comes_through_standard_input(weights: Path, film: Path) -> None:
    result = predict(weights, "-", "--json", input=film.read_bytes())

    assert json.loads(result.stdout)["path"] == "-"


def test_an_unknown_checkpoint_is_one_sentence_with_the_nearest_name(weights: Path, film: Path) -> None:
    result = predict(weights, str(film), "--checkpoint", "untraind")

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "Did you mean 'untrained'?" in result.stderr
    assert result.stdout == ""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a multi-label network that says Hernia 0.2, found from 0.1 on, and 0.4 of the others."""
    torch.manual_seed(0)
    network = architectures["small-cnn"].build(len(CHESTXRAY14), 1)
    last = network.head.get_submodule("linear")
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.logit(torch.tensor([0.2 if name == "Hernia" else 0.4 for name in CHESTXRAY14])))
    folder = tmp_path_factory.mktemp("many")
    card = {
        "architecture": "small-cnn",
        "findings": list(CHESTXRAY14),
        "multi_label": True,
        "input": input_card(Input(size=64)),
        "temperature": 1.0,
        "thresholds": {"Hernia": 0.1},
    }
    write(network, card, "many", folder)
    return folder


def test_a_multi_label_network_says_what_it_finds_and_each_probability_by_itself(many: Path, film: Path) -> None:
    record = json.loads(predict(many, str(film), "--json").stdout)

    assert (record["finding"], record["found"]) == ("Hernia", ["Hernia"])
    assert list(record["probabilities"]) == list(CHESTXRAY14)
    assert record["probabilities"]["Hernia"] == pytest.approx(0.2, abs=1e-3)
    assert sum(record["probabilities"].values()) > 1


def test_fourteen_findings_are_listed_where_they_are_detected_and_not_as_columns(many: Path, film: Path) -> None:
    head, line = predict(many, str(film)).stdout.splitlines()[:2]

    assert head.split() == ["file", "findings"]
    assert line.endswith("Hernia 0.200")
