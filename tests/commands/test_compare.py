"""`compare`: tables, JSON, CSV and pictures; what is refused, and what is not overwritten."""

import csv
import json
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.commands import files
from core.compare.film_set import Case, compare_models
from core.image.phantom import draw
from core.models.architecture import architectures
from core.models.checkpoints import input_card, write
from core.models.classifier import load
from core.types import Input
from tests.conftest import FINDINGS
from tests.evaluate import drawn

PAIR = ("--checkpoint", "first", "--checkpoint", "second")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small networks: two that know the same findings, one that shares "normal" with them."""
    weights = tmp_path_factory.mktemp("weights")
    known = {"first": FINDINGS, "second": FINDINGS, "third": ("Mass", "Normal")}
    for seed, (name, findings) in enumerate(known.items()):
        torch.manual_seed(seed)
        network = architectures["small-cnn"].build(len(findings), 1)
        with torch.no_grad():
            network.train()(torch.randn(8, 1, 32, 32))
        card = {
            "architecture": "small-cnn",
            "findings": list(findings),
            "multi_label": name == "third",
            "input": input_card(Input(size=32)),
            "temperature": 1.0,
        }
        write(network.eval(), card, name, weights)
    return weights


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films and a file that is none."""
    there = tmp_path_factory.mktemp("films")
    for seed in range(3):
        Image.fromarray(draw(seed=seed, height=120, width=96).radiograph.pixels).save(there / f"film {seed}.png")
    (there / "bad.png").write_bytes(b"no picture")
    return there


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn.write(tmp_path_factory.mktemp("drawn"), 16)


def run(folder: Path, *given: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, given), "--weights", str(folder), "--resamples", "10"])


def test_people_get_the_films_by_disagreement_sentences_and_figures(folder: Path, films: Path) -> None:
    result = run(folder, films, *PAIR)

    assert result.exit_code == 1  # one file is not a picture
    assert result.stdout.startswith("first against second, grad-cam, on covid, pneumonia, normal\n")
    assert "bad.png: not compared: " in result.stdout
    assert "3 films of 3 patients\n" in result.stdout
    for words in ("Cohen's kappa", "overlap of the hottest 10 %", "different top finding"):
        assert words in result.stdout
    assert "McNemar" not in result.stdout  # there are no labels
    table = result.stdout.split("\n\n")[1].splitlines()[1:]
    scores = [float(line[line.index(".png") + 4 :].split()[0]) for line in table]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_json_is_what_python_gives(folder: Path, films: Path) -> None:
    names = [str(films / f"film {seed}.png") for seed in range(3)]
    result = run(folder, *names, *PAIR, "--json")
    record = json.loads(result.stdout)
    networks = [load(name, folder) for name in ("first", "second")]
    cases = [Case(name, partial(files.read_film, name)) for name in names]
    expected = compare_models(networks, cases, sentences=True, repeats=10)

    assert result.exit_code == 0
    assert result.stderr == ""
    assert record == json.loads(json.dumps(expected.card()))
    assert set(record) == {"checkpoints", "findings", "method", "layer", "films", "refused", "figures", "notes"}


def test_a_table_with_labels_says_who_is_right(folder: Path, manifest: Path) -> None:
    result = run(folder, manifest, *PAIR)
    record = json.loads(run(folder, manifest, *PAIR, "--json").stdout)

    assert result.exit_code == 0, result.output
    assert "McNemar p" in result.stdout
    assert "DeLong p" in result.stdout
    assert result.stdout.count(": accuracy 0.") == 2
    assert "(wrong)" in result.stdout
    assert "12 films of 6 patients, 12 with labels" in result.stdout
    assert "Some patients have several films" in result.stdout
    pair = record["figures"]["pairs"][0]
    assert pair["mcnemar"]["n"] == 12
    assert pair["delong_by_finding"]["pneumonia"]["positives"] == 6
    assert pair["delong_by_finding"]["covid"]["reason"] == "0 films have it and 12 do not; 5 of each are needed."
    assert {film["labels"][0] for film in record["films"]} == {"pneumonia", "normal"}
    assert len(json.loads(run(folder, manifest, *PAIR, "--split", "val", "--json").stdout)["films"]) == 4


def test_the_csv_has_a_line_for_each_film_and_is_never_overwritten(folder: Path, films: Path, tmp_path: Path) -> None:
    film, out = films / "film 1.png", tmp_path / "new" / "out.csv"
    assert run(folder, film, *PAIR, "--csv", out).exit_code == 0
    with out.open(newline="") as lines:
        [row] = csv.DictReader(lines)

    assert row["film"] == str(film)
    assert sum(float(row[f"first {finding}"]) for finding in FINDINGS) == pytest.approx(1, abs=1e-5)
    assert 0 <= float(row["first | second overlap_10"]) <= 1
    assert row["first | second distance_mm"] == ""
    before = out.read_bytes()
    refused = run(folder, film, *PAIR, "--csv", out)
    assert (refused.exit_code, out.read_bytes()) == (1, before)
    assert "out.csv exists and is not overwritten" in refused.stderr
    assert run(folder, film, *PAIR, "--csv", out, "--finding", "covid", "--force").exit_code == 0
    assert out.read_bytes() != before


def test_boards_are_written_and_others_content_stays(folder: Path, films: Path, tmp_path: Path) -> None:
    command = [films / "film 1.png", *PAIR, "--finding", "covid", "--out", tmp_path / "boards"]
    assert run(folder, *command).exit_code == 0
    [board] = (tmp_path / "boards").iterdir()
    with Image.open(board) as picture:
        assert picture.width > 3 * 480
    assert board.name.startswith("film-1.covid.compared.")

    before = board.read_bytes()
    assert run(folder, *command).exit_code == 0  # repeating it changes nothing
    board.write_bytes(b"something else")
    refused = run(folder, *command)
    assert refused.exit_code == 1
    assert "exists with different content. Choose another --out" in refused.stderr
    assert board.read_bytes() == b"something else"
    assert run(folder, *command, "--force").exit_code == 0
    assert board.read_bytes() == before


def test_networks_with_other_findings_are_compared_on_what_is_common(folder: Path, films: Path) -> None:
    result = run(folder, films / "film 0.png", "--checkpoint", "first", "--checkpoint", "third")

    assert result.exit_code == 0, result.output
    assert (
        "Compared on normal only; not known to all models: covid, pneumonia of first; mass of third." in result.stdout
    )


def test_three_networks_are_read_together(folder: Path, films: Path) -> None:
    result = run(folder, films / "film 0.png", *PAIR, "--checkpoint", "third", "--top", "0")

    assert result.exit_code == 0, result.output
    assert "different top finding" in result.stdout
    assert [line for line in result.stdout.splitlines() if line.startswith("second and third")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--checkpoint", "first"), "A comparison needs two or more models: give --checkpoint NAME twice."),
        (("--checkpoint", "first", "--checkpoint", "first"), "name each one once"),
        (("--checkpoint", "first", "--checkpoint", "nobody"), "There is no checkpoint named 'nobody'."),
        ((*PAIR, "--method", "gradcam"), "Did you mean 'grad-cam'?"),
        ((*PAIR, "--finding", "gout"), "There is no finding common to all checkpoints named 'gout'."),
        ((*PAIR, "--layer", "stage 9"), "There is no layer of small-cnn named 'stage 9'."),
        ((*PAIR, "--split", "test"), "is not a table and has no splits"),
    ],
)
def test_what_cannot_be_is_one_sentence(folder: Path, films: Path, given: tuple[str, ...], sentence: str) -> None:
    result = run(folder, films / "film 0.png", *given)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_nothing_that_can_be_read_is_reported(folder: Path, films: Path) -> None:
    result = run(folder, films / "bad.png", *PAIR)

    assert result.exit_code == 1
    assert "bad.png: not compared:" in result.stdout


def test_the_shipped_twins_on_real_films(real_films: Path, tmp_path: Path) -> None:
    twins = ("--checkpoint", "densenet121-plain", "--checkpoint", "densenet121-lungs")
    names = sorted((real_films / "images").glob("*.webp"))[:4]
    result = CliRunner().invoke(cli, ["compare", *map(str, names), *twins, "--json", "--resamples", "10"])
    record = json.loads(result.stdout)

    assert result.exit_code == 0, result.output
    maps = [film["maps"][0] for film in record["films"]]
    assert all(0 <= each["overlap_10"] < 0.9 and each["spearman"] < 0.95 for each in maps)  # they look elsewhere
    assert all("of the hottest tenth." in film["words"] for film in record["films"])
