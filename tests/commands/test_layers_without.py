"""`layers without` and `layers stages`: one film with and without units, and stage by stage."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.types import Radiograph
from tests.evaluate import drawn


@pytest.fixture
def film(phantom: Radiograph, tmp_path: Path) -> Path:
    path = tmp_path / "film.png"
    Image.fromarray(phantom.pixels).save(path)
    return path


def _layers(weights: Path, *given: object) -> Result:
    return CliRunner().invoke(cli, ["layers", *map(str, given), "--weights", str(weights)])


def test_a_film_is_reported_with_and_without_the_top_units(weights: Path, film: Path, tmp_path: Path) -> None:
    result = _layers(weights, "without", film, "--top", 20, "--finding", "covid", "--out", tmp_path / "out", "--json")

    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert len(record["units"]) == 20
    assert {unit[0] for unit in record["units"]} == {"stage 4"}
    covid = record["findings"]["covid"]
    assert covid["logit"] < 0  # the head is linear: the most relevant units add most to the logit
    assert covid["points"] == pytest.approx(100 * (covid["after"] - covid["before"]), abs=1e-3)
    assert record["sentence"].startswith("Without 20 units of stage 4, covid falls")
    assert [Path(name).name.split(".")[-2] for name in record["written"]] == ["with", "without"]
    assert all(Path(name).read_bytes()[:4] == b"\x89PNG" for name in record["written"])


def test_typed_units_and_the_outside_of_the_lungs_can_be_off_at_once(weights: Path, film: Path) -> None:
    given = ("without", film, "--stage", "stage 2", "--units", "3, 7, 10-19", "--outside", "--fill", "mean")
    result = _layers(weights, *given)

    assert result.exit_code == 0, result.output
    assert "Without 12 units of stage 2, what lies outside the lungs at stage 2, " in result.stdout
    assert "set to their mean over this film" in result.stdout
    assert result.stdout.splitlines()[4].split() == ["with", "without", "points", "logit"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((), "No units were given"),
        (("--units", " , "), "No units were given"),
        (("--units", "3", "--top", "2"), "Give either --units or --top"),
        (("--units", "1024"), "has channels 0 to 1023"),
        (("--units", "x"), "'x' is not a channel"),
        (("--top", "2000"), "2000 are not possible"),
        (("--top", "2", "--stage", "stage 9"), "no layer of densenet121 named 'stage 9'"),
        (("--top", "2", "--finding", "flu"), "no finding named 'flu'"),
        (("--outside", "--finding", "flu"), "no finding named 'flu'"),
    ],
)
def test_bad_input_is_one_sentence(given: tuple[str, ...], sentence: str, weights: Path, film: Path) -> None:
    result = _layers(weights, "without", film, *given)

    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_a_film_without_lungs_has_no_outside(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "even.png"
    Image.linear_gradient("L").save(path)
    result = _layers(weights, "without", path, "--outside", "--anyway")

    assert result.exit_code == 1
    assert "No lungs found" in result.output


@pytest.mark.parametrize(
    "given", [("without", "--top", 2), ("stages",), ("parts", "--count", 3), ("unit", "--channel", 1)]
)
def test_a_film_whose_answer_means_nothing_is_refused_until_anyway(
    given: tuple[object, ...], weights: Path, phantom: Radiograph, tmp_path: Path
) -> None:
    path = tmp_path / "upside-down.png"
    Image.fromarray(phantom.pixels[::-1, ::-1]).save(path)
    film = ("--film", path) if given[0] == "unit" else (path,)

    refused = _layers(weights, *given, *film)
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "withheld. The film lies upside-down." in refused.stderr
    assert refused.stderr.rstrip().endswith("Use --anyway for the answer.")

    result = _layers(weights, *given, *film, "--anyway", "--json")
    assert result.exit_code == 0, result.output
    assert "shown although the film checks or the gate withhold it" in result.stderr
    assert '"anyway": true' in result.stdout


def test_files_in_the_way_stay_as_they_are(weights: Path, film: Path, tmp_path: Path) -> None:
    given = ("without", film, "--top", 5, "--out", tmp_path / "out", "--json")
    first = json.loads(_layers(weights, *given).stdout)["written"][0]
    Path(first).write_bytes(b"mine")
    result = _layers(weights, *given)

    assert result.exit_code == 1
    assert json.loads(result.stdout)["sentence"].startswith("Without 5 units of stage 4")
    assert "nothing was written" in result.stderr
    assert Path(first).read_bytes() == b"mine"


def test_a_file_that_cannot_be_written_is_one_sentence(weights: Path, film: Path) -> None:
    for given in (("without", "--top", 5, "--out", film / "out"), ("stages", "--out", film / "out.png")):
        result = _layers(weights, given[0], film, *given[1:])

        assert result.exit_code == 1
        assert f"cannot be written ({film} is not a folder)" in result.output
        assert len(result.output.splitlines()) == 1


def test_a_picture_of_the_stages_in_the_way_stays_and_the_figures_are_reported(
    weights: Path, film: Path, tmp_path: Path
) -> None:
    out = tmp_path / "strip.png"
    out.write_bytes(b"mine")
    result = _layers(weights, "stages", film, "--out", out, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["stages"]["stage 4"]["gradient"]["speaks"] > 0
    assert "nothing was written" in result.stderr
    assert out.read_bytes() == b"mine"


def test_every_stage_is_a_row_and_a_column_of_the_picture(weights: Path, film: Path, tmp_path: Path) -> None:
    result = _layers(weights, "stages", film, "--out", tmp_path / "strip.png")

    assert result.exit_code == 0, result.output
    rows = result.stdout.splitlines()
    assert [row.split("  ")[0] for row in rows[3:8]] == ["stem", "stage 1", "stage 2", "stage 3", "stage 4"]
    with Image.open(tmp_path / "strip.png") as picture:
        assert picture.width == 5 * 480 + 6 * 12  # px: a tile for each stage, and the gaps


def test_probes_of_a_table_are_tested_on_patients_they_never_saw(weights: Path, film: Path, tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 16)
    result = _layers(weights, "stages", film, "--data", manifest, "--resamples", 20, "--json")

    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["probes"]["classes"] == ["pneumonia", "normal"]
    assert record["probes"]["films"] == 12  # those of the split test
    assert record["probes"]["patients"] == 6
    for stage in record["stages"].values():
        probe = stage["probe"]
        assert probe["balanced"]["low"] <= probe["balanced"]["value"] <= probe["balanced"]["high"]
        assert sum(probe["says"].values()) == pytest.approx(1, abs=1e-5)
        assert probe["agrees"]["n"] == 12
        assert stage["gradient"]["carriers"] > 0


def test_a_film_that_the_probes_learned_from_is_reported(weights: Path, tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 20)
    head, *rows = csv.reader(manifest.read_text().splitlines())
    for place, row in enumerate(rows):
        row[head.index("split")] = "train" if place < 10 else "test"
        row[head.index("box")] = ""  # otherwise the table crops the film out of the file
    with manifest.open("w", newline="") as out:
        csv.writer(out).writerows([head, *rows])

    for film, learned in (("0-film.png", True), ("19-film.png", False)):
        result = _layers(weights, "stages", tmp_path / film, "--data", manifest, "--resamples", 20, "--json")
        assert result.exit_code == 0, result.output
        probes = json.loads(result.stdout)["probes"]
        assert probes["learned"] is learned
        assert any("were trained on this film" in sentence for sentence in probes["told"]) is learned


def test_probes_of_phantoms_are_not_tested_on_a_film_that_is_none(weights: Path, film: Path) -> None:
    result = _layers(weights, "stages", film, "--phantoms", 10, "--resamples", 10)

    assert result.exit_code == 0, result.output
    assert "drawn phantoms, which are easy" in result.stdout
    assert "On this film" not in result.stdout


def test_probes_need_labels(weights: Path, film: Path, tmp_path: Path) -> None:
    for given, sentence in (
        (("--data", tmp_path), "has no table, and probes need labels"),
        (("--data", tmp_path, "--phantoms", 3), "give either --data or --phantoms"),
        (("--phantoms", 1), "5 films with a finding and 5 without"),
    ):
        result = _layers(weights, "stages", film, *given)

        assert result.exit_code == 1
        assert sentence in result.output
