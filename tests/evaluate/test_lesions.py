"""Maps against lesions, on phantoms whose opacity lies at a known place."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.__main__ import cli
from core.errors import BadData
from core.evaluate.lesions import lesion_figures, lesion_methods
from core.evaluate.manifest import Row, read_manifest
from core.models.checkpoints import read_card
from core.models.classifier import Classifier
from tests.evaluate import drawn

NAMES = ["centre-gaussian", "grad-cam", "lung-mask"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn.write(tmp_path_factory.mktemp("lesions"), 8)


def test_the_middle_of_the_film_misses_a_lesion_beside_it(table: Path, classifier: Classifier) -> None:
    figures = lesion_figures(classifier, read_manifest(table), NAMES, repeats=20)
    middle = figures["methods"]["centre-gaussian"]

    assert figures["n"] == 4  # every other film has an opacity
    assert list(figures["methods"]) == NAMES
    assert (middle["hit_rate"]["value"], middle["hit_rate"]["n"]) == (0.0, 4)
    area = middle["lesion_area"]["value"]
    assert 0.02 < area < 0.06  # a disc of radius 0.12
    assert middle["lesion_ratio"]["value"] > area  # it lies nearer to the middle than the rim does
    assert figures["methods"]["grad-cam"]["lesion_area"] == middle["lesion_area"]


def test_a_box_stands_for_a_mask(table: Path, classifier: Classifier) -> None:
    """One that covers the whole film is hit by any map."""
    rows = [
        Row(row.file, row.label, row.id, row.patient, box=row.box, lesion_boxes=((0.0, 0.0, 96.0, 128.0),))
        for row in read_manifest(table)
    ]
    figures = lesion_figures(classifier, rows, ["centre-gaussian"], repeats=20)["methods"]["centre-gaussian"]

    assert figures["hit_rate"]["value"] == figures["lesion_ratio"]["value"] == figures["lesion_area"]["value"] == 1.0
    assert figures["hit_rate"]["n"] == 8


def test_films_without_lesions_are_refused(table: Path, classifier: Classifier) -> None:
    with pytest.raises(BadData, match=r"No film has lesions\. Name masks .* or put boxes\.csv"):
        lesion_figures(classifier, [Row(row.file, row.label) for row in read_manifest(table)], NAMES)


def test_all_are_the_methods_of_few_passes_that_fit(classifier: Classifier) -> None:
    names = lesion_methods("all", classifier)

    assert {"grad-cam", "layer-cam", "saliency", "lung-mask", "edge-map"} <= set(names)
    assert not {"rise", "occlusion", "random-map"} & set(names)
    assert lesion_methods("grad-cam, saliency", classifier) == ["grad-cam", "saliency"]
    assert lesion_methods(None, classifier) == []


def test_the_command_prints_methods_with_the_best_first(table: Path, weights: Path) -> None:
    command = ["evaluate", str(table), "--weights", str(weights), "--split", "val", "--resamples", "10"]
    result = CliRunner().invoke(cli, [*command, "--lesions", "centre-gaussian,grad-cam"])
    record = CliRunner().invoke(cli, [*command, "--lesions", "centre-gaussian", "--json"])

    assert result.exit_code == 0, result.output
    assert "maximum in a lesion" in result.stdout
    assert json.loads(record.stdout)["lesions"]["n"] == 2


def test_the_figures_go_into_the_card_in_place_of_earlier_ones(table: Path, weights: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "weights"))
    command = ["evaluate", str(table), "--weights", str(folder), "--split", "val", "--resamples", "10", "--into-card"]
    for names in ("centre-gaussian", "centre-gaussian,grad-cam"):
        result = CliRunner().invoke(cli, [*command, "--lesions", names])
        assert result.exit_code == 0, result.output
    [test] = read_card("untrained", folder).metrics.lesions

    assert (test.set, test.split, test.n) == (table.stem, "val", 2)
    assert list(test.methods) == ["centre-gaussian", "grad-cam"]
    without = CliRunner().invoke(cli, command)
    assert "Add --lesions all." in without.output
    several = CliRunner().invoke(cli, [*command, "--lesions", "all", "--checkpoint", "untrained+untrained"])
    assert several.exit_code != 0
