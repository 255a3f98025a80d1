"""Annotations drawn on the film: their measurements, their fixed place, undo, list and table."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from core.image.prepare import enlarge
from core.overlay import legend_lines
from core.report.annotation import read_measurements
from tests.browser.viewer_hand import canvas, drag, on_screen, on_viewer, pressed, settled, type_label
from tests.browser.viewer_page import explanation, radiograph

FILM = "0 1024 900"
LABELS = "[data-testid=lengths] span"
VIEWER_FILES = Path(__file__).parents[2] / "dashboard" / "viewer"
ANISOTROPIC = {"across": 0.5, "down": 1.0, "unit": "mm", "size": "", "note": ""}
PLAIN = {"across": 1, "down": 1, "unit": "px", "size": "spacing unknown", "note": ", spacing unknown"}


@pytest.fixture
def measured(open_page: Callable[..., Any]) -> Callable[..., Any]:
    """`measured(expression, *values)`: a JavaScript expression over measures.js, its values as a, b, c ..."""
    page = open_page("about:blank")
    scripts = "\n".join((VIEWER_FILES / name).read_text() for name in ("heat.js", "measures.js"))
    kinds = "const KINDS = Object.fromEntries([['length', 2], ['ellipse', 2], ['rectangle', 2], ['angle', 4], "
    kinds += "['diameter', 4], ['arrow', 2], ['text', 1]].map(([kind, points]) => [kind, { points }]));"

    def value(expression: str, *values: Any) -> Any:
        names = "abcdefgh"[: len(values)]
        return page.evaluate(
            f"(values) => {{ {kinds} {scripts}; const [{','.join(names)}] = values; return {expression}; }}",
            list(values),
        )

    return value


def test_distances_and_angles_follow_the_size_of_a_pixel_in_both_directions(measured: Callable[..., Any]) -> None:
    assert measured("distance(a, b, c)", [0, 0], [6, 4], ANISOTROPIC) == pytest.approx(5)
    assert measured("degrees(a, b)", [[0, 0], [1, 0], [0, 0], [1, 1]], PLAIN) == pytest.approx(45)
    assert measured("degrees(a, b)", [[0, 0], [2, 0], [0, 0], [2, 1]], ANISOTROPIC) == pytest.approx(45)
    assert measured("degrees(a, b)", [[0, 0], [-1, 0.1], [0, 0], [-1, -0.1]], PLAIN) == pytest.approx(
        2 * math.degrees(math.atan(0.1))
    )


def test_a_second_axis_is_at_right_angles_to_the_first_on_the_patient(measured: Callable[..., Any]) -> None:
    x, y = measured("squared(a, b)", [[0, 0], [4, 1], [2, 0], [3, 9]], ANISOTROPIC)

    assert (x - 2) * 0.5 * (4 * 0.5) + y * 1.0 == pytest.approx(0)
    assert (x, y) != (2, 0)


@pytest.mark.parametrize("kind", ["rectangle", "ellipse"])
def test_mean_and_deviation_are_those_of_the_pixels_whose_middles_lie_inside(
    measured: Callable[..., Any], kind: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (20, 30), dtype=np.uint16)
    film = {"pixels": pixels.ravel().tolist(), "width": 30, "height": 20}
    (x0, y0), (x1, y1) = (-3.2, 4.4), (21.7, 16.6)
    y, x = np.mgrid[:20, :30] + 0.5
    inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    if kind == "ellipse":
        inside = ((x - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 2 + ((y - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 2 < 1

    found = measured("greysIn(a, b, c)", kind, [[x1, y0], [x0, y1]], film)

    assert found["count"] == inside.sum()
    assert found["mean"] == pytest.approx(pixels[inside].mean())
    assert found["deviation"] == pytest.approx(pixels[inside].std())


def test_a_table_keeps_commas_quotes_and_formulas_as_text(measured: Callable[..., Any]) -> None:
    rows = [{"number": 1, "kind": "text", "text": '=1+1, "x"'}, {"number": 2, "kind": "length", "length": 12.5}]

    first, second = csv.DictReader(io.StringIO(measured("measuresCsv(a)", rows)))

    assert first["text"] == '\'=1+1, "x"'
    assert (second["length"], second["text"]) == ("12.5", "")


def choose(page: Any, name: str) -> None:
    """Takes a tool of the drawer of measuring tools."""
    page.get_by_role("button", name="Measuring tools").first.click()
    page.get_by_role("button", name=name, exact=True).first.click()
    settled(page)


@pytest.mark.parametrize("kind", ["Rectangle", "Ellipse"])
def test_a_region_gives_mean_deviation_area_and_heat_and_stays_on_its_place(
    show: Callable[..., Any], screenshots: Path, kind: str
) -> None:
    page = show()
    film = radiograph(FILM)
    choose(page, kind)
    drag(page, on_screen(page, 200, 500), on_screen(page, 400, 800))
    left, top, right, bottom = (round(v) for v in (*_points(page)[0], *_points(page)[1]))
    y, x = np.mgrid[: film.pixels.shape[0], : film.pixels.shape[1]] + 0.5
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    share = 1.0
    if kind == "Ellipse":
        share = math.pi / 4
        inside = ((x - (left + right) / 2) / ((right - left) / 2)) ** 2 + (
            (y - (top + bottom) / 2) / ((bottom - top) / 2)
        ) ** 2 < 1
    map_ = explanation(film, "stage4")
    heat = np.nan_to_num(enlarge(map_.heat, map_.placement, film.pixels.shape))
    spacing = film.spacing
    assert spacing is not None

    label = page.locator(LABELS).inner_text()
    page.screenshot(path=screenshots / f"viewer-{kind.lower()}.png")

    greys, area, warm = label.split(" · ")
    mean, deviation = (float(part.split()[-1]) for part in greys.split(","))
    assert mean == pytest.approx(film.pixels[inside].mean(), rel=0.005)
    assert deviation == pytest.approx(film.pixels[inside].std(), rel=0.01)
    expected = (right - left) * (bottom - top) * spacing[0] * spacing[1] * share
    assert float(area.removesuffix(" mm²")) == pytest.approx(expected, rel=0.01)
    assert int(warm.split()[0]) == pytest.approx(100 * heat[inside].sum() / heat.sum(), abs=1.5)
    before = _points(page)
    pressed(page, "+", "r", "f")
    assert _points(page) == before
    assert page.locator(LABELS).inner_text().split(" · ")[:2] == [greys, area]


def _points(page: Any, shape: int = 0) -> Any:
    return on_viewer(page, f"viewer.shapes[{shape}].points")


def test_an_angle_and_a_diameter_take_two_lines(show: Callable[..., Any]) -> None:
    page = show()
    labels = page.locator(LABELS)
    film = radiograph(FILM)
    assert film.spacing is not None

    choose(page, "Angle")
    drag(page, on_screen(page, 200, 200), on_screen(page, 400, 200))
    assert labels.all_inner_texts() == ["Draw the second line"]
    drag(page, on_screen(page, 200, 400), on_screen(page, 400, 600))
    angle = labels.first.inner_text()
    choose(page, "Two-way diameter")
    drag(page, on_screen(page, 500, 500), on_screen(page, 700, 500))
    drag(page, on_screen(page, 600, 450), on_screen(page, 650, 550))
    long, short = (float(part) for part in labels.nth(1).inner_text().removesuffix(" mm").split(" × "))

    assert float(angle.split("°")[0]) == pytest.approx(45, abs=0.5)
    assert angle.endswith("°)")
    assert long == pytest.approx(200 * film.spacing[1], rel=0.01)
    assert short == pytest.approx(100 * film.spacing[0], rel=0.01)  # at right angles, however it was drawn


def test_an_arrow_and_a_text_carry_what_was_written_and_no_markup(show: Callable[..., Any]) -> None:
    page = show()

    choose(page, "Arrow")
    drag(page, on_screen(page, 200, 200), on_screen(page, 400, 300))
    type_label(page, "<b>here</b>")
    page.keyboard.press("Enter")
    choose(page, "Text")
    page.mouse.click(*on_screen(page, 600, 600))
    type_label(page, "hilum")
    page.mouse.click(*on_screen(page, 300, 800))  # elsewhere: the text is finished, and a new one begins
    page.keyboard.press("Escape")
    settled(page)

    assert page.locator(LABELS).all_inner_texts() == ["<b>here</b>", "hilum"]


def test_what_was_drawn_can_be_moved_undone_and_redone(show: Callable[..., Any]) -> None:
    page = show()
    choose(page, "Rectangle")
    drag(page, on_screen(page, 200, 500), on_screen(page, 400, 800))
    first = _points(page)
    drag(page, on_screen(page, 300, 500), on_screen(page, 350, 550))  # by its upper side
    moved = _points(page)
    page.get_by_role("button", name="Clear measurement").click()
    settled(page)

    expect(page.locator(LABELS)).to_have_count(0)
    pressed(page, "Control+z")
    assert _points(page) == moved
    pressed(page, "Control+z")
    assert _points(page) == first
    pressed(page, "Control+Shift+z")
    assert _points(page) == moved
    assert np.subtract(moved, first) == pytest.approx(np.array([[50, 50], [50, 50]]), abs=1.5)
    pressed(page, "Control+z", "Control+z", "Control+z")
    expect(page.locator(LABELS)).to_have_count(0)


def test_the_list_of_measurements_is_saved_as_a_table(show: Callable[..., Any], screenshots: Path) -> None:
    page = show()
    choose(page, "Ellipse")
    drag(page, on_screen(page, 200, 500), on_screen(page, 400, 800))
    pressed(page, "l")
    drag(page, on_screen(page, 500, 200), on_screen(page, 700, 200))
    page.get_by_role("button", name="Measuring tools").first.click()
    items = page.locator("[data-testid=measures] li span").all_inner_texts()
    page.screenshot(path=screenshots / "viewer-measures.png")

    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the list").click()
    data = Path(saved.value.path()).read_bytes()
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    again = read_measurements(data, name="film-measurements.csv")

    assert again.film == radiograph(FILM).key
    assert [(each.kind, each.is_complete) for each in again.items] == [("ellipse", True), ("length", True)]
    assert np.allclose([each.points for each in again.items], [_points(page), _points(page, 1)], atol=0.05)
    assert [item.split(":")[0] for item in items] == ["Ellipse", "Length"]
    assert [row["kind"] for row in rows] == ["ellipse", "length"]
    assert {row["unit"] for row in rows} == {"mm"}
    assert float(rows[0]["count"]) > 10_000
    assert f"{float(rows[1]['length']):.1f} mm" == items[1].split(": ")[1]


def test_keys_alone_draw_a_region(show: Callable[..., Any]) -> None:
    page = show()

    pressed(page, "1", "q", "c", "Enter", *["ArrowRight"] * 5, *["ArrowDown"] * 4, "Enter", "Escape")

    (x0, y0), (x1, y1) = _points(page)
    assert (x1 - x0, y1 - y0) == (40, 32)


def _record(picture: Path) -> Any:
    """What a saved view says of itself."""
    with Image.open(picture) as image:
        return json.loads(image.text["Lightbox"])  # type: ignore[attr-defined]


def test_the_saved_view_is_the_view_with_its_measurements_and_what_it_shows(
    show: Callable[..., Any], screenshots: Path, tmp_path: Path
) -> None:
    page = show(source="densenet121-lungs, weights 1a2b3c4d · covid 0.78")
    film = radiograph(FILM)
    pressed(page, "+", "5")
    choose(page, "Rectangle")
    drag(page, on_screen(page, 300, 300), on_screen(page, 500, 500))

    with page.expect_download() as saved:
        page.get_by_role("button", name="Save this view").click()
    saved.value.save_as(tmp_path / saved.value.suggested_filename)
    seen = canvas(page)
    picture = np.asarray(Image.open(tmp_path / "phantom-0-view.png").convert("RGB"))
    saved.value.save_as(screenshots / "viewer-saved.png")
    record = _record(tmp_path / "phantom-0-view.png")
    lines = list(legend_lines(film, explanation(film, "stage4"), "densenet121-lungs, weights 1a2b3c4d · covid 0.78"))

    height, width = seen.shape[:2]
    same = (picture[:height, :width] == seen).all(axis=2)
    yellow = (np.abs(picture[:height].astype(int) - (240, 228, 66)).max(axis=2) < 12).sum()
    assert same.mean() > 0.95  # all but the rectangle, its label and the sides
    assert yellow > 500
    assert picture.shape[0] > height + 100
    assert record["lines"][: len(lines) - 1] == lines[:-1]
    assert record["lines"][-1] == lines[-1] == "For research and teaching. Not for diagnosis."
    assert any("zoom 1.3×" in line and "opacity 45 %" in line for line in record["lines"])
    assert record["radiograph_key"] == film.key
    assert [each["kind"] for each in record["measurements"]] == ["rectangle"]


def test_one_bar_saves_all_panes_of_its_link(show: Callable[..., Any], tmp_path: Path) -> None:
    page = show(viewers=2, link="pair", compact=1, other=1)
    page.locator("[data-testid=viewer][data-ready]").nth(1).wait_for()

    with page.expect_download() as saved:
        page.locator("[data-testid=controls] [data-act=save]").click()
    saved.value.save_as(tmp_path / "both.png")

    width = sum(on_viewer(page, "viewer.canvas.width", index) for index in (0, 1))
    with Image.open(tmp_path / "both.png") as picture:
        assert picture.width >= width


def test_annotations_that_the_server_did_not_take_are_sent_once_more(open_page: Callable[..., Any]) -> None:
    page = open_page("about:blank")
    script = (VIEWER_FILES / "kept_annotations.js").read_text().split("export default")[0]

    sent = page.evaluate(
        f"""() => {{
            const store = {{ listeners: new Set(), shapes: new Map(), calibrations: new Map(), histories: new Map() }};
            const tell = () => {{}};
            {script}
            const kept = new KeptAnnotations();
            const sent = [];
            const server = {{ open: ["film"], films: {{}} }};
            const answer = () => {{ kept.update(server, (changed) => sent.push(changed)); kept.send(); }};
            answer();
            store.shapes.set("film", [{{ kind: "length", points: [[1, 2], [3, 4]] }}]);
            kept.send();
            for (const _ of [1, 2, 3]) answer(); // of other messages: the first one was lost, and the server refuses it
            kept.close();
            return sent.length;
        }}"""
    )

    assert sent == 2
