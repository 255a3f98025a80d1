"""Stored values of a grey DICOM image to pixels with bone bright, and their black and white.

The standard's chain is: stored values, modality LUT, values of interest (VOI: a LUT or a window), presentation.
A linear step changes no pixel: it is folded into the black and white levels. A curve is applied, through a table
over all values that the depth allows.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from core.image.elements import items, number, numbers, text, values
from core.image.grey import levels, levels_step
from core.types import Pixels

Window = tuple[str, float, float]
Stored = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int8] | NDArray[np.int16]


@dataclass
class _Film:
    """The image on its way along the chain; unit value = slope * pixel + intercept."""

    pixels: Pixels
    bits: int
    slope: float
    intercept: float
    steps: list[str]
    black: float | None = None
    white: float | None = None
    windows: list[Window] = field(default_factory=list)

    @property
    def units(self) -> NDArray[np.float64]:
        """The unit value of each possible pixel value."""
        return self.slope * np.arange(2**self.bits) + self.intercept

    def bend(self, table: NDArray[np.uint16], bits: int) -> None:
        """Replaces each pixel value by its entry in the table."""
        self.pixels = _fitting(table, bits)[self.pixels]
        self.bits, self.slope, self.intercept = bits, 1.0, 0.0


def film(dataset: Dataset, stored: Stored) -> tuple[Pixels, float, float, tuple[str, ...], tuple[Window, ...]]:
    """(pixels, black, white, steps, windows) of a MONOCHROME1 or MONOCHROME2 image.

    stored:  (H, W), 8 or 16 bits, signed or not, as decoded.
    windows: those that the file offers beside the first, as (name, black, white).
    """
    padding = _padding(dataset, stored)
    film = _unsigned(dataset, stored)
    _apply_modality(dataset, film)
    if not _apply_voi_lut(dataset, film):
        _apply_window(dataset, film)
    if (text(dataset, "PhotometricInterpretation") == "MONOCHROME1") != (film.slope < 0):
        _turn_over(film)
        film.steps.append("Turned over: the file stores bone dark.")
    elif film.slope < 0:
        film.steps.append("Stored turned over twice, by MONOCHROME1 and a falling rescale slope: left as it is.")
    if padding is not None:
        _blacken(film, padding)

    if film.black is None or film.white is None:
        if film.bits <= 8:
            film.black, film.white = 0.0, 2.0**film.bits - 1
        else:
            film.black, film.white = levels(film.pixels, but=padding)
            film.steps.append(levels_step(film.black, film.white))
    return film.pixels, film.black, film.white, tuple(film.steps), tuple(film.windows)


def _fitting(array: NDArray[np.uint16], bits: int) -> Pixels:
    return array.astype(np.uint8) if bits <= 8 else array


def _unsigned(dataset: Dataset, stored: Stored) -> _Film:
    """The stored values from 0 on, with the rescale slope and intercept that undo the shift."""
    bits = int(number(dataset, "BitsStored") or 16)
    low, high = int(stored.min()), int(stored.max())
    signed = stored.dtype.kind == "i"
    span = 2 ** (bits - signed)
    if high >= span or low < -span:  # BitsStored says less than the pixels need
        bits = 8 * stored.dtype.itemsize
    shift = 2 ** (bits - 1) if signed else 0
    pixels = _fitting((stored.astype(np.int32) + shift).astype(np.uint16), bits)
    steps = [f"Signed values raised by {shift}, so that none is negative."] if signed else []

    slope = number(dataset, "RescaleSlope")
    intercept = number(dataset, "RescaleIntercept") or 0.0
    if slope == 0:
        steps.append("Rescale slope of 0 left out, as it would make all pixels equal.")
    slope = slope or 1.0
    return _Film(pixels, bits, slope, intercept - slope * shift, steps)


def _apply_modality(dataset: Dataset, film: _Film) -> None:
    for item in items(dataset, "ModalityLUTSequence")[:1]:
        # The LUT stands in place of slope and intercept; its input are the stored values, so only the shift counts.
        shift = 2 ** (film.bits - 1) if number(dataset, "PixelRepresentation") == 1 else 0
        film.slope, film.intercept = 1.0, -float(shift)
        found = _lut(item, film.units)
        if found:
            film.bend(*found)
            film.steps.append("Modality LUT applied.")
            return
        film.steps.append("Modality LUT left out, as it is damaged.")
    if film.slope != 1 or number(dataset, "RescaleIntercept"):
        film.steps.append("Rescale slope and intercept folded into the window; pixels left as stored.")


def _apply_voi_lut(dataset: Dataset, film: _Film) -> bool:
    """Whether there is a VOI LUT; the first one is applied."""
    luts = items(dataset, "VOILUTSequence")
    found = _lut(luts[0], film.units) if luts else None
    if found is None:
        return False
    film.bend(*found)
    film.black, film.white = 0.0, 2.0**film.bits - 1
    film.steps.append("VOI LUT applied." if len(luts) == 1 else f"First of {len(luts)} VOI LUTs applied.")
    return True


def _lut(item: Dataset, inputs: NDArray[np.float64]) -> tuple[NDArray[np.uint16], int] | None:
    """(what each input becomes, bits of it) by one LUT item; None if the item is damaged.

    Not pydicom's own: it keeps the index of an 8-bit LUT in 8 bits, so that inputs above 255 wrap round.
    """
    descriptor = [int(value) for value in numbers(item, "LUTDescriptor")]
    data = values(item, "LUTData")
    if len(descriptor) != 3 or not data:
        return None
    entries, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
    if isinstance(data[0], bytes):
        narrow = len(data[0]) < 2 * entries  # 8-bit entries packed two to a word
        order = ">u2" if item.original_encoding[1] is False else "<u2"
        usable = data[0] if narrow else data[0][: 2 * entries]
        table = np.frombuffer(usable, np.uint8 if narrow else order)[:entries].astype(np.uint16)
    else:
        table = np.array([int(entry) & 0xFFFF for entry in numbers(item, "LUTData")], np.uint16)[:entries]
    if table.size < 2:
        return None
    if first > 32767 and inputs.min() < 0:
        first -= 65536  # a negative number, read as unsigned
    if not 8 <= bits <= 16 or table.max() >= 2**bits:
        bits = max(8, int(table.max()).bit_length())
    return table[np.clip(np.rint(inputs) - first, 0, table.size - 1).astype(np.intp)], bits


def _apply_window(dataset: Dataset, film: _Film) -> None:
    """Sets black and white by the first window; applies it where it is a curve; keeps the further ones."""
    centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    if not centres or not widths:
        return
    centre, width = centres[0], widths[0]
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    which = "Window" if len(centres) == 1 else f"First of {len(centres)} windows"
    named = f"{which} (centre {centre:g}, width {width:g}{'' if function == 'LINEAR' else ', ' + function})"
    if not _has_width(width, function):
        film.steps.append(f"{named} left out, as it has no width.")
        return
    if function == "SIGMOID":
        curve = 65535 / (1 + np.exp(np.clip(-4 * (film.units - centre) / width, -700, 700)))
        film.bend(np.rint(curve).astype(np.uint16), 16)
        film.black, film.white = 0.0, 65535.0
        film.steps.append(f"{named} applied to the pixels.")
        return
    names = [str(name).strip() for name in values(dataset, "WindowCenterWidthExplanation")]
    for place, window in enumerate(zip(centres, widths, strict=False)):
        ends = _ends(film, *window, function) if _has_width(window[1], function) else None
        if place and ends:
            name = names[place] if place < len(names) and names[place] else f"Window {place + 1}"
            film.windows.append((name, *ends))
        elif ends:
            film.black, film.white = ends
            film.steps.append(f"{named} taken for black and white.")
        elif not place:
            film.steps.append(f"{named} left out, as it would show nothing: all pixels lie beyond it.")


def _has_width(width: float, function: str) -> bool:
    return width >= 1 or (width > 0 and function != "LINEAR")


def _ends(film: _Film, centre: float, width: float, function: str) -> tuple[float, float] | None:
    """(black, white) of a linear window in pixel values; None if all pixels lie beyond it."""
    # PS3.3 C.11.2.1.2: LINEAR counts its width from the middle of one value to the middle of another.
    half = width / 2 if function == "LINEAR_EXACT" else max((width - 1) / 2, 0.5)
    middle = centre if function == "LINEAR_EXACT" else centre - 0.5
    low, high = sorted((bound - film.intercept) / film.slope for bound in (middle - half, middle + half))
    if high <= film.pixels.min() or low >= film.pixels.max() or not low < high or math.isinf(high):
        return None
    return low, high


def _turn_over(film: _Film) -> None:
    top = 2**film.bits - 1
    film.pixels = film.pixels.dtype.type(top) - film.pixels
    if film.black is not None and film.white is not None:
        film.black, film.white = top - film.white, top - film.black
    film.windows = [(name, top - white, top - black) for name, black, white in film.windows]


def _padding(dataset: Dataset, stored: Stored) -> NDArray[np.bool_] | None:
    """(H, W) where the file says that there is no film; None if nowhere, or everywhere."""
    value = number(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((value, value if limit is None else limit))
    padding = (stored >= low) & (stored <= high)
    return padding if padding.any() and not padding.all() else None


def _blacken(film: _Film, padding: NDArray[np.bool_]) -> None:
    """Padding that would show brighter than the darkest part of the film becomes as dark as that."""
    darkest = film.pixels[~padding].min()
    bright = padding & (film.pixels > darkest)
    if bright.any():
        film.pixels = np.where(padding, darkest, film.pixels)
        film.steps.append(f"Padding ({padding.mean():.1%} of the pixels) set to black.")
