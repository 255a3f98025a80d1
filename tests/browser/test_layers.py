"""The Layers page in a real browser: from the network to one of its units, which is switched off or sent elsewhere."""

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, settle
from tests.dashboard.small_models import put

GRID = "[data-testid=units]"
UNITS = f"{GRID} .unit"
STAGES = ".st-key-stages"
PAGES = ".st-key-unit-pages"
CHOSEN = f"{GRID} .unit[aria-selected=true]"
PANE = ".st-key-unit [data-testid=viewer]"
CAPTION = f"{PANE} [data-testid=caption]"


@pytest.fixture(scope="module")
def script() -> Path:
    return Path(__file__).parent / "layers_page.py"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small network."""
    folder = tmp_path_factory.mktemp("one")
    put(folder, {"small": 2}, size=128)
    return folder


@pytest.fixture(scope="module")
def drawn() -> tuple[str, ...]:
    return (f"{GRID}[data-ready=heat]", f"{PANE}[data-ready=heat]")


def stage(page: Any, name: str) -> None:
    """Clicks a stage of the network, and waits for its units."""
    units = page.locator(f"{GRID} [aria-label='Units of {name}']")
    for _ in range(3):  # on a busy machine a click can fall between two redraws
        page.locator(f"{STAGES} label").filter(has_text=name).click()
        with suppress(PlaywrightTimeout):
            units.wait_for(timeout=PATIENCE_MS / 3)
            break
    units.wait_for(timeout=PATIENCE_MS)
    settle(page)


def shows(page: Any, channel: str | int) -> None:
    """Waits for the large map of this unit."""
    expect(page.locator(CAPTION)).to_contain_text(f"channel {channel} ·", timeout=PATIENCE_MS)
    expect(page.locator(CHOSEN)).to_have_attribute("data-channel", str(channel), timeout=PATIENCE_MS)


def picture(page: Any, place: int) -> str:
    """What a small map shows, to the last bit."""
    drawn: str = page.locator(f"{UNITS} canvas").nth(place).evaluate("(canvas) => canvas.toDataURL()")
    return drawn


def test_a_person_walks_from_the_network_to_a_unit_and_sends_it_to_another(visit: Callable[..., Any]) -> None:
    page = visit()
    expect(page.locator(UNITS)).to_have_count(24, timeout=PATIENCE_MS)
    assert len({picture(page, place) for place in range(6)}) > 1, "all maps look alike"

    stage(page, "stage 2")
    first = page.locator(UNITS).first.get_attribute("data-channel")
    page.locator(PAGES).get_by_role("button", name="Next page").click()
    expect(page.locator(PAGES)).to_contain_text("25–48 of 64", timeout=PATIENCE_MS)
    expect(page.locator(UNITS).first).not_to_have_attribute("data-channel", first, timeout=PATIENCE_MS)

    page.get_by_placeholder("Find 3, 7, 10-19").fill("5, 20-22")
    page.keyboard.press("Enter")
    expect(page.locator(UNITS)).to_have_count(4, timeout=PATIENCE_MS)
    settle(page)
    before = page.locator(f"{PANE} canvas[data-testid=film]").evaluate("(canvas) => canvas.toDataURL()")
    channel = page.locator(UNITS).last.get_attribute("data-channel")  # the first is shown already
    unit = page.locator(f"{UNITS}[data-channel='{channel}']")
    unit.click()
    shows(page, channel)
    settle(page)
    assert page.locator(f"{PANE} canvas[data-testid=film]").evaluate("(canvas) => canvas.toDataURL()") != before

    page.locator(".st-key-unit-head label").click()
    expect(unit).to_have_attribute("data-off", "true", timeout=PATIENCE_MS)
    page.get_by_text("1 unit is off").wait_for(timeout=PATIENCE_MS)
    page.locator(".st-key-unit-head label").click()
    expect(unit).to_have_attribute("data-off", "false", timeout=PATIENCE_MS)

    page.wait_for_function(f"location.search.includes('unit={channel}')", timeout=PATIENCE_MS)
    other = visit("?" + page.evaluate("location.search.slice(1)"))
    shows(other, channel)
    expect(other.locator(f"{GRID} .list")).to_have_attribute("aria-label", "Units of stage 2", timeout=PATIENCE_MS)


def test_the_grid_is_walked_with_the_keyboard(visit: Callable[..., Any]) -> None:
    page = visit()
    page.locator(CHOSEN).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    place = page.locator(UNITS).evaluate_all("(units) => units.indexOf(units[0].getRootNode().activeElement)")
    assert place == 7  # one to the right, and one row of six down
    channel = page.locator(UNITS).nth(7).get_attribute("data-channel")
    page.keyboard.press("Enter")
    shows(page, channel)
    settle(page)

    page.keyboard.press("PageDown")
    expect(page.locator(PAGES)).to_contain_text("25–48", timeout=PATIENCE_MS)


def test_a_layer_is_chosen_in_the_table_and_its_stage_is_one_click_away(visit: Callable[..., Any]) -> None:
    page = visit()
    page.locator(".st-key-layers-of-the-network button").click()
    table = page.locator("[data-testid=stDataFrame]")
    table.wait_for(timeout=PATIENCE_MS)
    settle(page)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 12, box["y"] + 35 + 35 * 1 + 17)  # the box before the second row: batch norm of stage 1
    page.locator(f"{GRID} [aria-label='Units of features.norm1']").wait_for(timeout=PATIENCE_MS)
    expect(page.locator(".st-key-unit-head label")).to_have_count(0, timeout=PATIENCE_MS)
    settle(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Units of stage 1").click()
    page.locator(f"{GRID} [aria-label='Units of stage 1']").wait_for(timeout=PATIENCE_MS)


def test_another_unit_leaves_the_rest_of_the_page_in_its_place(visit: Callable[..., Any]) -> None:
    page = visit()
    standing = [STAGES, GRID, PANE]
    elements = [page.locator(each).element_handle() for each in standing]
    unit = page.locator(UNITS).nth(5)
    channel = unit.get_attribute("data-channel")
    unit.click()
    shows(page, channel)
    settle(page)
    assert [each.evaluate("(element) => element.isConnected") for each in elements] == [True, True, True]


def test_one_scale_for_all_dims_the_weaker_units(visit: Callable[..., Any]) -> None:
    page = visit("?order=mean")
    last = picture(page, 23)
    page.get_by_text("Same scale").click()
    page.wait_for_function(
        "([root, before]) => root.querySelectorAll('canvas')[23].toDataURL() !== before",
        arg=[page.locator(f"{GRID} .list").element_handle(), last],
        timeout=PATIENCE_MS,
    )


def test_the_maps_of_a_stage_can_be_downloaded(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    for name, ending in (("Maps", "npz"), ("Table", "csv"), ("Sheet", "png")):
        with page.expect_download(timeout=PATIENCE_MS) as download:
            page.locator(".st-key-unit-downloads").get_by_role("button", name=name).click()
        assert download.value.suggested_filename.endswith(f"-stage_4.{ending}")
        download.value.save_as(tmp_path / f"units.{ending}")

    with np.load(io.BytesIO((tmp_path / "units.npz").read_bytes())) as file:
        assert file["maps"].shape[0] == 256
        assert file["relevance"].shape == (3, 256)


def test_on_a_phone_every_stage_is_in_sight_and_the_unit_comes_after_its_grid(visit: Callable[..., Any]) -> None:
    page = visit(width=390, height=844)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390

    tops = [
        page.locator(each).bounding_box()["y"] for each in (STAGES, GRID, PANE, ".st-key-figures", ".st-key-beside")
    ]
    assert tops == sorted(tops)
    boxes = [each.bounding_box() for each in page.locator(f"{STAGES} [data-testid=stRadioOption]").all()]
    assert len(boxes) == 4
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    expect(page.locator(f"{STAGES} [data-testid=stRadioCaption]:visible")).to_have_count(1)  # of the chosen one


def test_the_walk_goes_on_from_the_unit_to_the_finding_and_through_all_parts(visit: Callable[..., Any]) -> None:
    page = visit("?unit=7")
    page.locator(".st-key-unit-followed [data-testid=viewer][data-ready=heat]").wait_for(timeout=PATIENCE_MS)
    page.get_by_text("Deconvolution", exact=True).click()
    followed = page.locator(".st-key-unit-followed [data-testid=caption]")
    expect(followed).to_contain_text("Deconvolution", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Compute").click()
    picture_of = page.locator(".st-key-preferred-picture img")
    picture_of.wait_for(timeout=PATIENCE_MS)
    settle(page)

    page.locator(".st-key-unit-head label").click()
    page.get_by_text("1 unit is off").click()
    panes = page.locator(".st-key-without-panes [data-testid=viewer]")
    expect(panes).to_have_count(3, timeout=PATIENCE_MS)
    summary = page.locator(".st-key-without .lb-highlight")
    expect(summary).to_contain_text("Without 1 unit of stage 4", timeout=PATIENCE_MS)
    settle(page)
    page.get_by_role("button", name="Switch off 20 for").click()
    expect(summary).to_contain_text("Without 20 units of stage 4", timeout=PATIENCE_MS)
    page.locator(".st-key-curve-of-units-off .main-svg").first.wait_for(timeout=PATIENCE_MS)
    settle(page)

    page.get_by_text("Stage by stage", exact=True).click()
    columns = page.locator(".st-key-strip-of-stages [data-testid=viewer][data-ready=heat]")
    expect(columns).to_have_count(2 * 4, timeout=PATIENCE_MS)
    settle(page)

    page.get_by_text("Concepts", exact=True).click()
    page.get_by_text("of the maps' variance").wait_for(timeout=PATIENCE_MS)
    settle(page)
    page.get_by_text("Atlas", exact=True).click()
    page.get_by_role("button", name="Build").first.wait_for(timeout=PATIENCE_MS)
    assert not page.get_by_test_id("stAlert").count()
