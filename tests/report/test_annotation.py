"""Annotations on a film: their size, their place on the picture of a report, and what the viewer sends of them."""

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import BadData
from core.explain.run import Request
from core.image.arrangement import turned, turned_points
from core.image.prepare import enlarge
from core.models.classifier import Classifier
from core.report.annotation import Annotation, FilmAnnotations, annotations_of
from core.report.annotation_svg import annotation_pixels, annotation_svg
from core.report.case import CaseRecord, make_case
from core.report.content import report_of
from core.report.dicom.images import secondary_capture
from core.report.dicom.source import read_source
from core.report.dimensions import dimensions, pixel_scale, region_mask
from core.report.figure import case_figure
from core.report.html import report_html
from core.types import Cleaning, Radiograph
from tests.report.test_dicom import film_of

LENGTH = Annotation("length", ((40, 60), (120, 60)))


@pytest.fixture(scope="module")
def case(classifier: Classifier, phantom: Radiograph) -> CaseRecord:
    return make_case(classifier, phantom, [Request("grad-cam", "covid")])


def drawn(case: CaseRecord, *items: Annotation, calibration: float | None = None) -> CaseRecord:
    return replace(case, annotations=FilmAnnotations(items, calibration))


def yellow_at(picture: NDArray[np.uint8], points: list[tuple[float, float]]) -> list[bool]:
    """Whether the picture (H, W, 3) has the colour of annotations within a pixel of each point (x, y)."""
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    near = (red > 140) & (abs(red - green) < 25) & (blue < 0.6 * green)
    return [bool(near[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].any()) for x, y in points]


def test_sizes_follow_the_pixels_in_both_directions(case: CaseRecord) -> None:
    film = replace(case.radiograph, spacing=(1.0, 0.5), at_detector=False)
    lines = (
        Annotation("length", ((0, 0), (6, 4))),
        Annotation("angle", ((0, 0), (2, 0), (0, 0), (2, 1))),
        Annotation("diameter", ((0, 0), (20, 0), (10, 0), (10, 5))),
        Annotation("rectangle", ((10, 0), (0, 10))),
    )

    length, angle, diameter, area = dimensions(drawn(replace(case, radiograph=film, checks=()), *lines))

    assert length.length == 5
    assert angle.degrees == pytest.approx(45)
    assert diameter.words == "10.0 × 5.0 mm"
    assert area.area == 50


@pytest.mark.parametrize("kind", ["rectangle", "ellipse"])
def test_a_region_has_the_greys_and_the_heat_of_the_pixels_whose_middles_lie_inside(
    case: CaseRecord, kind: str
) -> None:
    left, top, right, bottom = 60.3, 80.2, 140.7, 220.4
    region = Annotation(kind, ((right, top), (left, bottom)))  # type: ignore[arg-type]
    pixels = case.radiograph.pixels
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    if kind == "ellipse":
        inside = np.hypot((x - (left + right) / 2) / (right - left), (y - (top + bottom) / 2) / (bottom - top)) < 0.5
    heat = np.maximum(np.nan_to_num(enlarge(case.map.heat, case.map.placement, pixels.shape)), 0)

    (size,) = dimensions(drawn(case, region))

    assert np.array_equal(region_mask(region, pixels.shape), inside)
    assert size.count == inside.sum()
    assert size.mean == pytest.approx(pixels[inside].mean())
    assert size.deviation == pytest.approx(pixels[inside].std())
    assert size.heat == pytest.approx(heat[inside].sum() / heat.sum(), rel=1e-4)


def test_the_scale_says_where_it_comes_from(case: CaseRecord) -> None:
    film = replace(case.radiograph, spacing=(0.4, 0.4), at_detector=False)
    of_file = replace(case, radiograph=film, checks=())

    assert (pixel_scale(of_file).across, pixel_scale(of_file).source) == (0.4, "from the file")
    at_detector = replace(of_file, radiograph=replace(film, at_detector=True))
    assert pixel_scale(at_detector).source.startswith("estimated: at the detector")
    assert pixel_scale(replace(of_file, radiograph=replace(film, spacing=None))).unit == "px"
    by_hand = pixel_scale(drawn(of_file, calibration=0.2))
    assert (by_hand.across, by_hand.source) == (0.2, "calibrated by hand")


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_points_move_with_the_film(turn: int, mirror: bool) -> None:
    cleaning = Cleaning(turn=turn, mirror=mirror)
    film = np.zeros((7, 5), np.uint8)
    film[1, 3] = 1

    ((x, y),) = turned_points([(3.5, 1.5)], (7, 5), cleaning)

    assert turned(film, cleaning)[int(y), int(x)] == 1


def test_the_picture_shows_lines_and_words_without_markup_and_labels_do_not_overlap(case: CaseRecord) -> None:
    same = ((20, 20), (80, 60))
    annotated = drawn(case, *(Annotation("arrow", same, "<b>here</b>") for _ in range(3)))

    svg = annotation_svg(annotated).decode()

    tops = [float(top) for top in re.findall(r'<rect x="[^"]*" y="([^"]*)"', svg)]
    heights = [float(height) for height in re.findall(r'height="([^"]*)" fill="#000"', svg)]
    assert svg.count("3: &lt;b&gt;here&lt;/b&gt;") == 1
    assert all(below - above >= height for above, below, height in zip(tops, tops[1:], heights, strict=False))
    assert svg in report_html(report_of(annotated)).decode()
    assert annotation_svg(case) == b""
    assert "Measurements" not in [section.title for section in report_of(case).sections]


@pytest.mark.parametrize("cleaning", [Cleaning(), Cleaning(turn=1, mirror=True)])
def test_a_secondary_capture_shows_the_measurement_where_it_was_drawn(
    classifier: Classifier, phantom: Radiograph, cleaning: Cleaning
) -> None:
    case = drawn(make_case(classifier, phantom, [Request("grad-cam", "covid")], cleaning=cleaning), LENGTH)
    source = read_source(film_of(phantom), name="film.dcm")
    shape = phantom.pixels.shape
    height, width = shape[::-1] if cleaning.turn else shape
    left = max(0, 480 - width) // 2  # of a narrow film on its legend

    capture = secondary_capture(case, source, 1).pixel_array
    bare = secondary_capture(replace(case, annotations=FilmAnnotations()), source, 1).pixel_array

    on = [(left + x, y) for x, y in turned_points([(x, 60) for x in (45, 60, 100, 115)], shape, cleaning)]
    beside = [(left + x, y) for x, y in turned_points([(60, 50), (132, 60)], shape, cleaning)]
    assert yellow_at(capture, on) == [True] * 4
    assert yellow_at(capture, beside) == [False] * 2
    assert yellow_at(bare, on) == [False] * 4
    assert np.array_equal(capture[height:], bare[height:])  # the legend


def test_a_figure_shows_the_measurement_on_each_panel_and_its_caption_gives_the_size(case: CaseRecord) -> None:
    figure = case_figure(drawn(case, LENGTH))

    with Image.open(io.BytesIO(figure.png)) as picture:
        page = np.asarray(picture)
    width = case.radiograph.pixels.shape[1]
    scale = 85 / 25.4 * 300 / width  # two columns of 85 mm, 4 mm apart
    for left in (0, 89 / 25.4 * 300):
        assert yellow_at(page, [(left + x * scale, 60 * scale) for x in (50, 80, 110)]) == [True] * 3
        assert yellow_at(page, [(left + x * scale, 50 * scale) for x in (50, 80, 110)]) == [False] * 3
    assert "Measurements: 1: 109.1 mm." in figure.caption
    assert "Measurements" not in case_figure(case).caption


def test_labels_on_a_small_film_are_legible(case: CaseRecord) -> None:
    pixels = annotation_pixels(drawn(case, LENGTH))

    assert pixels is not None
    assert pixels.shape == (*case.radiograph.pixels.shape, 4)
    rows = np.flatnonzero((pixels[64:, :, 3] > 0).any(axis=1))  # below the line: the label
    assert np.ptp(rows) + 1 >= 17
    assert annotation_pixels(case) is None


def test_what_the_viewer_sends_is_checked() -> None:
    shape = {"kind": "length", "points": [[1, 2], [3.5, 4]], "text": ""}

    good = annotations_of({"shapes": [shape], "calibration": 0.2}, "0123")
    assert good == FilmAnnotations((Annotation("length", ((1, 2), (3.5, 4))),), 0.2, "0123")
    wrong: tuple[Any, ...] = (
        {"shapes": [shape | {"points": [[1]]}], "calibration": None},
        {"shapes": [shape | {"kind": "script"}], "calibration": None},
        {"shapes": [shape], "calibration": -1},
        {"shapes": [shape | {"text": "x" * 3000}], "calibration": None},
        {"shapes": [shape] * 501, "calibration": None},
        {"calibration": None},
        [],
    )
    for bad in wrong:
        with pytest.raises(BadData, match="kept"):
            annotations_of(bad, "0123")
