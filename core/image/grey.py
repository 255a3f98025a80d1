"""What every format shares on its way to grey pixels: bounds on the size, colour to grey, depth, levels."""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UnreadableFile
from core.types import Pixels

# A 35 x 43 cm film scanned at 50 µm has 60 megapixels. Staying below Pillow's own 89 keeps its warning silent.
MOST_PIXELS = 80_000_000
LEAST_SIDE = 16  # px; anything smaller is an icon or a web bug
CHROMA_SIDE = 256  # px
TAIL = 0.001  # share of the pixels left out at each end where levels come from the data


def check_size(width: int, height: int, *, name: str) -> None:
    """Raises: UnreadableFile if the claimed size is none that a radiograph has; call it before decoding."""
    if min(width, height) < LEAST_SIDE:
        raise UnreadableFile(
            f"{name} is only {width} × {height} pixels; a radiograph has at least {LEAST_SIDE} a side. "
            "Choose the full-size image, not its thumbnail."
        )
    if width * height > MOST_PIXELS:
        raise UnreadableFile(
            f"{name} claims {width} × {height} pixels ({width * height / 1e6:,.0f} megapixels), "
            f"more than the {MOST_PIXELS / 1e6:.0f} megapixels of the largest film, and was not opened. "
            "Export it at a lower resolution."
        )


def grey_of(colour: Pixels) -> tuple[Pixels, NDArray[np.uint8], str]:
    """Grey pixels, the chroma map of `Origin`, and the step taken.

    colour: (H, W, 3) RGB.
    """
    # OpenCV's stubs promise any type; splitting and differences keep that of `colour`.
    red, green, blue = cast(Sequence[Pixels], cv2.split(colour))
    spread = cast(Pixels, cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)))
    cells = _cells(spread)
    if not cells.any():
        return red, np.zeros(cells.shape, np.uint8), "Three equal colour channels became one."
    if cells.dtype != np.uint8:  # rounded up, so that a trace of colour stays above 0
        cells = np.ceil(cells * (255 / max(255, int(colour.max()))))
    grey = cast(Pixels, cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY))
    # Lossy WebP has no grey mode; its colour model misses grey by 1, in all 200 films of the training set looked at.
    rounding = colour.dtype == np.uint8 and cells.max() == 1
    step = (
        "Three colour channels, equal but for rounding, became one."
        if rounding
        else "Colour removed: the luminance (0.299 red, 0.587 green, 0.114 blue) was kept."
    )
    return grey, cells.astype(np.uint8), step


def _cells(spread: Pixels) -> Pixels:
    """The maximum of each square cell, so that a thin coloured line is not averaged away; long side at most 256."""
    cell = -(-max(spread.shape) // CHROMA_SIDE)
    # Each pixel of the dilation is the maximum of the cell that starts there; 14 times as fast as maximum.reduceat.
    highest = cv2.dilate(spread, np.ones((cell, cell), np.uint8), anchor=(0, 0))
    return cast(Pixels, np.ascontiguousarray(highest[::cell, ::cell]))


def unsigned(values: NDArray[np.int32] | NDArray[np.float32], *, name: str) -> tuple[Pixels, str | None]:
    """Signed, wide or floating-point values as 16-bit pixels, exactly where they fit; and the step taken, if any.

    Raises: UnreadableFile where a value is not a number or infinite.
    """
    low, high = float(values.min()), float(values.max())  # either is NaN or infinite as soon as one value is
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(values.size - np.isfinite(values).sum())
        raise UnreadableFile(
            f"{name} has {bad:,} pixels that are not a number or infinite; every pixel must have a finite value. "
            "Replace them (for example by the background) and save it again."
        )
    whole = values.dtype.kind != "f" or bool((values == np.rint(values)).all())
    if whole and low >= 0 and high <= 65535:
        return values.astype(np.uint16), None
    if whole and high - low <= 65535:
        return (values.astype(np.int64) - int(low)).astype(
            np.uint16
        ), f"Values raised by {-low:g}, so that none is negative."
    scaled = (values.astype(np.float64) - low) * (65535 / max(high - low, np.finfo(np.float64).tiny))
    return np.rint(scaled).astype(np.uint16), f"Values from {low:g} to {high:g} scaled to 16 bits."


def levels(pixels: Pixels, *, but: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """(black, white) that the data suggest: lowest and highest value once 0.1 % at each end are left out.

    A few pixels of burnt-in text at 65,535 would otherwise leave the film itself black.
    but: (H, W) pixels that do not count.
    """
    mask = None if but is None else (~but).astype(np.uint8)
    counts = cv2.calcHist([pixels], [0], mask, [65536], [0, 65536]).ravel().astype(np.float64).cumsum()
    if counts[-1] == 0:
        return levels(pixels)
    black = int(np.searchsorted(counts, TAIL * counts[-1], side="right"))
    white = int(np.searchsorted(counts, (1 - TAIL) * counts[-1], side="left"))
    return (float(black), float(white)) if black < white else (float(min(black, 65534)), float(min(black, 65534) + 1))


def levels_step(black: float, white: float) -> str:
    """The sentence for levels that came from `levels`."""
    return f"Black ({black:g}) and white ({white:g}) taken from the data, as the file has no window."
