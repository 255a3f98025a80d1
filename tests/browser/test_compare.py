"""The Compare page in a real browser: panes that move together, presets, files, cases of many films."""

import csv
import io
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from core.compare.export import COLUMNS
from core.image.phantom import draw
from dashboard.compare import presets
from tests.browser.conftest import PATIENCE_MS, settle
from tests.browser.test_access import barriers
from tests.dashboard.conftest import encoded
from tests.dashboard.small_models import put

PANE = "[data-testid=viewer]"
FILM = f"{PANE} canvas[data-testid=film]"
ROW_PX = 35  # of the table of films
BOXES = "(elements) => elements.map((each) => each.getBoundingClientRect().toJSON())"
# Progress redraws the button: a box measured in two steps can be that of a detached one.
_CANCEL_IN_PANE = """(pane) => [...document.querySelectorAll(".st-key-state-1 button")].some((button) => {
    const { y, height } = button.getBoundingClientRect();
    return button.innerText.includes("Cancel") && height > 0 && pane.y < y && y < pane.y + pane.height;
})"""


@pytest.fixture(scope="module")
def script() -> Path:
    return Path(__file__).parent / "compare_page.py"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small networks; each has heat for each finding at each stage."""
    folder = tmp_path_factory.mktemp("two")
    put(folder, {"first": 2, "second": 5}, size=128)
    return folder


@pytest.fixture(scope="module")
def drawn() -> tuple[str, ...]:
    return (f"{PANE}[data-ready=heat] >> nth=2",)


def pixels(page: Any) -> list[str]:
    """What each pane shows, to the last bit."""
    pictures: list[str] = page.locator(FILM).evaluate_all("(canvases) => canvases.map((each) => each.toDataURL())")
    return pictures


def menu(page: Any, place: int | str) -> Any:
    """Opens the menus of a tile."""
    page.locator(f".st-key-menus-{place} button").first.click()
    return page.locator("[data-testid=stPopoverBody]")


def test_linked_panes_show_the_same_pixels_after_zoom_and_a_change_of_model(visit: Callable[..., Any]) -> None:
    page = visit()
    whole = pixels(page)
    assert len(set(whole)) == 3, "three maps look alike"
    page.locator(FILM).nth(1).click()
    page.mouse.wheel(0, -600)
    page.keyboard.press("o")
    settle(page)
    bare = pixels(page)
    assert len(set(bare)) == 1
    assert bare[0] not in whole

    body = menu(page, 1)
    body.get_by_role("combobox").first.click()
    page.get_by_role("option", name="first").click()
    page.locator(".st-key-menus-1 button", has_text="first").wait_for(timeout=PATIENCE_MS)
    settle(page)
    assert pixels(page) == bare


def test_a_preset_fills_the_board_and_all_panes_have_their_map(visit: Callable[..., Any]) -> None:
    page = visit()
    fifth = page.locator(PANE).nth(4)
    for _ in range(3):  # on a busy machine a click can fall between two redraws of the button
        page.get_by_text(presets.STAGES).click()
        with suppress(PlaywrightTimeout):
            fifth.wait_for(timeout=PATIENCE_MS / 3)
            break
    for panes in (PANE, f"{PANE}[data-ready=heat]"):  # the previous board's panes disappear one after the other
        expect(page.locator(panes)).to_have_count(5, timeout=PATIENCE_MS)
    settle(page)

    names = page.locator("[class*=st-key-menus-] button").all_inner_texts()
    assert [name.split(" · ")[-1].split("\n")[0] for name in names[:4]] == [f"stage {stage}" for stage in range(1, 5)]
    tops = [round(page.locator(FILM).nth(place).bounding_box()["y"]) for place in range(3)]
    assert len(set(tops)) == 1, f"the panes of a row do not stand on one line: {tops}"
    expect(page.locator(".lb-pairs td")).to_have_count(16)


def test_the_difference_is_drawn_with_zero_in_the_middle_and_follows_the_pair(visit: Callable[..., Any]) -> None:
    page = visit()
    caption = page.locator("[data-testid=caption]").nth(2)
    expect(caption).to_contain_text(" · A − B · ", use_inner_text=True)
    before = pixels(page)[2]

    body = menu(page, "difference")
    body.get_by_role("combobox").first.click()
    page.get_by_role("option", name="B · second").click()
    page.locator(".st-key-menus-difference button", has_text="B − A").wait_for(timeout=PATIENCE_MS)
    settle(page)
    expect(caption).to_contain_text(" · B − A · ", use_inner_text=True)
    assert pixels(page)[2] != before


def test_the_board_and_its_figures_can_be_downloaded(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    page.locator(".st-key-save-board button").first.click()
    for name, ending in (("Board", "png"), ("Values (CSV)", "csv")):
        with page.expect_download(timeout=PATIENCE_MS) as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename.endswith(f"-compared.{ending}")
        download.value.save_as(tmp_path / f"board.{ending}")

    board = np.asarray(Image.open(tmp_path / "board.png").convert("RGB"))
    assert board.shape[1] > 3 * 480
    assert (board.max(axis=2) > board.min(axis=2) + 40).any(), "no colour in the picture"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "board.csv").read_text("utf-8"))))
    assert tuple(rows[0]) == COLUMNS
    assert {row["first"] for row in rows} == {"A", "B"}
    assert {row["second"] for row in rows} == {"", "B"}


def test_a_slow_map_says_how_far_it_is_in_its_tile_and_is_given_up(visit: Callable[..., Any]) -> None:
    page = visit()
    before = pixels(page)
    pane = page.locator(FILM).nth(1).bounding_box()
    body = menu(page, 1)
    body.locator("[data-testid=method-menu] .closed").click()
    page.locator("[data-testid=method-menu] input:visible").fill("RISE")
    page.locator("[data-testid=method-menu] [data-method=rise]:visible").click()
    page.locator(".st-key-state-1 .lb-progress").get_by_text("of 1000 network passes").wait_for(timeout=PATIENCE_MS)
    page.wait_for_function(_CANCEL_IN_PANE, arg=pane, timeout=PATIENCE_MS)
    expect(page.locator("[data-testid=caption]").nth(1)).to_have_text(
        re.compile("^Previous map: "), use_inner_text=True
    )
    page.keyboard.press("Escape")
    page.locator(".st-key-state-1").get_by_role("button", name="Cancel").click()
    page.locator(".st-key-menus-1 button", has_text="Grad-CAM").wait_for(timeout=PATIENCE_MS)
    settle(page)

    assert pixels(page) == before


def test_on_a_phone_the_panes_stand_one_below_the_other_and_nothing_sticks_out(visit: Callable[..., Any]) -> None:
    page = visit(width=390, height=844)
    boxes = [page.locator(FILM).nth(place).bounding_box() for place in range(3)]

    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    assert [round(box["x"]) for box in boxes] == [round(boxes[0]["x"])] * 3
    assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]
    controls = page.locator("[data-testid=controls]").bounding_box()
    assert boxes[0]["y"] < 844 / 2 + 100
    assert controls["y"] > boxes[2]["y"]


def test_a_click_on_a_line_opens_the_case_in_linked_panes(visit: Callable[..., Any], tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"film-{seed}.png").write_bytes(encoded(draw(seed=seed, height=160, width=130).radiograph))
    page = visit()
    page.get_by_text("Over many films").click()
    page.get_by_text("A folder or table").click()
    page.get_by_label("Path on this machine").fill(str(tmp_path))
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_role("button", name="Compare the films").click()
    table = page.locator("[data-testid=stDataFrame]")
    table.wait_for(timeout=PATIENCE_MS)
    settle(page)

    page.mouse.click(table.bounding_box()["x"] + 60, table.bounding_box()["y"] + 1.5 * ROW_PX)
    page.get_by_text("Case 1 of 3").wait_for(timeout=PATIENCE_MS)
    page.locator(f"{PANE}[data-ready=heat]").nth(2).wait_for(timeout=PATIENCE_MS)
    keys = {page.locator(PANE).nth(place).get_attribute("data-film-key") for place in range(3)}
    assert len(keys) == 1
    page.get_by_role("button", name="Next case").click()
    page.get_by_text("Case 2 of 3").wait_for(timeout=PATIENCE_MS)
    settle(page)
    assert page.locator(PANE).first.get_attribute("data-film-key") not in keys


def test_a_cell_of_the_confusion_matrix_lists_its_films_and_next_case_stays_among_them(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    lines = ["file,label"]
    for seed in range(4):
        (tmp_path / f"film-{seed}.png").write_bytes(encoded(draw(seed=seed, height=160, width=130).radiograph))
        lines.append(f"film-{seed}.png,{'covid' if seed < 3 else 'normal'}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    page = visit()
    page.get_by_text("Over many films").click()
    page.get_by_text("A folder or table").click()
    page.get_by_label("Path on this machine").fill(str(tmp_path / "labels.csv"))
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_role("button", name="Compare the films").click()
    matrix = page.locator("[class*=st-key-confusion-A] [data-testid=stDataFrame]")
    matrix.wait_for(timeout=PATIENCE_MS)
    settle(page)
    row, column, count = fullest(matrix)
    assert barriers(page) == []

    click_cell(page, matrix, row, column)

    expect(page.get_by_text(re.compile(f"Only label .*: {count} of 4 films."))).to_be_visible()
    settle(page)  # a click before the table of films is redrawn, or while it scrolls into view, would be lost
    films = page.locator(".st-key-films-compared [data-testid=stDataFrame]")
    films.hover(position={"x": 60, "y": 1.5 * ROW_PX})
    settle(page)
    films.click(position={"x": 60, "y": 1.5 * ROW_PX})
    expect(page.get_by_text(re.compile(rf"Case 1 of {count} \(label"))).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Next case").click()
    expect(page.get_by_text(f"Case 2 of {count}")).to_be_visible()


def fullest(grid: Any) -> tuple[int, int, int]:
    """(row, column, count) of the cell with most films, as the table says to screen readers."""
    grid.locator("tbody tr").first.wait_for(state="attached", timeout=PATIENCE_MS)
    rows = grid.locator("tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    counts = [(int(text), row, column) for row, cells in enumerate(rows) for column, text in enumerate(cells) if column]
    count, row, column = max(counts)
    assert count > 1
    return row, column, count


def click_cell(page: Any, grid: Any, row: int, column: int) -> None:
    """Clicks the cell: its canvas has no elements, so the column is looked for from the left."""
    box = grid.bounding_box()
    for share in np.linspace(0.05, 0.95, 19):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + (row + 1.5) * ROW_PX)
        settle(page)
        chosen = grid.locator("td[aria-selected=true]")
        if chosen.count() and int(chosen.first.get_attribute("aria-colindex")) == column + 1:
            return
    pytest.fail(f"no column {column} in the table")


def test_six_maps_are_presented_on_one_screen(visit: Callable[..., Any], screenshots: Path) -> None:
    page = visit()
    page.get_by_text(presets.METHODS).click()
    page.locator(f"{PANE}[data-ready=heat]").nth(5).wait_for(timeout=PATIENCE_MS)
    expect(page.locator("[class*=st-key-menus-]")).to_have_count(6 + 1, timeout=PATIENCE_MS)  # and the difference
    settle(page)
    page.locator("[data-testid=controls] [data-act=expand]").click()
    for width, height in ((1440, 900), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
        page.screenshot(path=screenshots / f"compare-presented-{width}.png")
        tiles = page.locator("[class*='st-key-tile-']:not(.st-key-tile-difference)")
        boxes = [box for box in tiles.evaluate_all(BOXES) if box["width"]]
        films = [box for box in page.locator(FILM).evaluate_all(BOXES) if box["width"]]

        assert len(boxes) == len(films) == 6
        assert all(box["left"] >= 0 and box["right"] <= width and box["bottom"] <= height for box in boxes)
        assert min(film["height"] for film in films) > 0.27 * height
        assert page.locator("[class*=st-key-remove-tile-] button").first.is_hidden()
