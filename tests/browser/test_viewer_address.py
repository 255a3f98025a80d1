"""The view in the page's address, in a real browser."""

from collections.abc import Callable
from typing import Any

from tests.browser.conftest import settle
from tests.browser.viewer_hand import VIEWER, address, count_sent, drag, on_screen, on_viewer, pressed, settled
from tests.browser.viewer_page import radiograph

STATE = "({ ...viewer.view(), ...window.lightbox.look, tool: 0 })"


def rounded(state: dict[str, Any]) -> dict[str, Any]:
    """As exact as an address is."""
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in state.items()}


def test_an_address_restores_the_view_of_its_film(show: Callable[..., Any], open_page: Any) -> None:
    page = show(viewers=2)
    assert "#" not in page.url
    count_sent(page)
    pressed(page, "+", "+", "ArrowLeft", "Shift+ArrowRight", ".", "m")  # turn and mirror: dashboard.link
    written = address(page, view=True)
    state = on_viewer(page, STATE)

    assert page.evaluate("window.sent") == 0
    assert f"#view={radiograph('0 1024 900').key[:8]}~" in written
    assert len(written.split("#")[1]) < 120
    again = open_page(written)
    again.wait_for_selector(f"{VIEWER}[data-ready=heat]")
    settled(again)
    assert rounded(on_viewer(again, STATE)) == rounded(state)
    assert address(again) == written

    pressed(again, "0", ",", "o", "o")
    again.get_by_role("button", name="Heat", exact=True).first.click()
    assert "#" not in address(again, view=False)  # the view is the default again


def test_a_view_waits_for_its_film_and_leaves_others_alone(viewers: str, open_page: Any) -> None:
    key = radiograph("1 700 800").key
    page = open_page(f"{viewers}/#view={key[:8]}~z2~x0.25~y0.5~t9~zz~xx~w-5~ofoo~%")  # some of it is nonsense
    page.wait_for_selector(f"{VIEWER}[data-ready=heat]")
    assert on_viewer(page, "viewer.view().zoom") == 1

    page.locator("[data-testid=stSelectbox] input").click()
    page.get_by_text("1 700 800", exact=True).last.click()
    page.wait_for_selector(f"{VIEWER}[data-film-key='{key}']")
    settled(page)
    view = on_viewer(page, "viewer.view()")

    assert (view["zoom"], view["x"], view["y"], view["turn"], view["width"]) == (2, 200, 350, 0, 1)
    assert on_viewer(page, "window.lightbox.look.opacity") == 0.45


def test_the_view_survives_a_change_of_query_and_of_page(show: Callable[..., Any]) -> None:
    page = show()
    pressed(page, "+", "f")
    words = address(page, view=True).split("#")[1]
    view = on_viewer(page, "viewer.view()")

    page.get_by_role("button", name="Ask for a finding").click()
    page.wait_for_url("**finding=covid**")
    settle(page)
    assert address(page, view=True).split("#")[1] == words
    assert on_viewer(page, "viewer.view()") == view

    page.get_by_role("link", name="another").click()
    page.get_by_text("nothing to see").wait_for()
    assert "view=" not in address(page, view=False)
    page.get_by_role("link", name="viewers").click()
    page.wait_for_selector(f"{VIEWER}[data-ready=heat]")
    assert address(page, view=True).split("#")[1] == words
    assert on_viewer(page, "viewer.view()") == view


LABEL = '[data-part="labels"] > div'


def test_a_length_whose_size_is_known_calibrates_the_film_here_and_in_the_link(
    show: Callable[..., Any], open_page: Any
) -> None:
    page = show()
    pressed(page, "l")
    drag(page, on_screen(page, 100, 300), on_screen(page, 300, 300))
    label = page.locator(LABEL).first
    field = label.locator("input")
    assert "80.4 mm" in label.inner_text()
    assert not field.is_visible()

    label.get_by_role("button", name="Calibrate by length 1").click()
    field.wait_for(state="visible")  # it is drawn, and takes the focus, with the next frame
    field.press_sequentially("50,0")  # keys go into the field, not to the viewer
    field.press("Enter")
    settled(page)
    assert "50.0 mm, calibrated by hand" in label.inner_text()
    assert on_viewer(page, "viewer.view().zoom") == 1
    drag(page, on_screen(page, 100, 500), on_screen(page, 500, 500))
    written = address(page, view=True)
    assert "100.0 mm, calibrated by hand" in page.locator(LABEL).nth(1).inner_text()

    again = open_page(written)
    again.wait_for_selector(f"{VIEWER}[data-ready=heat]")
    pressed(again, "l")
    drag(again, on_screen(again, 100, 300), on_screen(again, 300, 300))
    other = again.locator(LABEL).first
    assert "50.0 mm, calibrated by hand" in other.inner_text()

    for answer in ("nonsense", "-5", "0"):
        other.get_by_role("button", name="Calibrate by length 1").click()
        other.locator("input").wait_for(state="visible")
        other.locator("input").fill(answer)
        other.locator("input").press("Enter")
        assert other.locator("input").is_visible()
        other.locator("input").press("Escape")
        settled(again)
        assert "50.0 mm, calibrated by hand" in other.inner_text()
    other.get_by_role("button", name="Calibrate by length 1").click()
    other.locator("input").fill("")
    other.locator("input").press("Enter")  # empty: back to the file's value
    settled(again)
    assert "80.4 mm" in other.inner_text()
    assert "#" not in address(again, view=False)
