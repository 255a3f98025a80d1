"""A real server and a real browser for the tests of this folder.

A test file uses `server`, `visit` and `settle` as they are here, and overrides the fixtures `script`, `models` and
`drawn` where it shows another page, other models, or waits for something else. Without a browser the tests are
skipped, with the reason; where CI=true they fail instead.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from core.chromium import ARGUMENTS, chromium_path, missing
from core.models import checkpoints

ROOT = Path(__file__).parents[2]
APP = ROOT / "dashboard" / "app.py"
SCREENSHOTS = ROOT / "build" / "screenshots"
START_SECONDS = 90.0
PATIENCE_MS = 90_000  # for anything that a test waits for: the machine may be training a network meanwhile
QUIET_MS = 250  # without a change, until a page counts as settled
# Runs before every page. It notes when something was last sent to the server, received from it, or changed on the
# page, shadow roots included; `settle` reads it.
_WATCH = """(() => {
    const watch = (window.watch = { sent: 0, received: 0, changed: performance.now() });
    const observer = new MutationObserver(() => (watch.changed = performance.now()));
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    observer.observe(document, all);
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function (...rest) {
        const root = attach.apply(this, rest);
        observer.observe(root, all);
        return root;
    };
    const heard = new WeakSet();
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (...rest) {
        watch.sent = performance.now();
        if (!heard.has(this)) this.addEventListener("message", () => (watch.received = performance.now()));
        heard.add(this);
        return send.apply(this, rest);
    };
})();"""
# Nothing runs or waits for an answer, fonts and films are there, and for a while nothing has changed.
_SETTLED = """(quiet) => {
    const { sent, received, changed } = window.watch;
    const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
    const answered = received && received >= sent;
    const loaded = document.fonts.status === "loaded" && !window.lightbox?.arriving.size;
    return state === "notRunning" && answered && loaded && performance.now() - Math.max(changed, received) > quiet;
}"""


@contextmanager
def served(script: Path, **environment: str) -> Iterator[str]:
    """The address of a Streamlit server that runs `script` on a free port, stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none"]
    command += ["--browser.gatherUsageStats", "false"]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(server, address)
        yield address
    finally:
        server.terminate()
        try:
            server.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def _wait_for(server: "subprocess.Popen[str]", address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server stopped: {server.communicate()[0]}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not answer within {START_SECONDS:.0f} s")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium through playwright."""
    reason = missing()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"browser tests must run in CI, but {reason}")
    if reason:
        pytest.skip(f"{reason}; browser tests need both")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def contexts(browser: Any) -> Iterator[Callable[..., Any]]:
    """`contexts(**options)`: the one context with these options; its pages share what was fetched before."""
    opened: dict[str, Any] = {}

    def context(**options: Any) -> Any:
        name = repr(sorted(options.items()))
        if name not in opened:
            opened[name] = browser.new_context(**options)
            opened[name].add_init_script(_WATCH)
        return opened[name]

    yield context
    for each in opened.values():
        each.close()


@pytest.fixture
def open_page(contexts: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`open_page(address, width=1440, height=900, **context)`: a new page; an error raised in it fails the test."""
    pages: list[Any] = []
    errors: list[str] = []

    def opened(address: str, *, width: int = 1440, height: int = 900, **options: Any) -> Any:
        page = contexts(viewport={"width": width, "height": height}, **options).new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for page in pages:
        page.close()
    assert not errors, f"the page raised: {errors}"


@pytest.fixture(scope="module")
def script() -> Path:
    """The Streamlit script that `server` runs."""
    return APP


@pytest.fixture(scope="module")
def models() -> Path | None:
    """The folder of the models that `server` uses; None for the shipped ones."""
    if not checkpoints.names():
        pytest.skip("weights/ is empty: no shipped model to look with")
    return None


@pytest.fixture(scope="module")
def drawn() -> tuple[str, ...]:
    """Selectors of what a page has when `visit` returns it."""
    return ()


@pytest.fixture(scope="session")
def app_server(browser: Any) -> Iterator[str]:
    """The address of the dashboard with the shipped models: one server for all test files that need no other."""
    with served(APP) as address:
        yield address


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, browser: Any, script: Path, models: Path | None) -> Iterator[str]:
    """The address of the test file's server; asks for the browser first, so that no server starts in vain."""
    if script == APP and models is None:
        yield request.getfixturevalue("app_server")
        return
    folder = {} if models is None else {"LIGHTBOX_CARDS": str(models), "LIGHTBOX_HOME": str(models / "home")}
    with served(script, **folder) as address:
        yield address


@pytest.fixture
def visit(server: str, drawn: tuple[str, ...], open_page: Callable[..., Any]) -> Callable[..., Any]:
    """`visit(path="", width=1440, height=900, scheme="dark")`: a settled page of the server."""

    def visited(path: str = "", *, width: int = 1440, height: int = 900, scheme: str = "dark", **options: Any) -> Any:
        page = open_page(f"{server}/{path}", width=width, height=height, color_scheme=scheme, **options)
        for selector in drawn:
            page.locator(selector).first.wait_for(state="attached")
        settle(page)
        return page

    return visited


def settle(page: Any) -> None:
    """Waits until the server has answered, its script has run, and nothing on the page changes any more."""
    page.wait_for_function(_SETTLED, arg=QUIET_MS, timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def viewers(browser: Any) -> Iterator[str]:
    """The address of a page with nothing but viewers; asks for the browser first, so that no server starts in vain."""
    with served(Path(__file__).parent / "viewer_page.py") as address:
        yield address


@pytest.fixture
def show(viewers: str, open_page: Callable[..., Any]) -> Callable[..., Any]:
    """`show(kind="turned", ...)`: that page once its first viewer has drawn."""

    def ready(*, width: int = 1440, height: int = 1000, context: dict[str, Any] | None = None, **query: object) -> Any:
        page = open_page(f"{viewers}/?{urlencode(query)}", width=width, height=height, **(context or {}))
        page.wait_for_selector("[data-testid=viewer][data-ready]", timeout=PATIENCE_MS)
        page.get_by_text("runs 1", exact=True).wait_for(timeout=PATIENCE_MS)
        return page

    return ready


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures for looking go: build/screenshots/."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS
