"""Turning, mirroring and measuring the film, with mouse, fingers and keys, in a real browser."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from core.overlay import display
from tests.browser.conftest import settle
from tests.browser.viewer_hand import VIEWER, cut, drag, on_screen, on_viewer, pressed, settled
from tests.browser.viewer_page import radiograph

FILM = "0 1024 900"


def sides(page: Any) -> list[str]:
    """What stands at the left, top, right and bottom edge of the stage."""
    return [str(text) for text in page.locator(".sides span").all_text_contents()]


def test_a_turned_or_mirrored_film_keeps_its_pixels_and_says_so(show: Callable[..., Any]) -> None:
    page = show(kind="none")
    whole = display(radiograph(FILM))[:, :, None]
    badge = page.locator("[data-testid=badge]")
    assert badge.is_hidden()
    assert sides(page) == ["(R)", "", "(L)", ""]

    seen = []
    for flip in (False, True):
        for turn in range(4):
            settle(page)  # the server has answered the last turn
            pressed(page, "1")  # a turned film fits at another zoom
            drawn, part = cut(page, whole, turn=turn, flip=flip)
            assert min(part.shape[:2]) > 300
            assert (drawn == part).all(), (turn, flip)
            seen.append((badge.text_content(), sides(page)))
            pressed(page, "r")
        pressed(page, "f")
        settled(page)

    assert seen == [
        ("", ["(R)", "", "(L)", ""]),
        ("Turned 90° right", ["?", "", "?", ""]),
        ("Turned upside down", ["?", "", "?", ""]),
        ("Turned 90° left", ["?", "", "?", ""]),
        ("Mirrored", ["?", "", "?", ""]),
        ("Mirrored, turned 90° right", ["?", "", "?", ""]),
        ("Mirrored, turned upside down", ["?", "", "?", ""]),
        ("Mirrored, turned 90° left", ["?", "", "?", ""]),
    ]
    expect(badge).to_be_hidden()  # mirrored twice
    pressed(page, "f", "Shift+R", "0")
    settled(page)
    assert badge.is_hidden()


def test_a_mirror_applies_to_the_view_even_of_a_turned_film(show: Callable[..., Any]) -> None:
    page = show(kind="none")
    pressed(page, "r")
    settled(page)
    point = on_screen(page, 100, 200)
    box = page.locator("[data-testid=film]").bounding_box()

    pressed(page, "f")
    settled(page)
    mirrored = on_screen(page, 100, 200)

    assert mirrored[1] == pytest.approx(point[1], abs=1)
    assert mirrored[0] - box["x"] == pytest.approx(box["x"] + box["width"] - point[0], abs=1)


def test_lengths_are_in_mm_stay_with_their_film_and_can_be_removed(show: Callable[..., Any], tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (256, 1))).save(tmp_path / "grey.png")
    page = show(film=str(tmp_path / "grey.png"))
    labels = page.locator("[data-testid=lengths] span")

    page.get_by_role("button", name="Measure a length").click()
    drag(page, on_screen(page, 50, 60), on_screen(page, 90, 90))
    assert labels.all_text_contents() == ["50 px, spacing unknown"]

    page.locator("[data-testid=stSelectbox] input").click()
    page.get_by_text("1 700 800", exact=True).last.click()
    page.wait_for_selector(f"{VIEWER}[data-film-key='{radiograph('1 700 800').key}']")
    expect(labels).to_have_count(0)
    spacing = radiograph("1 700 800").spacing
    assert spacing is not None
    mm = math.hypot(300 * spacing[1], 200 * spacing[0])
    drag(page, on_screen(page, 200, 200), on_screen(page, 500, 400))
    drag(page, on_screen(page, 200, 500), on_screen(page, 300, 500))
    assert float(labels.first.inner_text().removesuffix(" mm")) == pytest.approx(mm, rel=0.01)

    drag(page, on_screen(page, 500, 400), on_screen(page, 200, 300))  # by its end
    expect(labels).to_have_count(2)
    assert float(labels.first.inner_text().removesuffix(" mm")) == pytest.approx(100 * spacing[0], rel=0.02)

    page.get_by_text("stage2", exact=True).first.click()
    page.get_by_text("runs 3", exact=True).wait_for()
    settled(page)
    expect(labels).to_have_count(2)
    page.get_by_role("button", name="Remove length 1").click()
    settled(page)
    expect(labels).to_have_count(1)
    page.get_by_role("button", name="Clear measurement").click()
    settled(page)
    expect(labels).to_have_count(0)


def test_keys_alone_probe_and_measure(show: Callable[..., Any]) -> None:
    page = show()
    probe = page.locator("[data-testid=probe]")
    spacing = radiograph(FILM).spacing
    assert spacing is not None

    pressed(page, "1", "c", "Enter", *["ArrowRight"] * 5, *["Shift+ArrowDown"] * 3, "Enter", "ArrowUp")
    settled(page)

    assert "heat" in probe.inner_text()
    assert probe.get_attribute("aria-live") == "polite"
    label = page.locator("[data-testid=lengths] span").inner_text()
    assert float(label.removesuffix(" mm")) == pytest.approx(math.hypot(40 * spacing[1], 3 * spacing[0]), abs=0.06)
    pressed(page, "Enter", "Escape")  # started and abandoned: a slip
    assert page.locator("[data-testid=lengths] span").count() == 1
    pressed(page, "c", "Enter", "ArrowLeft", "Delete", "Enter", "Escape", "Delete")
    settled(page)
    assert probe.inner_text() == ""
    assert page.locator("[data-testid=lengths] span").count() == 0


def test_two_fingers_zoom_and_one_pans(show: Callable[..., Any]) -> None:
    page = show(width=390, height=844, context={"has_touch": True, "is_mobile": True})
    page.locator("[data-testid=film]").scroll_into_view_if_needed()
    fingers = page.context.new_cdp_session(page)
    x, y = on_screen(page, 400, 450)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": u, "y": v} for u, v in points]})

    touch("touchStart", (x - 40, y))
    touch("touchStart", (x - 40, y), (x + 40, y))
    for spread in (50, 60, 70, 80):
        touch("touchMove", (x - spread, y), (x + spread, y))
    touch("touchEnd")
    settled(page)
    zoom = on_viewer(page, "viewer.view().zoom")
    pinched = on_screen(page, 400, 450)
    before = on_viewer(page, "viewer.view()")
    touch("touchStart", (x, y))
    for step in (10, 20, 30):
        touch("touchMove", (x + step, y + step))
    touch("touchEnd")
    settled(page)
    moved = on_screen(page, 400, 450)

    assert zoom == pytest.approx(2, abs=0.05)
    assert pinched == pytest.approx((x, y), abs=2)
    assert moved == pytest.approx((pinched[0] + 30, pinched[1] + 30), abs=2)
    assert {**on_viewer(page, "viewer.view()"), "x": 0, "y": 0} == {**before, "x": 0, "y": 0}  # the window is as it was


def test_the_list_of_keys_is_a_dialog_that_gives_the_focus_back(show: Callable[..., Any], screenshots: Path) -> None:
    page = show()
    dialog = page.get_by_role("dialog", name="Keys, mouse and touch")

    pressed(page, "?")
    dialog.wait_for()
    page.screenshot(path=screenshots / "viewer-keys.png")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.textContent") == "Close"
    assert "mirror left to right" in dialog.inner_text()
    pressed_behind = on_viewer(page, "viewer.view().invert")
    page.keyboard.press("i")  # keys do not act on the film while it is open
    assert on_viewer(page, "viewer.view().invert") == pressed_behind
    page.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    assert on_viewer(page, "viewer.root.getRootNode().activeElement === viewer.canvas")
    page.get_by_role("button", name="Keys, mouse and touch").click()
    dialog.wait_for()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_the_viewer_fills_the_screen_and_gives_it_back(show: Callable[..., Any]) -> None:
    page = show()
    height = page.locator("[data-testid=film]").bounding_box()["height"]

    page.get_by_role("button", name="Present").click()
    page.wait_for_function("document.fullscreenElement !== null")
    settled(page)
    filled = page.locator("[data-testid=film]").bounding_box()["height"]
    pressed(page, "e")
    page.wait_for_function("document.fullscreenElement === null")

    assert filled > height + 100


def test_text_in_a_corner_fades_while_the_pointer_is_on_it(show: Callable[..., Any]) -> None:
    page = show()
    text = page.locator("[data-testid=viewer] .words").first
    box = text.bounding_box()

    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(text).to_have_css("opacity", "0.1")
    page.mouse.move(*on_screen(page, 500, 500))
    expect(text).to_have_css("opacity", "1")
