"""Steps that all formats share on the way to grey pixels: limits on the size, colour to grey, depth, levels."""

import contextlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from core.errors import SeveralFrames, UnreadableFile
from core.types import Pixels

# The largest film, 14 x 36 inches at 600 dots per inch, has 181 megapixels; anything larger is no film.
MOST_PIXELS = 200_000_000
LEAST_SIDE = 16  # px; anything smaller is an icon or a web bug
CHROMA_SIDE = 256  # px
TAIL = 0.001  # share of the pixels ignored at each end where levels come from the data
# Upper bound on the bytes that reading takes per pixel, the file's own included: the first figure for each byte of a
# pixel in the file before compression, plus the second. Measured on films of 86 megapixels, in bytes per pixel:
# DICOM of 16 bits with lookup table 14 (bound 16), of 8-bit colour 15 (21), PNG of 16 bits 7 (16), of 16-bit colour 33
# (36), the same with alpha 42 (46), grey JPEG 3 (11), colour JPEG 13 (21), TIFF of double precision 34 (46).
_FOR_EACH_BYTE, _BESIDES = 5, 6
_SHARE = 0.5  # of the memory that this machine, or the container on it, has: reading may take no more
_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# A film's longer side lies between a field collimated to a premature infant's chest and the longest cassette
# (14 x 36 inches), in mm; a journal's figure at "300 dpi" lies below.
FILM_SIDES = (100.0, 950.0)


@cache
def most_pixels(stored: int = 2) -> int:
    """Most pixels of a film that is opened: limited by real films and by this machine's memory.

    stored: bytes of a pixel in the file, before compression.
    """
    memory = psutil.virtual_memory().total
    for file in _CONTAINER:
        with contextlib.suppress(OSError, ValueError):
            memory = min(memory, int(file.read_text()))
    return min(MOST_PIXELS, int(_SHARE * memory / (_FOR_EACH_BYTE * stored + _BESIDES)))


def check_size(width: int, height: int, *, name: str, stored: int = 2) -> None:
    """Raises: UnreadableFile if no radiograph has the claimed size; call it before decoding.

    stored: bytes of a pixel in the file, before compression.
    """
    if min(width, height) < LEAST_SIDE:
        raise UnreadableFile(
            f"{name} is only {width} × {height} pixels; a radiograph has at least {LEAST_SIDE} on each side. "
            "Choose the full-size image, not its thumbnail."
        )
    most = most_pixels(stored)
    if width * height > most:
        why = "the largest film has" if most == MOST_PIXELS else "this machine has memory for"
        raise UnreadableFile(
            f"{name} claims {width} × {height} pixels ({width * height / 1e6:,.0f} megapixels), "
            f"more than the {most / 1e6:.0f} megapixels that {why}, and was not opened. "
            "Export it at a lower resolution."
        )


def choose_frame(frames: int, frame: int | None, kind: str, *, name: str, unit: str = "frame") -> tuple[int, list[str]]:
    """Index (from 0) of the requested frame (from 1), and the step.

    kind:   what the file is: "a DICOM file", "an animated PNG".
    unit:   the name of its parts, such as "frame".
    Raises: UnreadableFile where the file has several and none, or one that does not exist, was requested.
    """
    if frames <= 1 and frame in (None, 1):
        return 0, []
    if frame is None:
        raise SeveralFrames(
            f"{name} is {kind} of {frames} {unit}s; expected a single radiograph. Say which {unit} is meant (1 to "
            f"{frames}; `--frame` on the command line), or export it by itself.",
            frames,
        )
    if not 1 <= frame <= frames:
        raise UnreadableFile(
            f"{name} has no {unit} {frame}; it has {max(1, frames)}. Choose one of 1 to {max(1, frames)}."
        )
    return frame - 1, [f"{unit.capitalize()} {frame} of {frames}."]


def square(pixels: Pixels, tall: float) -> Pixels:
    """The film with square pixels of its finer side.

    tall: height of a pixel over its width.
    """
    if tall == 1:
        return pixels
    height, width = pixels.shape
    size = (width, max(1, round(height * tall))) if tall > 1 else (max(1, round(width / tall)), height)
    return cast(Pixels, cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


def size_step(
    spacing: tuple[float, float] | None, shape: tuple[int, ...], whose: str
) -> tuple[tuple[float, float] | None, list[str]]:
    """The spacing, or None if the film would have an impossible size; and the sentence about it.

    whose: the source of the spacing: "The file's".
    """
    if spacing is None:
        return None, []
    longer = max(shape[0] * spacing[0], shape[1] * spacing[1])
    if FILM_SIDES[0] <= longer <= FILM_SIDES[1]:
        return spacing, []
    return None, [
        f"{whose} {spacing[1]:.3g} mm per pixel are not a measurement: the film would be {longer:,.0f} mm "
        f"long, films are {FILM_SIDES[0]:.0f} to {FILM_SIDES[1]:.0f}."
    ]


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
    # Lossy WebP has no grey mode; its colour model misses grey by 1, in all 200 training films examined.
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


def unsigned(values: NDArray[Any], *, name: str) -> tuple[Pixels, str | None]:
    """Signed, wide or floating-point values as 16-bit pixels, exact where they fit; and the step taken, if any.

    Raises: UnreadableFile where a value is not a number or infinite.
    """
    low, high = float(values.min()), float(values.max())  # min or max is NaN or infinite if any value is
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
    """(black, white) from the data: lowest and highest value without 0.1 % at each end.

    Otherwise a few pixels of burnt-in text at 65,535 would make the film black.
    but: (H, W) pixels to ignore.
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
    return f"Black ({black:g}) and white ({white:g}) come from the data, as the file has no window that fits."
