"""The viewer in a real browser: what it draws, what it remembers, and what it does not send."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.overlay import display, overlay
from dashboard.viewer import viewer
from tests.browser.conftest import settle
from tests.browser.viewer_hand import VIEWER, canvas, count_sent, cut, drawer, on_viewer, pressed, settled, slide
from tests.browser.viewer_page import explanation, radiograph

PAGE = Path(__file__).parent / "viewer_page.py"
FILM = "0 1024 900"
RERUN_BYTES = 200_000


def two_edits() -> None:
    """A Streamlit script: where two films are served that differ in one spot which Streamlit's own name overlooks."""
    import numpy as np
    import streamlit as st

    from core.types import Origin, Radiograph
    from dashboard.viewer import viewer

    edited = np.zeros((2048, 2048), dtype=np.uint8)
    edited[300, 300] = 255
    for pixels in (np.zeros_like(edited), edited):
        film = Radiograph(pixels=pixels, name="a", black=0, white=255, origin=Origin("PNG", "L", 8))
        viewer(film, key=film.key)
        manager = st.runtime.get_instance().media_file_mgr
        st.text(sorted(manager._storage._files_by_id))  # type: ignore[attr-defined]


def test_a_page_with_viewers_runs_without_a_browser() -> None:
    page = AppTest.from_file(str(PAGE), default_timeout=90).run()

    assert not page.exception
    assert page.text[-1].value == "runs 1"


def test_films_that_differ_in_one_pixel_are_served_as_two_files() -> None:
    page = AppTest.from_function(two_edits, default_timeout=90).run()

    assert not page.exception
    assert [text.value.count("'") // 2 for text in page.text] == [1, 2]


def test_captions_and_maps_that_do_not_belong_are_refused() -> None:
    film, other = radiograph("0 64 64"), radiograph("1 64 64")

    with pytest.raises(ValueError, match="1 captions for 0 maps"):
        viewer(film, key="a", captions=["covid"])
    with pytest.raises(ValueError, match="the map is of radiograph"):
        viewer(film, [explanation(other, "stage4")], key="a")


@pytest.mark.parametrize(("kind", "signed"), [("blob", False), ("turned", True)])
def test_the_canvas_equals_the_static_overlay_to_the_pixel(show: Callable[..., Any], kind: str, signed: bool) -> None:
    page = show(kind=kind, signed=int(signed))
    film = radiograph(FILM)
    expected = overlay(film, explanation(film, "stage4", signed=signed, kind=kind), legend=False)

    pressed(page, "1")
    drawn, part = cut(page, expected)

    assert part.shape[0] > 400
    assert part.shape[1] > 700
    assert (part != display(film)[:1, :1, None]).any()
    assert np.abs(drawn.astype(int) - part).max() <= 2


def test_threshold_and_opacity_follow_the_same_rule_as_the_static_overlay(show: Callable[..., Any]) -> None:
    page = show(stage="stage4")
    film = radiograph(FILM)

    pressed(page, "1")
    slide(page, "opacity", 0.8)
    slide(page, "threshold", 0.3)
    expected = overlay(film, explanation(film, "stage4"), opacity=0.8, threshold=0.3, legend=False)
    drawn, part = cut(page, expected)

    apart = np.abs(drawn.astype(int) - part).max(axis=2) > 2
    assert apart.mean() < 1e-4  # the threshold's edge may fall on the other side of a rounding


def test_a_peek_shows_the_bare_film_and_letting_go_brings_the_heat_back(show: Callable[..., Any]) -> None:
    page = show()
    film = radiograph(FILM)
    pressed(page, "1")

    page.keyboard.down(" ")
    drawn, part = cut(page, np.repeat(display(film)[:, :, None], 3, axis=2))
    page.wait_for_selector(f"{VIEWER}[data-ready=film]")
    page.keyboard.up(" ")
    page.wait_for_selector(f"{VIEWER}[data-ready=heat]")

    assert (drawn == part).all()


def test_at_reset_the_whole_film_is_seen_unstretched(show: Callable[..., Any]) -> None:
    page = show(kind="none")

    picture = canvas(page)

    height, width = picture.shape[:2]
    rows, columns = np.flatnonzero(picture.max(axis=(1, 2)) > 8), np.flatnonzero(picture.max(axis=(0, 2)) > 8)
    assert rows[0] <= 1
    assert rows[-1] >= height - 2
    assert (columns[-1] - columns[0] + 1) == pytest.approx(height * 900 / 1024, abs=12)
    assert (columns[-1] + columns[0]) / 2 == pytest.approx(width / 2, abs=8)


def test_nothing_but_a_change_of_film_or_map_goes_to_the_server(show: Callable[..., Any]) -> None:
    page = show(signed=0)
    count_sent(page)
    before = canvas(page)

    slide(page, "opacity", 0.9)
    slide(page, "threshold", 0.2)
    drawer(page)
    page.locator('[data-part="colours"]').first.select_option("viridis")
    page.locator('[data-part="preset"]').first.select_option("percentile")
    drawer(page)
    acts = "contours beside heat closer farther pan window length loupe"
    for act in acts.split():
        page.locator(f'.tools [data-act="{act}"]').first.click()
    box = page.locator("[data-testid=film]").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    page.mouse.wheel(0, -300)
    page.mouse.down()
    page.mouse.move(x + 50, y + 20, steps=4)
    page.mouse.up()
    after = canvas(page)
    settle(page)

    assert (before != after).any()
    assert page.evaluate("window.sent") == 0
    assert page.get_by_text("runs 1", exact=True).is_visible()


def test_the_film_travels_once_and_a_change_of_stage_sends_the_map_only(viewers: str, open_page: Any) -> None:
    page = open_page("about:blank")
    media: list[int] = []
    frames: list[int] = []
    page.on("response", lambda reply: media.append(reply.status) if reply.url.startswith(f"{viewers}/media/") else None)
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
    page.goto(f"{viewers}/?viewers=2")
    page.wait_for_selector(f"{VIEWER}[data-ready=heat]")
    page.get_by_text("runs 1", exact=True).wait_for()
    key = page.locator(VIEWER).first.get_attribute("data-heat-key")
    frames.clear()

    page.get_by_text("stage2", exact=True).first.click()
    page.wait_for_selector(f'{VIEWER}[data-ready=heat]:not([data-heat-key="{key}"])')
    page.get_by_text("runs 2", exact=True).wait_for()

    assert media == [206]  # two viewers and a strip, one transfer, uncompressed
    assert sum(frames) < 2 * RERUN_BYTES


def test_zoom_window_and_look_survive_a_change_of_stage_and_belong_to_their_film(show: Callable[..., Any]) -> None:
    page = show()
    look = "({ ...viewer.view(), opacity: viewer.parts.opacities.querySelector('input').value })"
    for key in ("+", "+", "ArrowLeft", "i", "Shift+ArrowUp", "."):
        pressed(page, key)
    settled(page)
    before = on_viewer(page, look)

    page.get_by_text("stage3", exact=True).first.click()
    page.get_by_text("runs 3", exact=True).wait_for()  # the second was the inversion, which the network sees, too
    settle(page)
    after_stage = on_viewer(page, look)
    menu = page.locator("[data-testid=stSelectbox] input")
    menu.focus()
    menu.press("ArrowDown")
    page.get_by_role("option", name="1 700 800", exact=True).click(timeout=9000)
    page.get_by_text("runs 4", exact=True).wait_for()
    page.wait_for_selector(f"{VIEWER}[data-ready=heat]")
    other_film = on_viewer(page, look)

    assert before["zoom"] == pytest.approx(1.25**2)
    assert before["invert"]
    assert after_stage == before
    assert other_film["zoom"] == 1
    assert not other_film["invert"]
    assert other_film["opacity"] == before["opacity"] == "0.5"


def test_viewers_of_one_film_move_together(show: Callable[..., Any]) -> None:
    page = show(viewers=2)
    page.wait_for_selector(f"{VIEWER}[data-ready=heat] >> nth=1")
    pressed(page, "+")
    pressed(page, "ArrowUp")
    settled(page)

    assert (canvas(page, 0) == canvas(page, 1)).all()
    expect(page.get_by_text("Tile 2")).to_be_visible()


def test_window_by_dragging_and_reset_by_double_click(show: Callable[..., Any]) -> None:
    page = show(kind="none")
    readout = page.locator("[data-testid=readout]")
    assert readout.inner_text() == "W 4096  L 2048 · zoom 1.0×"
    box = page.locator("[data-testid=film]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x - 200, y + 50, steps=5)
    page.mouse.up(button="right")
    settled(page)
    dragged = readout.inner_text()
    page.mouse.dblclick(x, y)
    settled(page)

    assert dragged != "W 4096  L 2048 · zoom 1.0×"
    assert readout.inner_text() == "W 4096  L 2048 · zoom 1.0×"


def test_the_wheel_keeps_the_point_under_the_pointer(show: Callable[..., Any]) -> None:
    page = show()
    box = page.locator("[data-testid=film]").bounding_box()
    page.mouse.click(box["x"] + 0.45 * box["width"], box["y"] + 0.3 * box["height"])
    place = _place(page)

    page.mouse.wheel(0, -600)
    settled(page)

    was, now = ([float(number) for number in text.removesuffix(" mm").split(", ")] for text in (place, _place(page)))
    assert now == pytest.approx(was, abs=0.5)
    assert on_viewer(page, "viewer.view().zoom") > 2


def _place(page: Any) -> str:
    return str(page.locator("[data-testid=probe]").inner_text().split(" · ")[-1])


def test_the_probe_reads_grey_heat_and_place_as_stored(show: Callable[..., Any]) -> None:
    page = show()
    film = radiograph(FILM)
    pressed(page, "1")
    settled(page)
    view = on_viewer(page, "({ ...viewer.view(), width: viewer.canvas.width, height: viewer.canvas.height })")
    box = page.locator("[data-testid=film]").bounding_box()
    page.mouse.move(box["x"] + 300.5, box["y"] + 200.5)
    column = 300 - math.floor(view["width"] / 2 - view["x"] + 0.5)
    row = 200 - math.floor(view["height"] / 2 - view["y"] + 0.5)

    grey, heat, pixels, place = page.locator("[data-testid=probe]").inner_text().split(" · ")

    spacing = film.spacing
    assert spacing is not None
    assert grey == f"grey {film.pixels[row, column]}"
    assert heat.startswith("heat ")
    assert heat.endswith(" logits")
    assert pixels == f"{column}, {row} px"
    assert place == f"{(column + 0.5) * spacing[1]:.1f}, {(row + 0.5) * spacing[0]:.1f} mm"


@pytest.mark.parametrize(("kind", "sentence"), [("flat", "zero everywhere"), ("nan", "not numbers")])
def test_a_map_without_heat_is_a_sentence_and_a_bare_film(show: Callable[..., Any], kind: str, sentence: str) -> None:
    page = show(kind=kind)

    assert page.locator(VIEWER).get_attribute("data-ready") == "film"
    assert sentence in page.locator("[data-testid=caption]").inner_text()
    assert page.locator("[data-testid=colour-bar]").is_hidden()


def test_the_legend_describes_the_picture_and_the_phantom(show: Callable[..., Any]) -> None:
    page = show(signed=1)

    legend = page.locator("[data-testid=legend]").inner_text()

    assert "covid · Grad-CAM · stage4 · signed · 7 × 7, enlarged" in legend
    assert "2.82 logits" in legend
    assert "−2.82" in legend
    assert "Drawn phantom" in legend
    assert page.locator('[data-part="colours"] option').all_inner_texts() == [
        "Blue to orange",
        "Blue to red",
        "Green to purple",
    ]


def test_a_file_name_is_text_and_never_markup(
    viewers: str, open_page: Callable[..., Any], tmp_path: Path, show: Callable[..., Any]
) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (256, 1))).save(tmp_path / name)

    page = show(film=str(tmp_path / name))

    assert page.locator("[data-testid=film-name]").inner_text() == name
    assert page.locator(f"{VIEWER} img").count() == 0


def test_several_maps_are_stepped_through_without_the_server(show: Callable[..., Any]) -> None:
    page = show(kind="several")
    assert "56 × 56" in page.locator("[data-testid=caption]").inner_text()

    pressed(page, "]")
    settled(page)

    assert "28 × 28" in page.locator("[data-testid=caption]").inner_text()
    assert page.get_by_text("2 of 4", exact=True).is_visible()
    assert page.get_by_text("runs 1", exact=True).is_visible()


def test_a_click_on_a_small_map_requests_its_stage_once(show: Callable[..., Any]) -> None:
    page = show()
    page.wait_for_selector("[data-testid=stage-strip][data-ready]")

    page.locator("[data-testid=stage-strip] [data-layer=stage2]").click()
    page.get_by_text("clicked stage2", exact=True).wait_for()
    page.get_by_text("stage1", exact=True).first.click()

    page.get_by_text("clicked None", exact=True).wait_for()


def test_the_page_height_does_not_change_when_the_film_arrives(viewers: str, open_page: Callable[..., Any]) -> None:
    page = open_page("about:blank")
    held: list[Any] = []
    page.route(f"{viewers}/media/**", lambda route: held.append(route))
    page.goto(viewers)
    page.get_by_text("Loading film").wait_for()
    page.get_by_text("runs 1", exact=True).wait_for()
    before = page.locator(VIEWER).bounding_box()

    for route in held:
        route.continue_()
    page.wait_for_selector(f"{VIEWER}[data-ready=heat]")

    assert page.locator(VIEWER).bounding_box()["height"] == before["height"]


def test_a_film_that_does_not_arrive_is_a_sentence_with_a_way_on(viewers: str, open_page: Callable[..., Any]) -> None:
    page = open_page("about:blank")
    page.route(f"{viewers}/media/**", lambda route: route.fulfill(status=404))
    page.goto(viewers)
    page.get_by_text("Could not load the film: the server answered 404.").wait_for()

    page.unroute(f"{viewers}/media/**")
    page.get_by_role("button", name="Try again").click()

    page.wait_for_selector(f"{VIEWER}[data-ready=heat]")


def test_every_control_has_a_name_and_a_finger_can_hit_it(show: Callable[..., Any], screenshots: Path) -> None:
    page = show(width=390, height=844, context={"has_touch": True, "is_mobile": True})
    drawer(page)

    controls = page.locator(f"{VIEWER} :is(button, select, input)").all()
    visible = [control for control in controls if control.is_visible()]
    boxes = [control.bounding_box() for control in visible]
    screen = page.evaluate("document.documentElement.scrollWidth")
    page.locator(VIEWER).screenshot(path=screenshots / "viewer-390.png")

    assert len(visible) > 12
    assert all(control.get_attribute("aria-label") for control in visible)
    assert min(box["height"] for box in boxes) >= 36
    assert max(box["x"] + box["width"] for box in boxes) <= 390
    assert screen <= 390


@pytest.mark.parametrize("mode", ["heat", "contours", "beside"])
def test_a_change_of_window_or_opacity_changes_the_picture(
    show: Callable[..., Any], screenshots: Path, mode: str
) -> None:
    page = show(film="0 512 512 4")
    page.locator(f'.tools [data-act="{mode}"]').click()
    settled(page)
    changed = """(() => {
        const picture = () => {
            viewer.paint();
            return viewer.context.getImageData(0, 0, viewer.canvas.width, viewer.canvas.height).data;
        };
        const before = picture();
        CHANGE;
        return picture().reduce((count, value, at) => count + (value !== before[at]), 0);
    })()"""

    window = on_viewer(page, changed.replace("CHANGE", "viewer.view().level += 300"))
    opacity = on_viewer(page, changed.replace("CHANGE", "viewer.act('fainter')"))
    page.locator(VIEWER).screenshot(path=screenshots / f"viewer-1440-{mode}.png")

    assert window > 10_000
    assert (opacity > 1_000) is (mode != "contours")  # lines are opaque
