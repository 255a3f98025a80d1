"""Viewers of one link in a real browser: they move as one, and point at the same place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.viewer_hand import PANE, VIEWER, canvas, drag, drawer, on_screen, on_viewer, pressed, settled, slide
from tests.browser.viewer_page import SIZES, explanation, radiograph

FILM = "0 1024 900"
PROBE = "[data-testid=probe]"


@pytest.fixture
def tiles(show: Callable[..., Any]) -> Callable[..., Any]:
    """`tiles(4)`: so many compact viewers of one link over one film, each with a map of another stage."""

    def open_page(count: int, **query: object) -> Any:
        page = show(viewers=count, link="a", compact=1, kind="tiles", **query)
        page.wait_for_selector(f"{VIEWER}[data-ready=heat] >> nth={count - 1}")
        settled(page)
        return page

    return open_page


def apart(page: Any, count: int) -> int:
    """The greatest difference of any pixel of the bare films between the first pane and the others."""
    panes = [canvas(page, index).astype(int) for index in range(count)]
    height, width = (min(pane.shape[side] for pane in panes) for side in (0, 1))
    return max(int(np.abs(pane[:height, :width] - panes[0][:height, :width]).max()) for pane in panes[1:])


def same_place(page: Any, count: int) -> bool:
    """Whether film px lie on the same canvas px in all panes."""
    places = [on_viewer(page, PANE, index) for index in range(count)]
    return all(place == places[0] for place in places)


def test_linked_panes_differ_by_no_pixel_after_zoom_and_a_change_of_model(
    tiles: Callable[..., Any], screenshots: Path
) -> None:
    page = tiles(4)
    assert len({on_viewer(page, "viewer.heat.key", index) for index in range(4)}) == 4
    x, y = on_screen(page, 600, 300, index=2)

    page.mouse.click(x, y)
    page.mouse.wheel(0, -500)
    drag(page, (x, y), (x + 35, y + 12))  # the window
    drag(page, (x, y), (x - 31, y + 17), button="middle")
    pressed(page, "f", index=1)
    page.get_by_text("runs 2", exact=True).wait_for()  # the network sees the mirror, too
    settled(page)
    page.screenshot(path=screenshots / "viewer-linked.png")
    slide(page, "opacity", 0)
    view = on_viewer(page, "viewer.view()")
    assert view["zoom"] > 2
    assert view["preset"] == "custom"
    assert same_place(page, 4)
    assert apart(page, 4) == 0
    assert canvas(page).std() > 5
    on_viewer(page, "viewer.parts.stage.style.width = 'calc(100% - 1px)'", 1)  # as a column may be rounded
    settled(page)
    assert on_viewer(page, "viewer.canvas.width", 1) == on_viewer(page, "viewer.canvas.width") - 1
    assert same_place(page, 4)

    page.get_by_text("stage2", exact=True).first.click()
    page.get_by_text("runs 3", exact=True).wait_for()
    settled(page)
    assert on_viewer(page, "viewer.view()") == view
    assert same_place(page, 4)
    assert apart(page, 4) == 0


def test_the_pointer_in_one_pane_shows_a_cross_and_the_heat_in_all_others(tiles: Callable[..., Any]) -> None:
    page = tiles(3)
    film = radiograph(FILM)
    page.mouse.move(*on_screen(page, 300, 640))
    settled(page)

    read = [text.split(" · ") for text in page.locator(f"{VIEWER} {PROBE}").all_inner_texts()]
    crosses = [on_viewer(page, "viewer.root.querySelectorAll('.cross').length", index) for index in range(3)]
    spots = [on_viewer(page, "viewer.root.querySelector('.cross')?.getAttribute('d') ?? ''", index) for index in (1, 2)]
    page.mouse.move(0, 0)
    settled(page)

    assert crosses == [0, 1, 1]  # the pointer itself stands in the first
    assert spots[0] == spots[1]
    assert {words[0] for words in read} == {read[0][0]}
    column, row = (int(word) for word in read[0][2].removesuffix(" px").split(", "))
    assert read[0][0] == f"grey {film.pixels[row, column]}"
    peaks = [explanation(film, stage).peak for stage in SIZES][:3]
    heats = [float(words[1].split()[1]) for words in read]
    assert len(set(heats)) == 3
    assert all(0.5 * peak < heat <= peak for heat, peak in zip(heats, peaks, strict=True))
    assert set(page.locator(f"{VIEWER} {PROBE}").all_inner_texts()) == {""}


def test_one_bar_of_controls_stands_for_all_panes(tiles: Callable[..., Any]) -> None:
    page = tiles(3)
    bar = page.locator("[data-testid=controls]")

    assert page.locator(f"{VIEWER} .tools button:visible").count() == 0
    assert bar.get_by_role("button", name="Side by side").count() == 0  # the panes are side by side
    bar.get_by_role("button", name="Contour lines").click()
    bar.get_by_role("button", name="Mirror left to right").click()
    bar.get_by_role("button", name="Zoom in").click()
    drawer(page)
    bar.get_by_label("Window preset").select_option("lung")
    settled(page)
    assert same_place(page, 3)
    assert [on_viewer(page, "viewer.mode", index) for index in range(3)] == ["contours"] * 3
    assert page.locator("[data-testid=badge]").all_inner_texts() == ["Mirrored"] * 3
    assert bar.locator("[data-testid=readout]").inner_text().endswith("zoom 1.3×")
    assert "not a diagnostic display" in bar.inner_text()

    pressed(page, "m", index=1)
    page.keyboard.down(" ")
    settled(page)
    assert page.locator(f"{VIEWER}[data-ready=film]").count() == 3
    page.keyboard.up(" ")
    settled(page)
    assert page.locator(f"{VIEWER}[data-ready=heat]").count() == 3


def test_another_film_of_the_link_follows_as_shares_of_itself(show: Callable[..., Any]) -> None:
    page = show(viewers=2, link="a", other=1)
    page.wait_for_selector(f"{VIEWER}[data-ready] >> nth=1")
    settled(page)
    wide, other = radiograph(FILM), radiograph("1 700 800")

    pressed(page, "+", "ArrowLeft", "r", "6")
    page.mouse.move(*on_screen(page, 450, 512))
    settled(page)
    first, second = (on_viewer(page, "viewer.view()", index) for index in (0, 1))
    probes = page.locator(f"{VIEWER} {PROBE}").all_inner_texts()

    assert second["zoom"] == first["zoom"] == pytest.approx(1.25)
    assert (first["turn"], second["turn"]) == (1, 0)  # a turn is the film's own: its network sees it
    assert second["x"] / 800 == pytest.approx(first["x"] / 900)
    assert second["y"] / 700 == pytest.approx(first["y"] / 1024)
    inner = other.pixels[(other.pixels > other.pixels.min()) & (other.pixels < other.pixels.max())]
    black, white = np.quantile(inner, [0.3, 0.998])  # its own bone window
    assert second["level"] == pytest.approx((black + white) / 2, abs=1.5)
    assert second["width"] == pytest.approx(white - black, abs=1.5)
    assert wide.key != other.key
    places = [[int(word) for word in text.split(" · ")[-2].removesuffix(" px").split(", ")] for text in probes]
    assert places[1][0] == pytest.approx(places[0][0] * 800 / 900, abs=1)
    assert places[1][1] == pytest.approx(places[0][1] * 700 / 1024, abs=1)
