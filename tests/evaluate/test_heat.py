"""Where heat lies: maps and masks of a few pixels, then a drawn set through the real network."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import jaccard_score

from core.bench import untrained
from core.errors import Unfit, UnknownName
from core.evaluate.heat import Masks, heat_figures, hits, inside_ratio, overlap, shares
from core.evaluate.manifest import Row, mask, read_manifest, row_radiograph
from core.explain.run import explain
from core.image.prepare import enlarge
from core.lung_network import dilated
from core.models.classifier import Classifier
from core.types import Heat
from tests.evaluate import drawn


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return read_manifest(drawn.write(tmp_path_factory.mktemp("drawn"), 6))


def test_the_ratio_is_the_share_of_the_heat_inside() -> None:
    heat = np.array([[3, 1], [0, 4]], np.float32)

    assert inside_ratio(heat, np.array([[True, False], [True, False]])) == 3 / 8
    assert np.isnan(inside_ratio(heat * 0, np.ones((2, 2), bool)))


def test_the_hottest_place_may_miss_a_lesion_by_three_hundredths_of_the_film() -> None:
    lesion = np.zeros((100, 80), bool)
    lesion[50, 40] = True

    assert [hits(_spot(100, 80, 50, 40 + off), lesion) for off in (0, 3, 4)] == [True, True, False]


def test_near_reaches_as_far_as_the_margin_and_nothing_is_near_nothing() -> None:
    dot = np.zeros((50, 50), bool)
    dot[25, 25] = True

    wide = dilated(dot, 0.04)  # 2 px
    assert np.flatnonzero(wide[25]).tolist() == [23, 24, 25, 26, 27]
    assert wide.sum() == 13
    assert not dilated(dot & False, 0.04).any()


def test_overlap_is_scikit_learn_s() -> None:
    chance = np.random.default_rng(0)
    one, other = chance.random((2, 20, 20)) < 0.3

    assert overlap(one, other) == pytest.approx(jaccard_score(one.ravel(), other.ravel()))


def test_only_heat_that_speaks_for_the_finding_and_lies_on_the_film_counts() -> None:
    heat = np.array([[np.nan, 2.0, 1.0], [-9.0, 0.5, 0.5]], np.float32)
    lesion = np.array([[False, True, False], [False, True, False]])
    device = np.array([[True, False, True], [True, False, False]])

    shares_of_levels = shares(heat, Masks(lesions=lesion, devices=device), "p")

    assert (shares_of_levels.device_ratio, shares_of_levels.device_area) == (0.25, 0.5)
    assert (shares_of_levels.hit, shares_of_levels.overlap) == (
        True,
        1 / 3,
    )  # region: 2.0 and 1.0, at half of the peak or above
    assert shares_of_levels.lung_ratio is None


def test_a_flat_map_misses_every_lesion_and_has_no_ratio() -> None:
    everywhere = np.ones((4, 4), bool)

    shares_of_levels = shares(np.zeros((4, 4), np.float32), Masks(lungs=everywhere, lesions=everywhere), "p")

    assert (shares_of_levels.flat, shares_of_levels.hit, shares_of_levels.overlap) == (True, False, 0.0)
    assert shares_of_levels.lung_ratio is not None
    assert np.isnan(shares_of_levels.lung_ratio)


def test_each_figure_counts_the_films_that_have_its_mask(classifier: Classifier, rows: list[Row]) -> None:
    figures = heat_figures(classifier, rows, repeats=20)

    assert {name: figures[name]["n"] for name in ("lung_ratio", "device_ratio", "hit_rate", "miou")} == {
        "lung_ratio": 6,
        "device_ratio": 6,
        "hit_rate": 3,
        "miou": 3,
    }
    assert figures["lung_ratio_strict"]["value"] < figures["lung_ratio"]["value"] < 1
    assert (figures["heat"]["method"], figures["heat"]["maps"], figures["heat"]["refused"]) == ("grad-cam", 6, 0)


def test_the_figure_of_one_film_is_that_of_its_map(classifier: Classifier, rows: list[Row]) -> None:
    film, lungs = row_radiograph(rows[0]), mask(rows[0], "lungs")
    assert lungs is not None
    explanation = explain(classifier, film, finding="pneumonia", method="saliency")
    by_hand = inside_ratio(enlarge(explanation.heat, explanation.placement, film.pixels.shape), lungs)

    figures = heat_figures(classifier, rows[:1], method="saliency", repeats=5)

    assert figures["lung_ratio_strict"]["value"] == pytest.approx(by_hand, abs=1e-4)


def test_films_without_masks_are_passed_over(classifier: Classifier, rows: list[Row]) -> None:
    figures = heat_figures(classifier, [Row(rows[0].file, "pneumonia", id="1")])

    assert figures["heat"]["maps"] == 0
    assert figures["lung_ratio"] == {"value": None, "low": None, "high": None, "n": 0}


def test_a_film_without_lungs_is_refused_where_they_are_needed(classifier: Classifier, tmp_path: Path) -> None:
    slope = np.linspace(0, 255, 96 * 96).reshape(96, 96).astype(np.uint8)
    Image.fromarray(slope).save(tmp_path / "slope.png")

    figures = heat_figures(classifier, [Row(tmp_path / "slope.png", "normal", id="1", patient="1")], lungs=True)

    assert (figures["heat"]["refused"], figures["lung_ratio"]["n"]) == (1, 0)


def test_an_unknown_method_is_reported_before_any_film_is_read(classifier: Classifier) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'grad-cam'"):
        heat_figures(classifier, [Row(Path("none.png"), "normal")], method="gradcam")


def _spot(height: int, width: int, row: int, column: int) -> Heat:
    heat = np.zeros((height, width), np.float32)
    heat[row, column] = 1
    return heat


def test_a_method_that_the_network_cannot_serve_is_reported_and_not_counted_as_flat(rows: list[Row]) -> None:
    blind = untrained.classifier("resnet50", side=32)  # 1 x 1 maps at the last stage

    assert heat_figures(blind, rows, method="grad-cam")["heat"]["flat"] > 0
    with pytest.raises(Unfit, match="Internal influence is not available"):
        heat_figures(blind, rows, method="internal-influence")
