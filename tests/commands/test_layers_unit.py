"""`layers unit`: figures, pictures, and missing input."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.layers.activations import stage_activations
from core.layers.preferred import STEPS
from core.models.classifier import load
from core.types import Radiograph
from tests.dashboard import small_models


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two untrained small networks and the atlas of "one" over 12 phantoms, with pictures."""
    folder = tmp_path_factory.mktemp("small")
    small_models.put(folder, {"one": 0, "other": 1})
    given = ["atlas", "--checkpoint", "one", "--weights", folder, "--phantoms", 12, "--pictures", "--every", 1]
    result = CliRunner().invoke(cli, [*map(str, given), "--out", str(folder / "atlases" / "one")])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def film(phantom: Radiograph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.png"
    Image.fromarray(phantom.pixels).save(path)
    return path


def _unit(folder: Path, name: str, *given: object) -> Result:
    arguments = ["layers", "unit", "--checkpoint", name, "--weights", str(folder), *map(str, given)]
    return CliRunner().invoke(cli, arguments)


def test_all_figures_of_a_unit_are_one_line_and_pictures(small: Path, film: Path, tmp_path: Path) -> None:
    given = ("--stage", "stage 2", "--channel", 5, "--film", film, "--steps", 4, "--prior", "free")
    result = _unit(small, "one", *given, "--out", tmp_path, "--json")

    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout.splitlines()[-1])
    assert record["atlas"] == {"set": "12 drawn phantoms", "films": 12, "drawn": True}
    assert len(record["exciting"]) == len(record["nearest"]) == 8
    assert (record["preferred"]["steps"], record["preferred"]["prior"]) == (4, "free")
    assert len(record["preferred"]["curve"]) == 4
    names = {Path(name).stem.removeprefix("stage-2.5.") for name in record["files"]}
    assert {"map", "deconvolution", "guided-backprop", "neuron-gradient", "preferred", "exciting-1"} <= names
    sizes = {}
    for name in record["files"]:
        with Image.open(name) as picture:
            sizes[Path(name).stem.removeprefix("stage-2.5.")] = np.asarray(picture).shape
    assert sizes["preferred"] == (64, 64)
    assert sizes["map"][2] == sizes["deconvolution"][2] == 3


def test_units_have_files_of_their_own_and_files_in_the_way_stay(small: Path, tmp_path: Path) -> None:
    given = ("--stage", "stage 2", "--steps", 0, "--out", tmp_path / "new" / "units", "--json")
    written = [json.loads(_unit(small, "one", *given, "--channel", channel).stdout)["files"] for channel in (5, 5, 6)]

    assert written[0] == written[1]
    assert not set(written[0]) & set(written[2])
    Path(written[0][-1]).write_bytes(b"mine")
    result = _unit(small, "one", *given, "--channel", 5)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["mean"] > 0  # the computed results are still printed
    assert json.loads(result.stdout)["files"] == []
    assert "exists with different content; nothing was written" in result.stderr
    assert Path(written[0][-1]).read_bytes() == b"mine"


def test_the_figures_of_the_film_are_those_of_its_activations(small: Path, film: Path) -> None:
    result = _unit(small, "one", "--channel", 3, "--film", film, "--steps", 0, "--json")
    record = json.loads(result.stdout.splitlines()[-1])
    from core.image.read import read

    classifier = load("one", small)
    last = record["stage"]
    expected = stage_activations(classifier, read(film.read_bytes(), name="film.png"), last).maps[3]
    assert record["film"]["greatest"] == pytest.approx(float(expected.max()), rel=1e-5)
    assert record["film"]["mean"] == pytest.approx(float(expected.mean()), rel=1e-5)
    assert 0 <= record["film"]["above"] <= 1
    assert "preferred" not in record


def test_people_get_sentences(small: Path, film: Path) -> None:
    result = _unit(small, "one", "--stage", "stage 2", "--channel", 5, "--film", film, "--steps", 2)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Unit 5 of stage 2, one\nOn film.png: mean ")
    assert re.search(r"Over 12 drawn phantoms: mean \S+; maximum per film \S+ to \S+\.\n", result.stdout)
    assert "Similar units: stage " in result.stdout
    assert "2 steps, from a drawn mean chest, and near it" in result.stdout


def test_the_preferred_picture_is_computed_where_it_is_stored_or_requested(small: Path, tmp_path: Path) -> None:
    given = ("--stage", "stage 2", "--channel", 5)
    unseen, values, result = (
        json.loads(_unit(small, "one", *given, *more, "--json").stdout)
        for more in ((), ("--steps", 2), ("--out", tmp_path))
    )

    assert "preferred" not in unseen
    assert values["preferred"]["steps"] == 2
    assert result["preferred"]["steps"] == STEPS["chest"]
    assert str(tmp_path / "stage-2.5.preferred.png") in result["files"]


def test_the_help_names_the_usual_steps() -> None:
    text = " ".join(CliRunner().invoke(cli, ["layers", "unit", "--help"]).output.split())

    assert f"{STEPS['free']} with the free prior, {STEPS['chest']} with the chest prior; 0 without --out" in text


def test_without_an_atlas_the_rest_is_reported(small: Path) -> None:
    result = _unit(small, "other", "--channel", 0, "--steps", 0)

    assert result.exit_code == 0, result.output
    assert "There is no atlas for this model. Build one" in result.stdout


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("one", ("--stage", "stage 2", "--channel", 9999), "stage 2 has no unit 9999; it has units 0 to"),
        ("one", ("--channel", -1), "has no unit -1; it has units 0 to"),
        ("one", ("--stage", "stage 9", "--channel", 0), "no layer of small-cnn named 'stage 9'"),
        ("other", ("--channel", 0, "--atlas", "ONE"), "belongs to other weights (one, SHA-256"),
        ("one", ("--channel", 0, "--film", "nowhere.png"), "There is no file nowhere.png."),
    ],
)
def test_what_is_not_there_is_one_sentence(small: Path, name: str, given: tuple[object, ...], sentence: str) -> None:
    atlas = small / "atlases" / "one"
    result = _unit(small, name, *[atlas if each == "ONE" else each for each in given], "--steps", 0)

    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert sentence in result.output
    assert len(result.output.splitlines()) == 1


def test_a_stage_without_extent_is_refused(one_cell_weights: Path) -> None:
    result = _unit(one_cell_weights, "flat", "--stage", "stage 4", "--channel", 0, "--steps", 0)

    assert result.exit_code == 1
    assert (
        "stage 4 of flat gives 1 × 1 maps, which have no place on the film. Choose an earlier layer." in result.output
    )


@pytest.fixture(scope="module")
def one_cell_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DenseNet-121 for films of 32 px, whose last stage has one cell."""
    from core.models.architecture import architectures
    from core.models.checkpoints import input_card, write
    from core.types import Input

    folder = tmp_path_factory.mktemp("flat")
    card = {"architecture": "densenet121", "findings": ["covid", "normal"], "multi_label": False}
    card |= {"input": input_card(Input(size=32)), "temperature": 1.0}
    write(architectures["densenet121"].build(2, 1).eval(), card, "flat", folder)
    return folder
