"""A real server and a real browser for the tests of this folder.

Without a browser they are skipped, and the reason is said; where CI=true they fail instead.
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

from core.browser import ARGUMENTS, chromium_path, missing

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
START_SECONDS = 90.0
PATIENCE_MS = 90_000  # for whatever a test waits for: the machine may be training a network meanwhile


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
    from playwright.sync_api import sync_playwright

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


@pytest.fixture(scope="session")
def viewers(browser: Any) -> Iterator[str]:
    """The address of a page with nothing but viewers; asks for the browser first, so that no server starts in vain."""
    with served(Path(__file__).parent / "viewer_page.py") as address:
        yield address


@pytest.fixture
def show(viewers: str, open_page: Callable[..., Any]) -> Callable[..., Any]:
    """`show(kind="turned", ...)`: that page once its first viewer has drawn."""

    def shown(*, width: int = 1440, height: int = 1000, context: dict[str, Any] | None = None, **query: object) -> Any:
        page = open_page(f"{viewers}/?{urlencode(query)}", width=width, height=height, **(context or {}))
        page.wait_for_selector("[data-testid=viewer][data-ready]", timeout=PATIENCE_MS)
        page.get_by_text("runs 1", exact=True).wait_for(timeout=PATIENCE_MS)
        return page

    return shown


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures for looking go: build/screenshots/."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS
