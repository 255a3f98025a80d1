"""No page has a serious barrier in either theme; all addresses share one theme, which applies from the first paint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cohort.films import films_of
from core.cohort.launch import run_path
from core.cohort.run import run
from core.cohort.settings import Settings
from core.models import checkpoints
from dashboard.views import pages
from tests.browser.conftest import PATIENCE_MS, settle
from tests.browser.test_app import DRAWN, WORKING, open_phantom
from tests.browser.viewer_hand import drag, on_screen, pressed, settled
from tests.cohort.drawn import labelled_films

BARRIERS = ("serious", "critical")
GROUND = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
DARK, LIGHT = "rgb(15, 17, 20)", "rgb(255, 255, 255)"


def barriers(page: Any) -> list[str]:
    """What axe-core finds serious or critical: rule, and the elements that break it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.wait_for_function(f"!document.querySelector('{WORKING}')", timeout=PATIENCE_MS)
    settle(page)
    violations = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in violations
        if each["impact"] in BARRIERS
    ]


@pytest.fixture(scope="module")
def labelled_run(models: Path | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cohort run of twelve drawn films, which the page Cohort opens."""
    folder = labelled_films(tmp_path_factory.mktemp("cohort"))
    run(films_of(str(folder)), run_path("drawn"), Settings((checkpoints.names()[0],), checks=False), workers=0)


def viewer_barriers(page: Any) -> dict[str, list[str]]:
    """Barriers of Read with a film open: measurements and their list, a text field, menus, two films, presentation."""
    found = {}
    pressed(page, "l")
    drag(page, on_screen(page, 300, 300), on_screen(page, 600, 300))
    page.get_by_role("button", name="Measuring tools").first.click()
    found["list of measurements"] = barriers(page)
    page.get_by_role("button", name="Measuring tools").first.press("Escape")
    pressed(page, "n")
    drag(page, on_screen(page, 300, 500), on_screen(page, 600, 600))
    page.locator("[data-testid=viewer] input[type=text]:focus").wait_for()
    found["text field"] = barriers(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save", exact=True).click()
    found["menu Save"] = barriers(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Phantom", exact=True).click()
    page.get_by_text("Films (2)").wait_for()
    settle(page)
    page.get_by_role("button", name="Two films side by side").click()
    page.get_by_role("combobox", name="Film beside this one").click()
    found["menu of the second film"] = barriers(page)
    page.get_by_role("option").nth(1).click()
    page.locator(DRAWN).nth(1).wait_for()
    page.keyboard.press("Escape")
    found["two films"] = barriers(page)
    page.locator("[data-testid=controls] [data-act=expand]").click()
    page.locator("[data-testid=stHeader]").wait_for(state="hidden")
    settled(page)
    found["presentation"] = barriers(page)
    page.keyboard.press("Escape")
    page.locator("[data-testid=stHeader]").wait_for(state="visible")
    return found


@pytest.mark.parametrize(("theme", "ground"), [("Dark", DARK), ("Light", LIGHT)])
@pytest.mark.usefixtures("labelled_run")
def test_no_page_has_a_serious_barrier(visit: Callable[..., Any], server: str, theme: str, ground: str) -> None:
    page = visit(locale="en-NZ")  # a context of its own
    page.evaluate("(theme) => localStorage.setItem('lightbox-theme', JSON.stringify(theme))", theme)
    page.reload()
    page.wait_for_function(f"document.querySelector('[data-testid=stApp]') && {GROUND} === '{ground}'")
    violations = {"empty": barriers(page)}
    open_phantom(page)
    phantom = page.evaluate("location.search")
    for view in pages():
        if view.order != pages()[0].order:
            page.goto(f"{server}/{view.file.stem}{phantom}")
        violations[view.title] = barriers(page)
        if view.title == "Cohort":
            page.get_by_text("Map of cases", exact=True).click()
            page.get_by_role("combobox", name="Colour").click()
            violations["menu of the map of cases"] = barriers(page)
    page.goto(f"{server}/{phantom}")
    page.wait_for_selector(DRAWN)
    violations |= viewer_barriers(page)
    page.evaluate("localStorage.removeItem('lightbox-theme')")  # the pages of one context share it

    assert {name: each for name, each in violations.items() if each} == {}


def test_the_first_paint_is_dark_and_a_theme_holds_on_all_addresses(open_page: Callable[..., Any], server: str) -> None:
    page = open_page("about:blank", color_scheme="light", locale="en-GB")  # a context of its own
    page.goto(server, wait_until="commit")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == DARK
    page.wait_for_function(f"document.querySelector('[data-testid=stApp]') && {GROUND} === '{DARK}'")
    settle(page)

    page.locator("[data-testid=stMainMenu] button").click()
    page.locator("[data-testid=stMainMenuItem-theme-Light]").click()
    page.wait_for_function(f"{GROUND} === '{LIGHT}'")
    page.goto(f"{server}/guide", wait_until="commit")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == LIGHT
    page.wait_for_function(f"document.querySelector('[data-testid=stApp]') && {GROUND} === '{LIGHT}'")


def test_on_a_phone_the_sidebar_closes_once_something_was_chosen(visit: Callable[..., Any]) -> None:
    page = visit(width=390, height=844)
    open_phantom(page)
    sidebar = page.locator("[data-testid=stSidebar]")
    for choice in (
        page.get_by_role("button", name="Phantom", exact=True),
        sidebar.locator("li[data-key] > button:not(.remove)").first,
    ):
        page.locator("[data-testid=stExpandSidebarButton]").click()
        page.locator("[data-testid=stSidebar][data-collapsed=false]").wait_for()
        choice.click()
        page.locator("[data-testid=stSidebar][data-collapsed=true]").wait_for(state="attached")
