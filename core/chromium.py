"""Waiting times: the dashboard on a real server, timed in Chromium."""

import importlib.util
import io
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from core.errors import Unreachable
from core.image.phantom import draw

if TYPE_CHECKING:
    from playwright.sync_api import Page

_ROOT = Path(__file__).parents[1]
# Also used by the browser tests: quiet in a closed network, and able to run as root.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
_PATIENCE = 120  # s
_LOOK = 2000  # ms between two films; work that outlasts the overlay is finished by then
_SIDE = 2000  # px, of the uploaded film
_UPLOAD = "input[type=file]"
_LARGE = 2048  # px a side, of the film that is repainted
_REPAINTS = 41
# Milliseconds of each repaint after a change, until its pixels can be read back: nothing is left to be drawn later.
_REPAINT = """([root], [change, times]) => Array.from({ length: times }, (_, turn) => {
    const { viewer } = root;
    const changes = {
        window: () => (viewer.view().level += 1),
        opacity: () => viewer.act(turn % 2 ? "fainter" : "stronger"),
    };
    const start = performance.now();
    changes[change]();
    viewer.paint();
    viewer.context.getImageData(0, 0, 1, 1);
    return performance.now() - start;
})"""
_KEY = "data-heat-key"  # on the viewer, once its heat is drawn: the key of the map


def measure(*, uploads: int = 5) -> dict[str, Any]:
    """Seconds to the first page and from upload to overlay, milliseconds of a repaint, and the server's peak memory.

    `skipped` with the reason if nothing can be measured.

    uploads: films after the first one, which warms the server up; each is another phantom.
    """
    reason = missing()
    if reason:
        return {"skipped": reason}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(1000 * _PATIENCE)
        start = time.perf_counter()
        with served() as (server, address):
            page.goto(address)
            page.wait_for_selector(_UPLOAD, state="attached")
            first = time.perf_counter() - start
            seconds = [_overlay_seconds(page, seed) for seed in range(uploads + 1)]
            _overlay_seconds(page, 0, side=_LARGE)
            repaints = {change: _repaint_milliseconds(page, change) for change in ("window", "opacity")}
            peak = _peak(server.pid)
        chromium.close()
    return {
        "process start to first page, s": round(first, 2),
        "first upload to overlay, s": round(seconds[0], 2),
        "upload to overlay, warm, s": {
            "median": round(statistics.median(seconds[1:]), 2),
            "lowest": round(min(seconds[1:]), 2),
            "highest": round(max(seconds[1:]), 2),
            "uploads": uploads,
            "aim": 1.5,
        },
        f"repaint of a film of {_LARGE} x {_LARGE} px and 16 bits, ms": repaints | {"aim": 33},
        "film": f"phantom as 16-bit PNG of {_SIDE} x {_SIDE} px",
        "server's peak memory, MB": peak,
    }


def _repaint_milliseconds(page: "Page", change: str) -> dict[str, float]:
    """Milliseconds until a change of window or opacity is on the canvas, without the server."""
    milliseconds = page.locator(f"[{_KEY}]").evaluate_all(_REPAINT, [change, _REPAINTS])
    return {"median": round(statistics.median(milliseconds), 1), "highest": round(max(milliseconds), 1)}


def _overlay_seconds(page: "Page", seed: int, *, side: int = _SIDE) -> float:
    """Seconds from the upload to the heat of a new map."""
    # Selectors, not document.querySelector: these see into the component's shadow root.
    before = page.locator(f"[{_KEY}]").evaluate_all(f"all => all.map(viewer => viewer.getAttribute('{_KEY}'))")
    another = "".join(f':not([{_KEY}="{key}"])' for key in ["", *before])
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / f"phantom-{side}-{seed}.png"
        film.write_bytes(_png(seed, side))
        start = time.perf_counter()
        page.locator(_UPLOAD).first.set_input_files(film)
        page.wait_for_selector(f"[data-ready=heat][{_KEY}]{another}")
        seconds = time.perf_counter() - start
    page.wait_for_timeout(_LOOK)
    return seconds


def _png(seed: int, side: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(draw(seed=seed, height=side, width=side).radiograph.pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


@contextmanager
def served() -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """The dashboard on a free port of this machine, stopped at the end. Raises: Unreachable if it does not start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true"]
    server = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(server, address)
        yield server, address
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.02)
    raise Unreachable(f"The dashboard did not start within {_PATIENCE} s. Try it by hand: make app.")


def missing() -> str | None:
    """Why the dashboard cannot be driven in a browser, or ""."""
    if importlib.util.find_spec("playwright") is None:
        return "the Python package playwright is not installed"
    if chromium_path() is None:
        return "no Chromium was found (Debian: apt install chromium)"
    if not (_ROOT / "dashboard" / "app.py").exists():
        return "the dashboard is not beside core"
    return None


def chromium_path() -> str | None:
    """The path of Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _peak(process: int) -> int | None:
    """Peak resident memory in MB; None except on Linux."""
    status = Path(f"/proc/{process}/status")
    if os.name != "posix" or not status.exists():
        return None
    kilobytes = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return round(kilobytes * 1024 / 1e6)
