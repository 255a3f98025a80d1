"""The film as displayed: window, turn, mirror, inversion. One function for the screen and the network.

The stored pixels stay as they are; `core.image.prepare` does the same to the network's input.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from core.errors import NoWindow
from core.image.grey import levels
from core.types import Cleaning, Pixels, Radiograph

Scalar = TypeVar("Scalar", bound=np.generic)

OWN, DATA, FULL = "", "data", "full"  # windows that every film has: the file's first, one by its data, all its values
_BY_HAND = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "H": "F", "F": "H"}
TURNS = {1: "90° left", 2: "180°", 3: "90° right"}  # quarter turns counter-clockwise, in words
_NUMBERED = re.compile(r"#(\d{1,3})")


def arranged(radiograph: Radiograph, cleaning: Cleaning) -> Radiograph:
    """The film as displayed: through its window, mirrored, turned, inverted. Raises: NoWindow as `through`."""
    film = through(radiograph, cleaning.window)
    if not (cleaning.turn % 4 or cleaning.mirror or cleaning.invert):
        return film
    pixels = cast(Pixels, turned(cast(NDArray[np.uint16], film.pixels), cleaning))
    black, white = film.black, film.white
    if cleaning.invert:
        top = int(np.iinfo(pixels.dtype).max)
        pixels = pixels.dtype.type(top) - pixels
        black, white = top - white, top - black
    spacing = film.spacing[::-1] if film.spacing and cleaning.turn % 2 else film.spacing
    return replace(
        film,
        pixels=pixels,
        black=black,
        white=white,
        spacing=spacing,
        orientation=film.orientation and _orientation(*film.orientation, cleaning),
        linear=None,
        windows=(),
        planes=(),
    )


def turned(array: NDArray[Scalar], cleaning: Cleaning) -> NDArray[Scalar]:
    """(H, W, ...) mirrored left to right, then turned, as the cleaning says."""
    if cleaning.mirror:
        array = array[:, ::-1]
    return np.rot90(array, cleaning.turn % 4)


def turned_points(
    points: Sequence[tuple[float, float]], shape: tuple[int, int], cleaning: Cleaning
) -> list[tuple[float, float]]:
    """Where points (x, y) of a film of (H, W) pixels lie once it is mirrored and turned, as in `turned`."""
    height, width = shape
    moved = [(width - x if cleaning.mirror else x, y) for x, y in points]
    for _ in range(cleaning.turn % 4):
        moved = [(y, width - x) for x, y in moved]
        width, height = height, width
    return moved


def _orientation(across: str, down: str, cleaning: Cleaning) -> tuple[str, str]:
    """Directions of the rows and columns of the mirrored and turned film."""
    if cleaning.mirror:
        across = OPPOSITE[across]
    for _ in range(cleaning.turn % 4):
        across, down = down, OPPOSITE[across]
    return across, down


def words(cleaning: Cleaning) -> str:
    """ "mirrored, turned 180°, inverted, window 40/400"; empty for a film shown as stored."""
    parts = [
        "mirrored" if cleaning.mirror else "",
        f"turned {TURNS[cleaning.turn % 4]}" if cleaning.turn % 4 else "",
        "inverted" if cleaning.invert else "",
        f"window {cleaning.window}" if cleaning.window else "",
        "shown although the film checks or the gate withhold it" if cleaning.anyway else "",
    ]
    return ", ".join(part for part in parts if part)


def through(radiograph: Radiograph, window: str) -> Radiograph:
    """The film through another window.

    window: "" for the file's first; "data" for black and white from the data; "full" for all values; "#2" for the
            second that the file offers (lookup tables count), or its name; "CENTRE/WIDTH" in the file's units, as DICOM
            has them (PS3.3 C.11.2.1.2).
    Raises: NoWindow for a window that the film does not have.
    """
    if window == OWN:
        return radiograph
    linear = radiograph.pixels if radiograph.linear is None else radiograph.linear
    if window == DATA:
        black, white = levels(linear)
        return replace(radiograph, pixels=linear, linear=None, black=black, white=white)
    if window == FULL:
        low, high = float(linear.min()), float(linear.max())
        return replace(radiograph, pixels=linear, linear=None, black=low, white=max(high, low + 1))
    if by_hand := _BY_HAND.fullmatch(window):
        black, white = _ends(radiograph, float(by_hand[1]), float(by_hand[2]))
        return replace(radiograph, pixels=linear, linear=None, black=black, white=white)
    number = _NUMBERED.fullmatch(window)
    if number and int(number[1]) == 1:
        return radiograph
    for place, other in enumerate(radiograph.windows, start=2):
        if window.casefold() == other.name.casefold() or (number and int(number[1]) == place):
            if other.curve is None:
                return replace(radiograph, pixels=linear, linear=None, black=other.black, white=other.white)
            pixels = other.curve[linear]
            return replace(radiograph, pixels=pixels, linear=linear, black=other.black, white=other.white)
    known = [f"#{place} ({other.name})" for place, other in enumerate(radiograph.windows, start=2)]
    raise NoWindow(
        f"{radiograph.name} has no window {window!r}. Choose {', '.join([DATA, FULL, *known])}, or CENTRE/WIDTH as in "
        "2048/4096."
    )


def by_hand(radiograph: Radiograph, black: float, white: float) -> str:
    """A window of these stored values in the file's units, "CENTRE/WIDTH"; the inverse of what `through` reads."""
    slope, intercept = radiograph.units
    low, high = sorted((slope * black + intercept, slope * white + intercept))
    return f"{(low + high) / 2 + 0.5:.10g}/{high - low + 1:.10g}"


def _ends(radiograph: Radiograph, centre: float, width: float) -> tuple[float, float]:
    """(black, white) in stored values. Raises: NoWindow for a window without width."""
    if width < 1:
        raise NoWindow(f"The window {centre:g}/{width:g} has no width; it must be 1 or more.")
    slope, intercept = radiograph.units
    half = max((width - 1) / 2, 0.5)
    black, white = sorted((end - intercept) / slope for end in (centre - 0.5 - half, centre - 0.5 + half))
    return black, white
