"""Slow methods in a real browser: the menu, progress, cancel, two people at once, and a tab that is closed."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from core.explain.method import by_family, methods
from tests.browser.conftest import PATIENCE_MS, settle
from tests.browser.test_app import open_phantom

MENU = "[data-testid=method-menu]"
BUSY = ".st-key-about .lb-progress"  # of the map; small maps and measures may wait, too
AT_ONCE_MS = 100
SOON = 60.0  # s; the slow method takes minutes, so what comes within that did not wait for it


@pytest.fixture
def visit_phantom(visit: Callable[..., Any]) -> Callable[..., Any]:
    """`visit_phantom(width=1440)`: a page of the dashboard with the phantom on it."""

    def visited(**options: Any) -> Any:
        page = visit(**options)
        open_phantom(page)
        return page

    return visited


def open_menu(page: Any) -> None:
    page.locator(f"{MENU} .closed").click()
    page.locator(f"{MENU} .panel").wait_for(state="visible", timeout=PATIENCE_MS)


def pick(page: Any, name: str) -> None:
    """Finds the method by its title and takes it."""
    open_menu(page)
    page.locator(f"{MENU} input").fill(methods[name].title)
    page.locator(f"{MENU} [data-method='{name}']").click()


def cancel(page: Any) -> None:
    page.get_by_role("button", name="Cancel").click()
    page.locator(BUSY).wait_for(state="detached", timeout=PATIENCE_MS)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_menu_shows_each_family_with_sentence_and_cost_and_lies_inside_the_window(
    visit_phantom: Callable[..., Any], width: int
) -> None:
    page = visit_phantom(width=width, height=900 if width == 1440 else 844)
    open_menu(page)
    box = page.locator(f"{MENU} .panel").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= (900 if width == 1440 else 844)

    for place, (family, members) in enumerate(by_family().items()):
        page.locator(f"{MENU} .family").nth(place).click()
        text = page.locator(f"{MENU} .methods").inner_text()
        assert all(method.title in text and method.plain in text for method in members), family
    page.locator(f"{MENU} input").fill("masked film")
    expect(page.locator(f"{MENU} .method")).to_have_count(1)
    expect(page.locator(f"{MENU} .method")).to_contain_text("hundreds of network passes", use_inner_text=True)

    page.locator(f"{MENU} input").fill("random")
    names = page.locator(f"{MENU} .method").evaluate_all("(rows) => rows.map((row) => row.dataset.method)")
    assert names[0] == "random-map"
    assert "rise" in names[1:], "RISE, whose description says random, comes later"


def test_the_menu_is_used_with_keys_alone(visit_phantom: Callable[..., Any]) -> None:
    page = visit_phantom()
    page.locator(f"{MENU} .closed").focus()
    page.keyboard.press("ArrowDown")
    page.locator(f"{MENU} input").wait_for(state="visible", timeout=PATIENCE_MS)
    page.keyboard.type("saliency")
    page.keyboard.press("Enter")

    page.get_by_text(methods["saliency"].plain).first.wait_for(timeout=PATIENCE_MS)
    expect(page.locator(f"{MENU} .closed")).to_have_text("Saliency", use_inner_text=True)


def test_a_slow_method_says_so_at_once_keeps_the_picture_and_goes_back_when_cancelled(
    visit_phantom: Callable[..., Any],
) -> None:
    page = visit_phantom()
    caption = page.locator("[data-testid=caption]").inner_text()
    open_menu(page)
    page.locator(f"{MENU} input").fill("RISE")
    waited = page.locator(f"{MENU} [data-method=rise]").evaluate(
        """(row) => new Promise((done) => {
          const begun = performance.now();
          const button = row.getRootNode().querySelector(".closed");
          row.click();
          const look = () => button.classList.contains("busy") ? done(performance.now() - begun) : setTimeout(look, 5);
          look();
        })"""
    )
    assert waited < AT_ONCE_MS
    page.locator(BUSY).wait_for(timeout=PATIENCE_MS)
    page.get_by_text(re.compile(r"\d+ of 1000 network passes, about")).wait_for(timeout=PATIENCE_MS)
    expect(page.locator("[data-testid=caption]")).to_have_text(f"Previous map: {caption}", use_inner_text=True)
    expect(page.locator("[data-testid=viewer][data-ready=heat]")).to_have_count(1)

    cancel(page)
    settle(page)
    expect(page.locator("[data-testid=caption]")).to_have_text(caption, use_inner_text=True)
    expect(page.locator(f"{MENU} .closed")).to_have_text("Grad-CAM", use_inner_text=True)


def test_a_waiting_request_shows_its_place_and_a_closed_tab_frees_it(visit_phantom: Callable[..., Any]) -> None:
    first, second = visit_phantom(), visit_phantom()
    pick(first, "rise")
    first.get_by_text(re.compile(r"\d+ of 1000 network passes")).wait_for(timeout=PATIENCE_MS)
    pick(second, "smoothgrad")
    second.get_by_text("waiting for the network, 1 request ahead").wait_for(timeout=PATIENCE_MS)

    begun = time.monotonic()
    first.close()
    second.get_by_text(re.compile(r"\d+ of 25 network passes")).wait_for(timeout=PATIENCE_MS)
    assert time.monotonic() - begun < SOON
    cancel(second)


def test_two_who_ask_the_same_share_it_and_one_who_cancels_takes_nothing_from_the_other(
    visit_phantom: Callable[..., Any],
) -> None:
    first, second = visit_phantom(), visit_phantom()
    pick(first, "rise")
    first.get_by_text(re.compile(r"\d+ of 1000 network passes")).wait_for(timeout=PATIENCE_MS)
    pick(second, "rise")
    second.get_by_text(re.compile(r"\d+ of 1000 network passes")).wait_for(timeout=PATIENCE_MS)
    cancel(first)
    settle(first)
    before = _done(second)
    second.wait_for_function(
        f"(before) => {{ const found = /(\\d+) of {_ALL}/.exec(document.querySelector('{BUSY}')?.innerText ?? '');"
        " return !found || Number(found[1]) > before; }",
        arg=before,
    )
    if _done(second) < _ALL:
        cancel(second)


_ALL = 1000  # network passes of that method


def _done(page: Any) -> int:
    """Passes so far; all of them once the map is there."""
    text = page.evaluate(f"document.querySelector('{BUSY}')?.innerText ?? ''")
    match = re.search(rf"(\d+) of {_ALL}", text)
    return int(match[1]) if match else _ALL
