"""Maps of cases by features of several stages, before and after training, and by raw pixels."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from core.__main__ import cli
from core.cohort.films import films_of
from core.cohort.representation import LAST, PIXELS, compared_maps, representations, represented
from core.cohort.rows import TABLES, UNTRAINED, VERSION
from core.cohort.run import run
from core.cohort.run_folder import RunFolder
from core.cohort.settings import Settings
from core.cohort.similar import similar_films
from core.cohort.table import CohortTable, Selection
from core.errors import BadData, BadSetting
from core.image.files import read_file
from core.layers.activations import stage_activations
from core.models.classifier import Classifier

CHOSEN = Selection("a", "covid", "grad-cam")
FILMS = 60


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose last stage tells the labels apart, whose untrained network knows nothing of them, and whose pixels
    are brighter with the label."""
    chance = np.random.default_rng(0)
    rows, features, thumbnails = [], [], []
    for number in range(FILMS):
        label = number % 2 == 0
        base: dict[str, Any] = {"film": number, "digest": str(number), "checkpoint": "a"}
        rows.append(
            base
            | {"path": f"{number}.png", "finding": "covid", "method": "grad-cam", "probability": 0.5, "label": label}
        )
        features.append(base | {"features": chance.normal(3 * label, 0.5, 8).astype(np.float32)})
        features.append(base | {"features": chance.normal(0, 1, 8).astype(np.float32), "stage": UNTRAINED})
        grey = np.clip(chance.normal(150 if label else 60, 10, (128, 100)), 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(file := io.BytesIO(), "JPEG")
        thumbnails.append({"film": number, "digest": str(number), "jpeg": file.getvalue()})
    folder = tmp_path_factory.mktemp("planted") / "run"
    made = RunFolder(folder)
    made.write_manifest(
        {
            "version": VERSION,
            "columns": {"rows": {name: {} for name in TABLES["rows"]}},
            "checkpoints": [{"name": "a", "digest": "", "findings": ["covid"], "thresholds": {}}],
            "settings": {"methods": ["grad-cam"]},
        }
    )
    made.write_part(0, {"rows": rows, "maps": [], "features": features, "thumbnails": thumbnails}, ())
    return folder


def test_a_trained_stage_and_pixels_separate_labels_and_an_untrained_network_does_not(planted: Path) -> None:
    last, untrained, pixels = compared_maps(CohortTable(planted), CHOSEN, "PCA", column="label", most=1000)

    assert (last.representation, untrained.representation, pixels.representation) == (LAST, UNTRAINED, PIXELS)
    assert {each.films for each in (last, untrained, pixels)} == {FILMS}
    assert last.purity > 0.95
    assert pixels.purity > 0.95
    assert untrained.purity == pytest.approx(untrained.chance, abs=0.12)
    assert last.chance == pytest.approx(29 / 59)


def test_the_command_prints_what_the_page_shows(planted: Path) -> None:
    result = CliRunner().invoke(cli, ["case-map", str(planted), "--json"])

    records = [json.loads(line) for line in result.stdout.splitlines()]
    expected = compared_maps(CohortTable(planted), CHOSEN, "PCA", column="label", most=1000)
    assert [(each["representation"], each["purity"]) for each in records] == [
        (each.representation, pytest.approx(each.purity)) for each in expected
    ]
    assert "last stage of the untrained network" in CliRunner().invoke(cli, ["case-map", str(planted)]).stdout
    refused = CliRunner().invoke(cli, ["case-map", str(planted), "--projection", "UMAP"])
    assert refused.exit_code == 1
    assert "t-SNE" in refused.stderr


def test_a_run_holds_what_it_was_made_with(films: Path, weights: Path, classifier: Classifier, tmp_path: Path) -> None:
    settings = Settings(("untrained",), checks=False, lungs=False, earlier_stages=True, untrained=True)
    run(films_of(str(films)), tmp_path / "run", settings, weights=weights, workers=0)
    table, chosen = CohortTable(tmp_path / "run"), Selection("untrained", "covid", "grad-cam")
    with classifier.alone() as network:
        stages, last = list(network.stages), network.last_stage
    earlier = [stage for stage in stages if stage != last]

    assert table.stages("untrained") == ["", *earlier, UNTRAINED]
    assert representations(table, "untrained") == [LAST, *earlier, UNTRAINED, PIXELS]
    film = read_file(str(films / "a" / "0.png"))
    for stage, stored in [("", last), *zip(earlier, earlier, strict=True)]:
        (number,), features = table.features(chosen, [0], stage=stage)
        assert number == 0
        assert features[0] == pytest.approx(stage_activations(classifier, film, stored).means, rel=1e-3, abs=1e-5)
    others = table.features(chosen, [0], stage=UNTRAINED)[1]
    assert others.shape == table.features(chosen, [0])[1].shape
    nearest = similar_films(table, chosen, table.features(chosen, [0], stage=earlier[0])[1][0], stage=earlier[0])
    assert nearest.unlabelled[0].similarity == pytest.approx(1, abs=1e-5)
    assert nearest.unlabelled[0].row["film"] == 0


def test_only_what_is_stored_is_offered(films: Path, weights: Path, tmp_path: Path) -> None:
    settings = Settings(("untrained",), checks=False, lungs=False, thumbnails=False)
    run(films_of(str(films)), tmp_path / "run", settings, weights=weights, workers=0)
    table, chosen = CohortTable(tmp_path / "run"), Selection("untrained", "covid", "grad-cam")

    assert representations(table, "untrained") == [LAST]
    with pytest.raises(BadSetting, match=r"does not hold untrained\. It holds last stage\. Make a run with"):
        represented(table, chosen, [0, 1], UNTRAINED)
    with pytest.raises(BadData, match=r"no features of untrained at stage 1\. Run the films again with --ear"):
        similar_films(table, chosen, np.ones(3, np.float32), stage="stage 1")
    with pytest.raises(BadSetting, match=r"here are 0"):
        compared_maps(table, chosen, "PCA", column="label", most=100)
    with pytest.raises(BadSetting, match="Leave out --no-features"):
        Settings(("untrained",), features=False, untrained=True)
