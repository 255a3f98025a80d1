"""`import`, and how the other commands handle an imported checkpoint."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.commands.import_checkpoint import polarity_text
from core.estimate import Estimate
from core.evaluate.polarity import Polarity
from core.models import checkpoints, library
from core.types import Radiograph
from tests.models.importers.files import labelled, prefixed, state_network, stored


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIGHTBOX_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    state = prefixed(state_network("mobilenet-v3-small", 2).state_dict(), "net.")
    return stored({"state_dict": state | {"net.loss.weight": torch.ones(2)}, "epoch": 7}, tmp_path / "best.ckpt")


def _core(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def _records(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_result_is_reported_and_nothing_is_stored_without_a_name(file: Path, home: Path) -> None:
    result = _core("import", file)

    assert result.exit_code == 0
    assert result.stdout.startswith("best.ckpt: MobileNet-V3, small\n")
    for line in (
        "network      MobileNet-V3, small, 3 channels, 2 scores",
        "findings     finding 1, finding 2",
        "removed      state_dict, net",
        "not used     net.loss.weight",
        "grey values  imagenet: ",
        "Not saved yet. Add --name best",
    ):
        assert line in result.stdout
    assert not home.exists()


def test_what_is_corrected_and_named_is_stored_and_every_command_sees_it(
    file: Path, phantom: Radiograph, tmp_path: Path
) -> None:
    [record] = _records(
        _core("import", file, "--name", "mine", "--findings", "covid,normal", "--multi-label", "--size", 64, "--json")
    )
    assert (record["kept"], record["findings"], record["multi_label"]) == ("mine", ["covid", "normal"], True)
    assert record["input"]["size"] == 64
    assert record["imported"]["left_over"] == ["net.loss.weight"]
    assert record["polarity"] is None

    listed = [line for line in _core("models").stdout.splitlines() if not line.startswith("* ")]
    assert listed[-1].startswith("mine ")
    assert "imported, not evaluated here" in listed[-1]
    assert _records(_core("models", "--json"))[-1]["imported"]["file"] == "best.ckpt"
    Image.fromarray(phantom.pixels).save(tmp_path / "film.png")
    [records] = _records(_core("predict", tmp_path / "film.png", "--checkpoint", "mine", "--json"))
    assert records["checkpoint"] == "mine"
    assert set(records["probabilities"]) == {"covid", "normal"}
    explained = _core("explain", tmp_path / "film.png", "--checkpoint", "mine", "--finding", "covid", "--out", tmp_path)
    assert explained.exit_code == 0, explained.output
    assert list(tmp_path.glob("*.npz"))


def test_labelled_films_judge_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.evaluate.polarity._REPEATS", 10)
    state = state_network("mobilenet-v3-small", 2).state_dict()
    manifest = labelled(tmp_path, 12)
    file = stored(state, tmp_path / "w.pt")
    command = ["import", file, "--findings", "pneumonia,normal", "--size", 64, "--examples", manifest]

    [record] = _records(_core(*command, "--name", "judged", "--json"))
    assert record["polarity"]["n"] == 12
    result = checkpoints.read_card("judged", library.folder()).imported
    assert result is not None
    assert result.label_check[0].startswith("On 12 films of 6 patients, area under the ROC curve: ")
    assert set(record["polarity"]["auc"]) == {"pneumonia", "normal"}
    assert record["polarity"]["feeds"]["imagenet"]["n"] == 12


def test_what_labelled_films_say_is_reported_with_the_options_that_take_it_over() -> None:
    area = Estimate(0.2, 0.1, 0.3, 12)
    judged = Polarity(
        n=12,
        patients=6,
        areas={"Lung Opacity": area},
        positives={"Lung Opacity": 5},
        feeds={"unit": area},
        warnings=("The findings look swapped.",),
        findings=("normal", "Lung Opacity"),
        normalisation="unit",
    )

    assert polarity_text(judged) == [
        "  On 12 films of 6 patients, area under the ROC curve: Lung Opacity 0.20 (0.10–0.30, 5 of 12",
        "  films).",
        "  ! The findings look swapped.",
        "  To use that order: --findings 'normal,Lung Opacity'",
        "  To use those grey values: --normalisation unit",
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["--name", "../x"], "cannot be the name of a checkpoint"),
        (["--findings", "a"], "1 finding is named, but best.ckpt gives 2 scores"),
        (["--channels", "1"], "takes 3 channels, not 1"),
        (["--normalisation", "imagnet"], "Did you mean 'imagenet'?"),
    ],
)
def test_a_mistake_is_reported_in_a_sentence_and_stores_nothing(
    given: list[str], sentence: str, file: Path, home: Path
) -> None:
    result = _core("import", file, "--name", "mine", *given)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert sentence in result.stderr
    assert not home.exists()


def test_a_bad_name_is_reported_before_the_file_is_read(home: Path) -> None:
    result = _core("import", "gone.pt", "--name", ".x")

    assert "cannot be the name of a checkpoint" in result.stderr


def test_ones_own_are_renamed_and_removed(file: Path) -> None:
    _core("import", file, "--name", "mine")

    assert _core("models", "--rename", "mine", "ours").stdout == "mine is now ours.\n"
    assert library.own() == ["ours"]
    assert _records(_core("models", "--remove", "ours", "--json")) == [{"removed": "ours"}]
    assert library.own() == []
    assert "comes with Lightbox" in _core("models", "--remove", "small-cnn").stderr


def test_what_was_just_answered_is_not_computed_again(file: Path) -> None:
    output = _core("import", file).stdout
    answered = _core("import", file, "--findings", "covid,normal", "--single-label", "--size", 64, "--name", "r18")

    assert "does not name its outputs" in output
    assert "one finding per film is assumed" in " ".join(output.split())
    assert answered.exit_code == 0
    assert "  ! " not in answered.stdout
