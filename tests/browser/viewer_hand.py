"""A user's actions at a viewer, and what its canvas shows."""

import base64
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VIEWER = "[data-testid=viewer]"
PANE = (
    "(({ pane, place, matrix }) => ({ ...pane, scale: place.scale, x: place.left, y: place.top, matrix }))"
    "(viewer.frames()[0])"
)


def on_viewer(page: Any, script: str, index: int = 0) -> Any:
    """The value of a JavaScript expression over `viewer`, after everything asked for has been painted."""
    return page.locator(VIEWER).nth(index).evaluate(f"(root) => {{ const viewer = root.viewer; return {script}; }}")


def count_sent(page: Any) -> None:
    """Counts from now on in `window.sent` what the page sends to the server."""
    page.evaluate(
        """() => {
            window.sent = 0;
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (...rest) { window.sent += 1; return send.apply(this, rest); };
        }"""
    )


def address(page: Any, *, view: bool | None = None) -> str:
    """What stands in the address; waits until it holds a view, or none, as the viewer writes it every so often."""
    if view is not None:
        page.wait_for_function("(view) => location.hash.includes('view=') === view", arg=view)
    page.evaluate("dispatchEvent(new PointerEvent('pointerdown'))")  # changes since then are written at once
    return str(page.evaluate("location.href"))


def settled(page: Any) -> None:
    """Two frames later."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def canvas(page: Any, index: int = 0, *, part: str = "viewer.canvas") -> NDArray[np.uint8]:
    """(H, W, 3): what the film's canvas, or another one, shows."""
    settled(page)
    address = on_viewer(page, f'{part}.toDataURL("image/png")', index)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB"))


def pressed(page: Any, *keys: str, index: int = 0) -> None:
    """Presses keys with the focus on the film; what they change is drawn then."""
    page.locator("[data-testid=film]").nth(index).focus()
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def type_label(page: Any, text: str) -> None:
    """Types into the label that was just drawn, once its field has the focus: the next frame puts it there."""
    page.locator(f"{VIEWER} input[type=text]:focus").wait_for()
    page.keyboard.type(text)


def drawer(page: Any) -> None:
    """Opens the less common controls of the first tools, or closes them."""
    page.locator('.tools:visible [data-act="more"]').first.click()
    settled(page)


def slide(page: Any, look: str, value: float) -> None:
    page.locator(f'[data-look="{look}"]').first.evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )
    settled(page)


def on_screen(page: Any, column: float, row: float, index: int = 0) -> tuple[float, float]:
    """CSS px of the window where a film point lies."""
    pane = on_viewer(page, PANE, index)
    a, b, c, d, e, f = pane["matrix"]
    u, v = pane["x"] + column * pane["scale"], pane["y"] + row * pane["scale"]
    box = page.locator("[data-testid=film]").nth(index).bounding_box()
    ratio = page.evaluate("devicePixelRatio")
    return box["x"] + (a * u + c * v + e) / ratio, box["y"] + (b * u + d * v + f) / ratio


def drag(page: Any, start: tuple[float, float], end: tuple[float, float], **button: str) -> None:
    page.mouse.move(*start)
    page.mouse.down(**button)
    page.mouse.move(*end, steps=4)
    page.mouse.up(**button)
    settled(page)


def cut(page: Any, whole: NDArray[Any], *, turn: int = 0, flip: bool = False) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """The part of the canvas that lies on the film, and the same part of `whole`, at one film px a canvas px.

    turn, flip: as the film is seen: mirrored first, then turned by so many quarters, clockwise.
    """
    pane: Any = None
    while pane != (pane := on_viewer(page, PANE)):  # the server may answer between the two: then both are read again
        picture = canvas(page)
    assert pane["scale"] == 1
    a, b, c, d, e, f = pane["matrix"]
    height, width = whole.shape[:2]
    corners = [(pane["x"] + u, pane["y"] + v) for u in (0, width) for v in (0, height)]
    left = math.floor(min(a * u + c * v + e for u, v in corners) + 0.5)
    top = math.floor(min(b * u + d * v + f for u, v in corners) + 0.5)
    seen = np.rot90(whole[:, ::-1] if flip else whole, -turn)
    height, width = seen.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, picture.shape[1]), min(top + height, picture.shape[0])
    return picture[y0:y1, x0:x1], seen[y0 - top : y1 - top, x0 - left : x1 - left]
