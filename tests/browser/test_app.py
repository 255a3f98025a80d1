"""The dashboard in a real server and a real browser: a file in, a map out, and how every page looks."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect

from core.image.phantom import Opacity, draw
from dashboard.views import pages
from tests.browser.conftest import PATIENCE_MS, settle
from tests.browser.viewer_hand import drag, on_screen, on_viewer, pressed, settled, type_label

WORKING = ".lb-progress, [data-testid=stSpinner], [data-testid=stSkeleton]"
DRAWN = "[data-testid=viewer][data-ready=heat]"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn chest as a 16-bit PNG file, as a hospital might export one."""
    radiograph = draw(seed=3, height=1000, width=900, opacity=Opacity(0.3, 0.55)).radiograph
    path = tmp_path_factory.mktemp("film") / "film.png"
    Image.fromarray(radiograph.pixels << 4).save(path)
    return path


def upload(page: Any, *paths: Path) -> None:
    page.locator("[data-testid=stMain] input[type=file]").first.set_input_files([str(path) for path in paths])
    page.wait_for_selector(DRAWN, timeout=PATIENCE_MS)


def open_phantom(page: Any) -> None:
    page.get_by_role("button", name="Opacity, right lung").click()
    page.wait_for_selector(DRAWN, timeout=PATIENCE_MS)
    settle(page)


def canvas(page: Any) -> NDArray[np.float32]:
    """(H, W, 3) what the viewer's canvas shows, without its rounded corners."""
    shot = page.locator("[data-testid=viewer] .stage canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.float32)[12:-12, 12:-12]


def sets(page: Any, look: str, value: float) -> None:
    """Moves a slider of the viewer, as dragging does."""
    page.locator(f"input[data-look={look}]").first.evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )
    settled(page)


def test_an_uploaded_film_is_drawn_with_its_map_and_opacity_needs_no_server(
    visit: Callable[..., Any], film: Path, open_page: Callable[..., Any], server: str
) -> None:
    sent: list[Any] = []
    page = open_page("about:blank", color_scheme="dark")
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(server)
    settle(page)
    upload(page, film)
    settle(page)

    pixels = canvas(page)
    assert pixels.std() > 20, "the canvas is blank"
    colour = (pixels.max(axis=2) - pixels.min(axis=2)).max()
    assert colour > 40, "no heat is to be seen"

    before = len(sent)
    sets(page, "opacity", 0)
    bare = canvas(page)
    assert len(sent) == before, "opacity went to the server"
    assert np.abs(bare - pixels).max() > 40, "opacity changed nothing"
    height, width = bare.shape[:2]
    film_alone = bare[height // 5 : -height // 5, width // 5 : -width // 5]  # texts and colour bar lie in the corners
    assert (film_alone.max(axis=2) - film_alone.min(axis=2)).max() <= 2, "heat is left at opacity 0"
    expect(page.get_by_text("film.png").first).to_be_visible()


def test_a_real_film_is_drawn_with_its_map(visit: Callable[..., Any]) -> None:
    folder = os.environ.get("LIGHTBOX_DATA")
    if not folder:
        pytest.skip("LIGHTBOX_DATA is not set: it names the folder of real radiographs")
    page = visit()
    upload(page, Path(folder) / "originals" / "o16.jpg", Path(folder) / "originals" / "o12.dcm")
    settle(page)

    assert canvas(page).std() > 20
    expect(page.get_by_text("Films (2)")).to_be_visible()


def test_a_file_that_is_no_picture_gives_one_sentence(visit: Callable[..., Any], film: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.png"
    notes.write_text("this is no picture")
    page = visit()
    upload(page, notes, film)
    settle(page)

    expect(page.get_by_text("notes.png is plain text")).to_be_visible()
    expect(page.locator("[data-testid=stAlert]").first).to_be_visible()
    expect(page.get_by_text("Films (1)")).to_be_visible()


def test_a_click_on_a_small_map_shows_that_stage(visit: Callable[..., Any]) -> None:
    page = visit()
    open_phantom(page)
    before = canvas(page)

    page.locator("[data-testid=stage-strip] button[data-layer='stage 2']").click()
    page.get_by_text("24 × 24 values").wait_for(timeout=PATIENCE_MS)
    settle(page)

    assert np.abs(canvas(page) - before).max() > 40


def test_the_page_is_dark_even_where_the_browser_prefers_light(visit: Callable[..., Any]) -> None:
    page = visit(scheme="light")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor == 'rgb(15, 17, 20)'",
        timeout=PATIENCE_MS,
    )


def stage(page: Any) -> tuple[float, float]:
    """Width and height of the black pane that holds the film."""
    box = page.locator("[data-testid=viewer] .stage").first.bounding_box()
    return box["width"], box["height"]


def test_a_square_film_is_700_px_wide_and_gets_the_width_of_all_that_is_folded(visit: Callable[..., Any]) -> None:
    page = visit()
    open_phantom(page)
    whole = stage(page)
    assert min(whole) >= 700

    page.locator("[data-testid=stSidebar]").hover()
    page.locator("[data-testid=stSidebarCollapseButton] button").click()
    page.wait_for_function("document.querySelector('[data-testid=stMain]').getBoundingClientRect().x < 1")
    settle(page)
    without_sidebar = stage(page)
    assert without_sidebar[0] >= whole[0] + 270

    page.get_by_role("button", name="Collapse the text").click()
    settled(page)
    assert stage(page)[0] >= without_sidebar[0] + 300

    page.get_by_role("button", name="Present").click()
    page.locator("[data-testid=stHeader]").wait_for(state="hidden")
    settled(page)
    presented = stage(page)
    assert presented[0] >= 1440 - 40
    assert presented[1] >= 800
    page.keyboard.press("e")
    page.locator("[data-testid=stHeader]").wait_for(state="visible")


def test_the_wheel_scrolls_the_page_until_the_film_was_clicked(visit: Callable[..., Any]) -> None:
    page = visit()
    open_phantom(page)
    film = page.locator("[data-testid=film]").first
    scrolled = "document.querySelector('[data-testid=stMain]').scrollTop"
    zoom = "(film) => film.closest('.viewer').viewer.view().zoom"

    film.hover()
    page.mouse.wheel(0, 200)
    page.wait_for_function(f"{scrolled} > 0")
    assert film.evaluate(zoom) == 1
    expect(page.locator("[data-testid=zoom-hint]").first).to_be_visible()

    page.evaluate(f"{scrolled} = 0")
    film.click()
    page.mouse.wheel(0, -200)
    settled(page)
    assert film.evaluate(zoom) > 1
    assert page.evaluate(scrolled) == 0


def test_on_a_phone_the_film_comes_first_and_nothing_sticks_out(visit: Callable[..., Any]) -> None:
    page = visit(width=390, height=844)
    open_phantom(page)
    places = [
        page.locator(place).first.bounding_box()["y"]
        for place in ("[data-testid=viewer]", ".st-key-sentence", ".st-key-words", ".st-key-below")
    ]

    assert places == sorted(places)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_has_a_screenshot(visit: Callable[..., Any], screenshots: Path, width: int) -> None:
    """With LIGHTBOX_PICTURES=folder the wide ones also become the pictures of the guide there (`make pictures`)."""
    height = 900 if width == 1440 else 844
    page = visit(width=width, height=height)
    page.screenshot(path=screenshots / f"empty-{width}.png")
    open_phantom(page)
    phantom = page.evaluate("location.search")  # the address of a page contains its film
    for view in pages():
        name = view.file.stem
        if view.order != pages()[0].order:
            page = visit(name + phantom, width=width, height=height)
        page.wait_for_function(f"!document.querySelector('{WORKING}')")
        settle(page)
        picture = page.screenshot(path=screenshots / f"{name}-{width}.png")
        if width == 1440 and (folder := os.environ.get("LIGHTBOX_PICTURES")):
            Image.open(io.BytesIO(picture)).convert("RGB").save(Path(folder) / f"{name}.webp", quality=80, method=6)
        tall = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight") + 120
        page.set_viewport_size({"width": width, "height": max(height, tall)})
        settle(page)
        whole = page.screenshot(path=screenshots / f"{name}-{width}-whole.png")
        assert np.asarray(Image.open(io.BytesIO(whole)).convert("L")).std() > 5
        page.set_viewport_size({"width": width, "height": height})


def test_two_films_move_together_and_stay_after_a_reload_until_back_undoes_them(
    visit: Callable[..., Any], film: Path
) -> None:
    page = visit(locale="en-GB")  # a context of its own: the browser remembers that another test closed the sidebar
    upload(page, film)
    settle(page)
    page.get_by_role("button", name="Phantom", exact=True).click()
    page.get_by_text("Films (2)").wait_for()
    settle(page)
    page.get_by_role("button", name="Two films side by side").click()
    page.get_by_role("combobox", name="Film beside this one").click()
    page.get_by_role("option").nth(1).click()
    films = page.locator("[data-testid=viewer][data-ready=heat]")
    films.nth(1).wait_for()
    settle(page)
    page.keyboard.press("Escape")

    pressed(page, "+")
    zooms = [on_viewer(page, "viewer.view().zoom", index) for index in (0, 1)]
    widths = [page.locator("[data-testid=film]").nth(index).bounding_box()["width"] for index in (0, 1)]
    page.reload()
    films.nth(1).wait_for()
    settle(page)
    both = page.locator("[data-testid=film]").count()
    page.go_back()
    expect(page.locator("[data-testid=film]")).to_have_count(1)

    assert zooms == [1.25, 1.25]
    assert widths[0] == widths[1] > 500
    assert both == 2
    expect(page.get_by_text("Films (2)")).to_be_visible()


def test_measurements_outlive_reload_and_change_of_page_and_are_in_the_report(
    visit: Callable[..., Any], film: Path, tmp_path: Path
) -> None:
    page = visit(locale="en-IE")
    upload(page, film)
    drawn = page.locator("[data-testid=viewer][data-ready=heat]")
    drawn.wait_for()
    settle(page)
    labels = page.locator("[data-testid=lengths] span")
    pressed(page, "l")
    drag(page, on_screen(page, 200, 200), on_screen(page, 500, 200))
    pressed(page, "u")
    drag(page, on_screen(page, 200, 500), on_screen(page, 400, 800))
    pressed(page, "n")
    drag(page, on_screen(page, 700, 700), on_screen(page, 600, 600))
    type_label(page, "here")
    page.keyboard.press("Enter")
    before = labels.all_inner_texts()
    settle(page)

    page.get_by_role("link", name="Trust").click()
    page.get_by_role("link", name="Read").click()
    drawn.wait_for()
    settle(page)
    assert len(before) == 3
    expect(labels).to_have_text(before)
    page.reload()
    drawn.wait_for()
    settle(page)

    expect(labels).to_have_text(before)
    page.get_by_role("button", name="Save", exact=True).click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report (web page)").click()
    html = Path(saved.value.path()).read_text()
    assert f"1: {before[0].split(',')[0]}" in html
    assert "3: here" in html
    page.keyboard.press("Escape")
    page.get_by_role("button", name=f"Remove {film.name}").click()
    page.get_by_role("button", name="Undo").first.click()
    expect(labels).to_have_count(3)
