"""The what-if bench in a real browser: a brush stroke on the film moves the bars and the map."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, settle
from tests.browser.test_app import open_phantom

BARS = "[class*=st-key-what-if] .lb-shift"


def test_a_brush_stroke_moves_bars_and_map_and_the_link_brings_it_back(
    visit: Callable[..., Any], open_page: Callable[..., Any], server: str
) -> None:
    page = visit()
    open_phantom(page)
    page.get_by_text("What-if bench").click()
    page.locator("[data-testid=region-tools] [data-kind=brush]").click()
    _stroke(page)
    page.get_by_role("button", name="Apply to the drawing").click()
    expect(page.locator(BARS).first).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    spoken = [bar.get_attribute("aria-label") for bar in page.locator(BARS).all()]
    assert len(spoken) == 3
    assert any(" after the edit " in (each or "") for each in spoken)
    assert "edit=blur" in page.evaluate("location.search")
    sent = page.evaluate("location.search")

    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("No edit yet")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(BARS)).to_have_count(0)
    assert "edit=" not in page.evaluate("location.search")

    other = open_page(f"{server}/{sent}")
    expect(other.locator(BARS).first).to_be_visible(timeout=PATIENCE_MS)
    assert [bar.get_attribute("aria-label") for bar in other.locator(BARS).all()] == spoken


def _stroke(page: Any) -> None:
    """Draws over the right lung of the first viewer."""
    stage = page.locator("[data-testid=viewer] .stage canvas").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    x, y = box["x"] + 0.35 * box["width"], box["y"] + 0.4 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 12):
        page.mouse.move(x, y + 0.02 * step * box["height"])
    page.mouse.up()
