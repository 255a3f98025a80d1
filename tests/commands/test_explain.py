"""`explain`: what is written, under which names, and what is not overwritten."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.explain.method import methods
from core.explain.run import explain
from core.image.phantom import draw
from core.image.read import read
from core.models.architecture import Network
from core.models.checkpoints import write
from core.models.classifier import Classifier
from core.types import Radiograph

FLOAT32 = next(name for name, method in sorted(methods.items()) if not method.bfloat16)
CARD = ("architecture", "findings", "multi_label", "input", "temperature", "thresholds")


@pytest.fixture(scope="module")
def film(phantom: Radiograph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "a film.v2.png"
    Image.fromarray(phantom.pixels).save(path)
    return path


def run_explain(weights: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["explain", "--weights", str(weights), *arguments])


def records(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_overlay_and_raw_map_are_written(weights: Path, film: Path, classifier: Classifier, tmp_path: Path) -> None:
    [record] = records(run_explain(weights, str(film), "--finding", "covid", "--out", str(tmp_path), "--json"))
    radiograph = read(film.read_bytes(), name="film")
    expected = explain(classifier, radiograph, finding="covid")
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
        "logits per cell",
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
    [record] = records(run_explain(weights, str(film), "--out", str(tmp_path), "--json"))

    assert record["finding"] == classifier.predict(read(film.read_bytes(), name="film")).likeliest[0]


def test_all_maps_share_one_forward_and_a_backward_for_each_finding(weights: Path, film: Path, tmp_path: Path) -> None:
    everything = ["--method", "grad-cam", "--method", "saliency", "--finding", "all", "--layer", "all"]
    result = records(run_explain(weights, str(film), *everything, "--out", str(tmp_path), "--json"))

    assert len(result) == 5 * 3 + 3
    assert np.sum([record["passes"] for record in result], axis=0).tolist() == [1, 3]
    assert len(list(tmp_path.glob("*.png"))) == len(list(tmp_path.glob("*.npz"))) == len(result)


def test_the_same_again_changes_nothing_and_other_content_is_not_replaced_unrequested(
    weights: Path, film: Path, tmp_path: Path
) -> None:
    command = [str(film), "--finding", "covid", "--out", str(tmp_path), "--json"]
    [record] = records(run_explain(weights, *command))
    overlay = Path(str(record["overlay"]))
    before = overlay.read_bytes()
    assert run_explain(weights, *command).exit_code == 0

    refused = run_explain(weights, *command, "--opacity", "0.9")
    assert refused.exit_code == 1
    assert f"{overlay} exists with different content" in json.loads(refused.stdout)["error"]
    assert overlay.read_bytes() == before

    assert run_explain(weights, *command, "--opacity", "0.9", "--force").exit_code == 0
    assert overlay.read_bytes() != before


def test_films_of_the_same_name_do_not_collide(weights: Path, film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / film.name
    other.parent.mkdir()
    with Image.open(film) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other)
    result = records(
        run_explain(weights, str(film), str(other), "--finding", "normal", "--out", str(tmp_path / "maps"), "--json")
    )

    assert len({record["map"] for record in result}) == 2


def test_settings_reach_the_method(weights: Path, film: Path, tmp_path: Path) -> None:
    command = ["--method", "layer-activation", "--setting", "channel=3", "--out", str(tmp_path), "--json"]
    [record] = records(run_explain(weights, str(film), *command))

    assert json.loads(str(np.load(str(record["map"]))["settings"])) == {"channel": 3}


def test_a_setting_is_an_option_and_goes_to_whichever_method_has_it(weights: Path, film: Path, tmp_path: Path) -> None:
    several = ["--method", "saliency", "--method", "layer-activation", "--method", "grad-cam", "--signed"]
    command = [*several, "--channel", "-1", "--finding", "covid", "--out", str(tmp_path), "--json"]
    saliency, activation, cam = records(run_explain(weights, str(film), *command))

    assert saliency["settings"] == {}
    assert activation["settings"] == {"channel": -1}
    assert cam["settings"]["signed"]
    assert cam["signed"]
    [rectified] = records(
        run_explain(weights, str(film), "--no-signed", "--finding", "covid", "--out", str(tmp_path), "--json")
    )
    assert not rectified["signed"]


def test_stages_can_be_fused_and_all_leaves_out_those_that_cannot_serve_the_method(
    weights: Path, film: Path, tmp_path: Path
) -> None:
    command = ["--finding", "covid", "--out", str(tmp_path), "--json"]
    [fused] = records(run_explain(weights, str(film), "--layer", "stage 3+stage 4", *command))
    every = records(
        run_explain(weights, str(film), "--method", "cam", "--method", "layer-cam", "--layer", "all", *command)
    )

    assert fused["layer"] == "stage 3+stage 4"
    assert "stage-3+stage-4" in fused["map"]
    assert [record["layer"] for record in every if record["method"] == "cam"] == ["stage 4"]
    assert len([record for record in every if record["method"] == "layer-cam"]) == 5


def test_a_common_scale_is_the_largest_of_the_call_for_each_unit(weights: Path, film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    with Image.open(film) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other)
    command = [str(film), str(other), "--method", "layer-cam", "--method", "saliency", "--layer", "all"]
    command += ["--finding", "covid", "--json"]
    own = records(run_explain(weights, *command, "--out", str(tmp_path / "own")))
    common = records(run_explain(weights, *command, "--out", str(tmp_path / "common"), "--scale", "common"))

    assert {record["scale"] for record in own} == {None}
    cells = [record for record in common if record["unit"] == "logits per cell"]
    assert {record["scale"] for record in cells} == {max(record["peak"] for record in cells if not record["void"])}
    assert len({record["scale"] for record in common}) == 2
    assert [record["path"] for record in common] == [record["path"] for record in own]
    assert [Path(record["map"]).name for record in common] == [Path(record["map"]).name for record in own]


def test_a_common_scale_takes_a_film_from_standard_input_and_passes_over_a_bad_file(
    weights: Path, film: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no film")
    command = ["explain", "-", str(tmp_path / "bad.png"), "--weights", str(weights), "--scale", "common", "--json"]
    command += ["--out", str(tmp_path / "maps")]
    result = CliRunner().invoke(
        cli,
        command,
        input=film.read_bytes(),
    )

    assert result.exit_code == 1
    bad, good = (json.loads(line) for line in result.stdout.splitlines())
    assert "error" in bad
    assert good["path"] == "-"
    assert Path(good["overlay"]).exists()


def test_what_takes_too_long_is_reported_and_the_other_films_go_on(weights: Path, film: Path, tmp_path: Path) -> None:
    command = ["--method", "rise", "--masks", "8000", "--limit", "0.2", "--finding", "covid", "--out", str(tmp_path)]
    result = run_explain(weights, str(film), str(film), *command, "--json")

    assert result.exit_code == 1
    assert ["longer than the limit of 0.2 s" in json.loads(line)["error"] for line in result.stdout.splitlines()] == [
        True,
        True,
    ]


def test_a_map_with_nothing_in_it_is_the_bare_film_and_says_so_everywhere(
    network: Network, weights: Path, film: Path, tmp_path: Path
) -> None:
    blind = copy.deepcopy(network)  # no feature supports covid
    blind.get_parameter("head.linear.weight").data[0] = 0
    card = {**json.loads((weights / "untrained.json").read_text()), "name": "blind"}
    write(blind, {name: card[name] for name in CARD}, "blind", tmp_path)
    out = tmp_path / "maps"
    [record] = records(run_explain(tmp_path, str(film), "--finding", "covid", "--out", str(out), "--json"))
    text = run_explain(tmp_path, str(film), "--finding", "covid", "--out", str(out)).stdout

    assert record["void"]
    assert "There is nothing to draw" in record["caveat"]
    assert f"! {record['caveat']}" in text
    assert str(np.load(record["map"])["caveat"]) == record["caveat"]
    with Image.open(record["overlay"]) as picture:
        pixels = np.asarray(picture).astype(int)
        assert json.loads(picture.info["Lightbox"])["caveat"] == record["caveat"]
    assert (pixels.max(axis=2) - pixels.min(axis=2)).max() <= 12, "there is colour in it"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--method", "gradcam"], "There is no method named 'gradcam'. Did you mean 'grad-cam'?"),
        (["--finding", "covd"], "There is no finding named 'covd'. Did you mean 'covid'?"),
        (["--layer", "stage 5"], "Did you mean 'stage 4'?"),
        (["--setting", "chanel=3", "--method", "layer-activation"], "Did you mean 'channel'?"),
        (["--setting", "channel", "--method", "layer-activation"], "it must be NAME=VALUE"),
        (["--setting", "channel=x", "--method", "layer-activation"], "channel is 'x'; it must be a whole number."),
        (["--setting", "a=1", "--method", "saliency", "--method", "grad-cam"], "no setting of saliency and grad-cam"),
        (["--stepps", "9", "--method", "integrated-gradients"], "Did you mean --steps?"),
        (["--steps", "9", "--method", "saliency"], "There is no option --steps. "),
        (["--finding", "covid", "--opacty", "1"], "Did you mean --opacity?"),
        (["--method", "integrated-gradients", "--steps"], "--steps needs a value: steps between baseline and film"),
        (["--method", "integrated-gradients", "--steps", "9999"], "steps is 9999; it must lie between 8 and 200"),
        (["-x"], "There is no option -x."),
        (["--layer", "stage 3+stage 9"], "Did you mean 'stage"),
        (["--method", FLOAT32, "--precision", "bfloat16"], "is not offered in bfloat16: its maps may differ"),
        (["--method", "cam", "--layer", "stem"], "CAM is not available for untrained at stem"),
        (["--colours", "jet"], "'jet' does not suit an unsigned map"),
        (["--method", "grad-cam", "--method", "rise", "--colours", "inferno"], "'inferno' does not suit a signed map"),
        (["--method", "saliency", "--layer", "stage 9"], "Did you mean 'stage"),
        (["--layer", "all", "--layer", "stage 3 + stage 9"], "There is no layer of densenet121 named 'stage 9'"),
        (["--signed", "--precision", "bfloat16", "--layer", "stage 2"], "they are offered at stage 4 alone"),
        (["--limit", "nan"], "--limit is nan; it must be a number of seconds"),
    ],
)
def test_what_the_reader_can_mend_is_one_sentence(
    weights: Path, film: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    result = run_explain(weights, str(film), *arguments, "--out", str(tmp_path / "maps"))

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "maps").exists()


@pytest.mark.parametrize("scale", ["own", "common"])
def test_a_film_without_lungs_is_reported_and_the_others_go_on(weights: Path, tmp_path: Path, scale: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    Image.fromarray(draw(seed=1, height=512, width=512).radiograph.pixels).save(tmp_path / "b.png")
    result = run_explain(
        weights,
        str(tmp_path),
        *("--method", "lung-mask", "--out", str(tmp_path / "maps"), "--scale", scale, "--json", "--anyway"),
    )

    bad, good = sorted(map(json.loads, result.stdout.splitlines()), key=lambda record: str(record["path"]))
    assert result.exit_code == 1
    assert "No lungs found on a.png" in bad["error"]
    assert Path(good["map"]).exists()


def test_nothing_is_drawn_of_a_film_that_means_nothing(weights: Path, film: Path, tmp_path: Path) -> None:
    result = run_explain(weights, str(film), "--turn", "180", "--out", str(tmp_path / "maps"), "--json")

    assert "upside-down" in json.loads(result.stdout)["withheld"]
    assert not (tmp_path / "maps").exists()


def test_a_folder_that_cannot_be_created_is_refused_before_any_map_is(weights: Path, film: Path) -> None:
    result = run_explain(weights, str(film), "--out", str(film / "maps"))

    assert result.exit_code == 1
    assert result.output == f"Error: {film / 'maps'} cannot be written ({film} is not a folder). Give another --out.\n"
