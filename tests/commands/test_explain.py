"""`explain`: what is written, under which names, and what is not overwritten."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.explain.run import explain as explained
from core.image.read import read
from core.models.classifier import Classifier
from core.types import Radiograph


@pytest.fixture(scope="module")
def film(phantom: Radiograph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "a film.v2.png"
    Image.fromarray(phantom.pixels).save(path)
    return path


def explain(weights: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["explain", "--weights", str(weights), *arguments])


def records(told: Result) -> list[dict[str, Any]]:
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_overlay_and_raw_map_are_written(weights: Path, film: Path, classifier: Classifier, tmp_path: Path) -> None:
    [record] = records(explain(weights, str(film), "--finding", "covid", "--out", str(tmp_path), "--json"))
    radiograph = read(film.read_bytes(), name="film")
    expected = explained(classifier, radiograph, finding="covid")
    raw = np.load(str(record["map"]), allow_pickle=False)

    assert np.array_equal(raw["heat"], expected.heat)
    box = expected.placement
    assert raw["box"].tolist() == [box.x0, box.y0, box.x1, box.y1]
    assert (int(raw["turn"]), tuple(raw["film"])) == (box.turn, radiograph.pixels.shape)
    assert str(raw["radiograph_key"]) == radiograph.key
    assert str(raw["checkpoint_key"]) == classifier.checkpoint.key
    assert [str(raw[name]) for name in ("method", "finding", "layer", "unit", "checkpoint")] == [
        "grad-cam",
        "covid",
        "stage 4",
        "logits a cell",
        "untrained",
    ]
    with Image.open(str(record["overlay"])) as picture:
        assert picture.mode == "RGB"
        assert picture.width >= radiograph.pixels.shape[1]
        assert len(np.unique(np.asarray(picture))) > 30
    assert Path(str(record["map"])).name == f"a-film-v2.covid.grad-cam.stage-4.{expected.key}.npz"


def test_without_a_finding_the_likeliest_is_explained(
    weights: Path, film: Path, classifier: Classifier, tmp_path: Path
) -> None:
    [record] = records(explain(weights, str(film), "--out", str(tmp_path), "--json"))

    assert record["finding"] == classifier.predict(read(film.read_bytes(), name="film")).likeliest[0]


def test_all_maps_share_one_forward_and_a_backward_for_each_finding(weights: Path, film: Path, tmp_path: Path) -> None:
    everything = ["--method", "grad-cam", "--method", "saliency", "--finding", "all", "--layer", "all"]
    told = records(explain(weights, str(film), *everything, "--out", str(tmp_path), "--json"))

    assert len(told) == 5 * 3 + 3
    assert np.sum([record["passes"] for record in told], axis=0).tolist() == [1, 3]
    assert len(list(tmp_path.glob("*.png"))) == len(list(tmp_path.glob("*.npz"))) == len(told)


def test_the_same_again_changes_nothing_and_other_content_is_not_replaced_unasked(
    weights: Path, film: Path, tmp_path: Path
) -> None:
    command = [str(film), "--finding", "covid", "--out", str(tmp_path), "--json"]
    [record] = records(explain(weights, *command))
    overlay = Path(str(record["overlay"]))
    before = overlay.read_bytes()
    assert explain(weights, *command).exit_code == 0

    refused = explain(weights, *command, "--opacity", "0.9")
    assert refused.exit_code == 1
    assert f"{overlay} is there with other content" in json.loads(refused.stdout)["error"]
    assert overlay.read_bytes() == before

    assert explain(weights, *command, "--opacity", "0.9", "--force").exit_code == 0
    assert overlay.read_bytes() != before


def test_films_of_the_same_name_do_not_collide(weights: Path, film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / film.name
    other.parent.mkdir()
    with Image.open(film) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other)
    told = records(
        explain(weights, str(film), str(other), "--finding", "normal", "--out", str(tmp_path / "maps"), "--json")
    )

    assert len({record["map"] for record in told}) == 2


def test_settings_reach_the_method(weights: Path, film: Path, tmp_path: Path) -> None:
    command = ["--method", "layer-activation", "--setting", "channel=3", "--out", str(tmp_path), "--json"]
    [record] = records(explain(weights, str(film), *command))

    assert json.loads(str(np.load(str(record["map"]))["settings"])) == {"channel": 3}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--method", "gradcam"], "There is no method named 'gradcam'. Did you mean 'grad-cam'?"),
        (["--finding", "covd"], "There is no finding named 'covd'. Did you mean 'covid'?"),
        (["--layer", "stage 5"], "Did you mean 'stage 4'?"),
        (["--setting", "chanel=3", "--method", "layer-activation"], "Did you mean 'channel'?"),
        (["--setting", "channel", "--method", "layer-activation"], "it must be NAME=VALUE"),
        (["--setting", "channel=x", "--method", "layer-activation"], "it must be a number"),
        (["--setting", "a=1", "--method", "saliency", "--method", "grad-cam"], "goes with one --method"),
        (["--colours", "jet"], "'jet' does not suit an unsigned map"),
    ],
)
def test_what_the_reader_can_mend_is_one_sentence(
    weights: Path, film: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    told = explain(weights, str(film), *arguments, "--out", str(tmp_path / "maps"))

    assert told.exit_code == 1
    assert sentence in told.stderr
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "maps").exists()
