"""A film cut into regions: zones of the lungs known by hand, and superpixels."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.errors import NoLungs
from core.explain.regions import Regions, superpixels, zones
from core.explain.run import explain
from core.image.phantom import draw
from core.image.prepare import prepare
from core.models.classifier import Classifier
from core.types import Heat, Input

SIDE = 64


def _lungs() -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Two boxes: the patient's right lung (left on screen) 30 rows high, the left one 36, a gap of 12 columns."""
    lungs = np.zeros((SIDE, SIDE), bool)
    lungs[10:40, 8:26] = True
    lungs[13:49, 38:56] = True
    return lungs


def _zone(regions: Regions, row: int, column: int) -> str:
    return regions.names[int(regions.labels[row, column])]


def test_each_lung_is_cut_into_thirds_of_its_own_height() -> None:
    regions = zones(_lungs())

    for row, column, name in (
        (10, 10, "right lung, upper third"),
        (19, 25, "right lung, upper third"),
        (20, 10, "right lung, middle third"),
        (29, 10, "right lung, middle third"),
        (30, 10, "right lung, lower third"),
        (13, 40, "left lung, upper third"),
        (24, 40, "left lung, upper third"),
        (25, 40, "left lung, middle third"),
        (37, 40, "left lung, lower third"),
    ):
        assert _zone(regions, row, column) == name, (row, column)


def test_the_heart_lies_between_the_lungs_in_the_rows_of_both() -> None:
    regions = zones(_lungs())
    heart = regions.labels == regions.names.index("heart and mediastinum")

    expected = np.zeros((SIDE, SIDE), bool)
    expected[13:40, 26:38] = True
    assert np.array_equal(heart, expected)
    assert _zone(regions, 0, 0) == _zone(regions, 12, 30) == _zone(regions, 45, 10) == "outside"


def test_every_pixel_belongs_to_one_of_eight_zones() -> None:
    regions = zones(_lungs())

    assert len(regions) == len(set(regions.names)) == 8
    assert sorted(np.unique(regions.labels)) == list(range(8))
    assert ((regions.labels < 6) == _lungs()).all()


def test_lungs_that_are_one_piece_are_parted_where_they_are_narrowest() -> None:
    joined = _lungs()
    joined[30:33, 26:38] = True  # a bridge of equal columns: the first one splits it
    regions = zones(joined)

    right = np.isin(regions.labels, [index for index, name in enumerate(regions.names) if name.startswith("right")])
    assert np.array_equal(right, joined & (np.arange(SIDE) < 26))


def test_lungs_that_lean_are_parted_by_piece_and_not_by_column() -> None:
    lungs = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(lungs, (10, 55), (30, 8), (1,), 9)
    cv2.line(lungs, (30, 55), (50, 8), (1,), 9)
    regions = zones(lungs.astype(bool))

    assert _zone(regions, 10, 30) == "right lung, upper third"
    assert _zone(regions, 53, 30) == "left lung, lower third"


def test_a_zone_that_is_empty_is_left_out() -> None:
    touching = np.zeros((SIDE, SIDE), bool)
    touching[10:40, 8:56] = True
    regions = zones(touching)

    assert len(regions) == 7
    assert "heart and mediastinum" not in regions.names
    assert _zone(regions, 0, 0) == "outside"


def _picture() -> Heat:
    drawn = draw(seed=1, height=320, width=300).radiograph
    return prepare(drawn, Input(size=SIDE)).picture.astype(np.float32) / np.float32(255)


def test_superpixels_are_whole_about_as_many_as_wanted_and_always_the_same() -> None:
    for number in (16, 60):
        regions = superpixels(_picture(), number)

        assert 0.7 * number <= len(regions) <= 1.4 * number
        for index in range(len(regions)):
            pieces, _ = cv2.connectedComponents((regions.labels == index).astype(np.uint8), connectivity=4)
            assert pieces == 2  # ground and one piece
        assert np.array_equal(superpixels(_picture(), number).labels, regions.labels)


def test_superpixels_follow_an_edge() -> None:
    picture = np.zeros((SIDE, SIDE), np.float32)
    picture[:, 27:] = 1.0
    regions = superpixels(picture, 16)

    sides = [picture[regions.labels == index] for index in range(len(regions))]
    assert max(min(side.mean(), 1 - side.mean()) for side in sides) < 0.15


def test_a_blank_film_has_superpixels_all_the_same() -> None:
    assert len(superpixels(np.zeros((SIDE, SIDE), np.float32), 16)) == 16


def test_a_film_without_lungs_has_no_zones_but_superpixels(classifier: Classifier) -> None:
    coarse = np.random.default_rng(0).integers(0, 4096, (8, 8)).astype(np.uint16)
    noise = cv2.resize(coarse, (300, 300)).astype(np.uint16)
    film = replace(draw(seed=1, height=64, width=64).radiograph, pixels=noise, name="noise")

    with pytest.raises(NoLungs, match="No lungs found on noise"):
        explain(classifier, film, finding="covid", method="feature-ablation")
    explanation = explain(
        classifier, film, finding="covid", method="feature-ablation", settings={"regions": "superpixels"}
    )
    assert explanation.heat.any()


def test_the_zones_of_a_film_lie_right_for_the_reader(classifier: Classifier) -> None:
    """The map has one value in each zone: the patient's right lung, on screen left, in three bands."""
    drawn = draw(seed=2, height=640, width=600)
    explanation = explain(classifier, drawn.radiograph, finding="covid", method="feature-ablation")

    values = {round(float(value), 7) for value in explanation.heat.ravel()}
    assert len(values) == 8
    assert explanation.passes == (1 + 8, 0)
    column = int((drawn.lungs.any(axis=0).argmax() / 600 + 0.12) * SIDE)  # inside the lung on screen left
    bands = [
        value for index, value in enumerate(explanation.heat[:, column]) if value != explanation.heat[index - 1, column]
    ]
    assert len(bands) == 4 or len(bands) == 5  # outside, three thirds, outside
