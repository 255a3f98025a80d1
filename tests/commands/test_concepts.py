"""`layers concepts` and `layers parts`: tables for people, lines for programs, a picture, sentences for bad input."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.image.phantom import draw
from core.layers.concepts.tcav import tcav_results
from core.layers.reference import from_data
from core.models.classifier import Classifier


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 20 small drawn films."""
    folder = tmp_path_factory.mktemp("films")
    for seed in range(20):
        Image.fromarray(draw(seed=seed, height=96, width=80).radiograph.pixels).save(folder / f"film-{seed}.png")
    return folder


def _layers(weights: Path, *given: object) -> Result:
    return CliRunner().invoke(cli, ["layers", *map(str, given), "--weights", str(weights)])


def test_each_answer_is_a_line(weights: Path, films: Path) -> None:
    result = _layers(weights, "concepts", "--data", films, "--concept", "over-exposed", "--finding", "covid", "--json")

    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(each["stage"], each["concept"], each["finding"]) for each in records] == [
        ("stage 3", "over-exposed", "covid"),
        ("stage 4", "over-exposed", "covid"),
    ]
    for record in records:
        assert record["checkpoint"] == "untrained"
        assert 0 <= record["score"] <= 1
        assert record["change_low"] <= record["change_logits"] <= record["change_high"]
        assert record["p_corrected"] == pytest.approx(min(1, 2 * record["p"]))
        assert (record["films"], record["tests"], record["held_out_pairs"]) == (20, 2, 10)


def test_people_get_a_table(weights: Path, films: Path) -> None:
    result = _layers(
        weights, "concepts", "--data", films, "--concept", "side-marker", "--stage", "stage 4", "--finding", "covid"
    )

    assert result.exit_code == 0, result.output
    assert "untrained, 20 films" in result.stdout
    assert "measured change" in result.stdout
    assert "Side marker" in result.stdout


def test_examples_are_a_concept_by_themselves(weights: Path, films: Path) -> None:
    result = _layers(
        weights, "concepts", "--data", films, "--examples", films, "--stage", "stage 4", "--finding", "covid", "--json"
    )

    (record,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (record["concept"], record["made"], record["change_logits"]) == (films.name, False, None)


def test_the_figures_are_a_table_for_other_programs(classifier: Classifier, films: Path) -> None:
    results = tcav_results(classifier, from_data(films), ["rotated"], stages=["stage 4"], findings=["covid"])

    (row,) = csv.DictReader(io.StringIO(results.csv()))
    assert (row["concept"], row["stage"], row["set"]) == ("rotated", "stage 4", films.name)
    assert float(row["score"]) == results.answers[0].score


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--phantoms", 20, "--concept", "pacemakr"), "no concept named 'pacemakr'. Did you mean 'pacemaker'?"),
        (("--phantoms", 4, "--concept", "rotated"), "4 drawn phantoms: 4 films, but the test needs 20 or more."),
        (("--phantoms", 20, "--stage", "stage 5"), "no layer of densenet121 named 'stage 5'"),
        ((), "give either --data DIR or --phantoms N."),
    ],
)
def test_bad_questions_are_reported_in_one_sentence(weights: Path, given: tuple[object, ...], sentence: str) -> None:
    result = _layers(weights, "concepts", *given)

    assert result.exit_code == 1
    assert sentence in result.output


def test_the_parts_are_a_table_and_a_picture(weights: Path, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "parts.png"
    result = _layers(
        weights, "parts", films / "film-1.png", "--stage", "stage 3", "--count", 3, "--out", out, "--finding", "covid"
    )

    assert result.exit_code == 0, result.output
    assert [line.split("  ")[0] for line in result.stdout.splitlines()[1:5]] == [
        "part 1",
        "part 2",
        "part 3",
        "the rest",
    ]
    assert "of the maps' variance" in result.stdout
    assert result.stdout.splitlines()[-1] == str(out)
    with Image.open(out) as picture:
        assert picture.size[0] == 480  # a small film's legend could not be read
        assert len(picture.getcolors(2**20) or ()) > 100


def test_a_picture_of_parts_replaces_no_other_file(weights: Path, films: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts.png"
    out.write_bytes(b"mine")
    result = _layers(weights, "parts", films / "film-1.png", "--stage", "stage 3", "--count", 3, "--out", out)

    assert result.exit_code == 1
    assert "of the maps' variance" in result.stdout  # the computed results are still printed
    assert "exists with different content; nothing was written" in result.stderr
    assert out.read_bytes() == b"mine"


def test_a_picture_of_parts_is_a_png_file(weights: Path, films: Path, tmp_path: Path) -> None:
    result = _layers(weights, "parts", films / "film-1.png", "--out", tmp_path / "parts.txt")

    assert result.exit_code == 1
    assert result.output == "Error: The picture is a PNG file, but --out is parts.txt. Give a name that ends in .png.\n"


def test_the_parts_are_a_line_for_programs(weights: Path, films: Path) -> None:
    film, other = films / "film-1.png", films / "film-2.png"
    result = _layers(weights, "parts", film, "--stage", "stage 2", "--with", other, "--json")

    record = json.loads(result.stdout)
    assert (record["stage"], record["films"], len(record["parts"])) == ("stage 2", 2, 5)
    assert set(record["rest"]) == {"covid", "pneumonia", "normal"}


def test_parts_that_cannot_be_are_reported(weights: Path, films: Path) -> None:
    result = _layers(weights, "parts", films / "film-1.png", "--stage", "stage 4")

    assert result.exit_code == 1
    assert "has 1024 units in 4 cells, so it has no 5 parts" in result.output
