"""Stored values of a grey DICOM image to pixels with bone bright, and their black and white.

The standard's chain is: stored values, modality LUT, values of interest (VOI: a LUT or a window), presentation.
A linear step changes no pixel: it is folded into the black and white levels. A curve is applied, through a table
over all values that the depth allows. The file's other windows and LUTs are kept for the reader to choose.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from core.image.elements import decimals, items, number, numbers, text, values
from core.image.frontal import best_fit
from core.image.grey import levels, levels_step
from core.types import Pixels, Window

Stored = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int8] | NDArray[np.int16]

_MOST_LUTS = 8  # most windows offered per file
_SURE = 1.0  # log odds from which the pixels decide where the header is ambiguous
_CLIPPED = 0.6  # share of the pixels outside a window above which a note says that it does not fit
_NARROW = 0.125  # of the range of the values: a window that is narrower may be one of another depth
_CURVE = 65535  # white level of a curve


@dataclass
class Film:
    """The image within the chain; unit value = slope * pixel + intercept.

    linear: the pixels before a VOI LUT or curve was applied; None if none was. slope and intercept refer to these.
    """

    pixels: Pixels
    bits: int
    slope: float
    intercept: float
    steps: list[str]
    black: float | None = None
    white: float | None = None
    windows: list[Window] = field(default_factory=list)
    linear: Pixels | None = None

    @property
    def units(self) -> NDArray[np.float64]:
        """The unit value of each possible pixel value."""
        return self.slope * np.arange(2**self.bits) + self.intercept


def film(dataset: Dataset, stored: Stored) -> Film:
    """A MONOCHROME1 or MONOCHROME2 image, bone bright.

    stored: (H, W), 8 or 16 bits, signed or not, as decoded.
    """
    padding = _padding(dataset, stored)
    film = _unsigned(dataset, stored)
    _apply_modality(dataset, film)
    negative = _turn_over(dataset, film)
    if padding is not None:
        _blacken(film, padding)
    luts, unfit = _voi_luts(dataset, film, negative=negative)
    windows = _windows(dataset, film, negative=negative)
    _choose(film, luts, windows, padding)
    film.windows += unfit
    return film


def _choose(film: Film, luts: list[Window], windows: list[Window], padding: NDArray[np.bool_] | None) -> None:
    """The first LUT, or else the first window, shows the film; the others are kept."""
    offered = luts + windows
    plain = _levels(film, padding)
    if not offered:
        film.black, film.white = plain
        if film.bits > 8:
            film.steps.append(levels_step(*plain))
        return
    first, *rest = offered
    if first.curve is not None:
        film.linear = film.pixels
        film.pixels = first.curve[film.pixels]
        several = f"; the first of {len(luts)}" if len(luts) > 1 else ""
        film.steps.append(f"{first.name} applied{several}.")
    else:
        several = f"; the first of {len(windows)}" if len(windows) > 1 else ""
        film.steps.append(f"{first.name} sets black and white{several}.")
        film.steps += [misfit] if (misfit := _misfit(film, first)) else []
    film.black, film.white = first.black, first.white
    film.windows = rest


def _levels(film: Film, padding: NDArray[np.bool_] | None) -> tuple[float, float]:
    return (0.0, 2.0**film.bits - 1) if film.bits <= 8 else levels(film.pixels, but=padding)


def _fitting(array: NDArray[np.uint16], bits: int) -> Pixels:
    return array.astype(np.uint8) if bits <= 8 else array


def _unsigned(dataset: Dataset, stored: Stored) -> Film:
    """The stored values from 0 on, with the rescale slope and intercept that undo the shift."""
    bits = int(number(dataset, "BitsStored") or 16)
    low, high = int(stored.min()), int(stored.max())
    signed = stored.dtype.kind == "i"
    span = 2 ** (bits - signed)
    if high >= span or low < -span:  # BitsStored is too small for the pixels
        bits = 8 * stored.dtype.itemsize
    shift = 2 ** (bits - 1) if signed else 0
    pixels = _fitting((stored.astype(np.int32) + shift).astype(np.uint16), bits) if signed else stored
    if bits <= 8 and pixels.dtype != np.uint8:
        pixels = pixels.astype(np.uint8)
    steps = [f"Signed values raised by {shift}, so that none is negative."] if signed else []

    slope = number(dataset, "RescaleSlope")
    intercept = number(dataset, "RescaleIntercept") or 0.0
    if slope == 0:
        steps.append("Rescale slope of 0 left out, as it would make all pixels equal.")
    slope = slope or 1.0
    return Film(pixels, bits, slope, intercept - slope * shift, steps)  # type: ignore[arg-type]


def _apply_modality(dataset: Dataset, film: Film) -> None:
    for item in items(dataset, "ModalityLUTSequence")[:1]:
        # The LUT replaces slope and intercept; its inputs are the stored values, so only the shift counts.
        shift = 2 ** (film.bits - 1) if number(dataset, "PixelRepresentation") == 1 else 0
        film.slope, film.intercept = 1.0, -float(shift)
        lookup = _lut(item, film.units, unsigned=not shift)
        beyond = _beyond(film, item, unsigned=not shift) if lookup else 0.0
        if beyond > _CLIPPED:
            film.steps.append(
                f"Modality LUT left out: {beyond:.0%} of the pixels lie beyond its entries, as if it were one of "
                "another depth."
            )
            return
        if lookup:
            table, film.bits, _ = lookup
            film.pixels = _fitting(table, film.bits)[film.pixels]
            film.slope, film.intercept = 1.0, 0.0
            film.steps.append("Modality LUT applied.")
            return
        film.steps.append("Modality LUT left out, as it is damaged.")
    if film.slope != 1 or number(dataset, "RescaleIntercept"):
        film.steps.append("Rescale slope and intercept folded into the window; pixels left as stored.")


def _turn_over(dataset: Dataset, film: Film) -> bool:
    """Makes bone bright, by the header; by the pixels where the header contradicts itself.

    Returns: whether greys at the end of the chain (of a LUT, a curve) must be inverted.
    """
    first = text(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    shape = text(dataset, "PresentationLUTShape")
    negative = first
    contradiction = (shape == "INVERSE" and not first) or (shape == "IDENTITY" and first)
    if contradiction:
        fit = best_fit(_small(film))
        sure = fit.clarity >= _SURE
        negative = (fit.inverted != (film.slope < 0)) if sure else first
        settled = f"by its pixels bone is {'dark' if fit.inverted else 'bright'}" if sure else "the former was followed"
        film.steps.append(
            f"The file contradicts itself (MONOCHROME{1 if first else 2}, presentation shape {shape}); {settled}."
        )
    dark = negative != (film.slope < 0)
    if dark:
        film.steps.append("Grey scale inverted: the file stores bone dark.")
        top = 2**film.bits - 1
        film.pixels = film.pixels.dtype.type(top) - film.pixels
        film.slope, film.intercept = -film.slope, film.intercept + film.slope * top
    elif negative and film.slope < 0:
        film.steps.append("Stored inverted twice, by MONOCHROME1 and a falling rescale slope: left as it is.")
    return negative


def _small(film: Film) -> NDArray[np.float32]:
    """(h, w) 0 to 1, long side about 256 px."""
    every = max(1, max(film.pixels.shape) // 256)
    thin = film.pixels[::every, ::every].astype(np.float32)
    low, high = np.percentile(thin, (0.5, 99.5))
    return np.asarray(np.clip((thin - low) / max(high - low, 1e-6), 0, 1), np.float32)


def _voi_luts(dataset: Dataset, film: Film, *, negative: bool) -> tuple[list[Window], list[Window]]:
    """The VOI LUTs of the file that show something; and those of another depth, which hardly do."""
    windows: list[Window] = []
    unfit: list[Window] = []
    sequence = items(dataset, "VOILUTSequence")
    unsigned = number(dataset, "PixelRepresentation") != 1
    used = np.unique(film.pixels[:: max(1, film.pixels.shape[0] // 512)])
    for place, item in enumerate(sequence[:_MOST_LUTS], start=1):
        name = text(item, "LUTExplanation") or (f"VOI LUT {place}" if len(sequence) > 1 else "VOI LUT")
        lookup = _lut(item, film.units, unsigned=unsigned)
        if lookup is None:
            film.steps.append(f"{name} left out, as it is damaged.")
            continue
        table, bits, claimed = lookup
        if np.ptp(table[used]) == 0:
            film.steps.append(f"{name} left out, as it makes all pixels equal.")
            continue
        beyond = _beyond(film, item, unsigned=unsigned)
        if claimed > bits:
            film.steps.append(f"{name} claims {claimed} bits, its entries end at {table.max()}: read as {bits} bits.")
        top = 2**bits - 1
        curve = _fitting(top - table if negative else table, bits)
        if beyond > _CLIPPED:
            film.steps.append(
                f"{name} does not fit: {beyond:.0%} of the pixels lie beyond its entries, as if it were one of another "
                "depth."
            )
        (unfit if beyond > _CLIPPED else windows).append(Window(name, 0.0, float(top), curve))
    return windows, unfit


def _beyond(film: Film, item: Dataset, *, unsigned: bool) -> float:
    """The share of the pixels beyond the entries of a LUT that is plainly one of a smaller depth; else 0.

    Such a LUT maps all values of its own depth (256 from 0 on), which are a small part of those that the film has.
    """
    entries, first = _mapped(item, film.units, unsigned=unsigned)
    inputs = film.units[film.pixels[:: max(1, film.pixels.shape[0] // 512)]]
    low, high = np.percentile(inputs, (0.1, 99.9))
    whole = entries.bit_count() == 1 and first in (0, -entries // 2)
    if not whole or entries > _NARROW * (high - low):
        return 0.0
    return float(((inputs < first) | (inputs > first + entries - 1)).mean())


def _mapped(item: Dataset, inputs: NDArray[np.float64], *, unsigned: bool) -> tuple[int, int]:
    """(entries, first value mapped) that the descriptor of a LUT gives, with the sign that its inputs have."""
    descriptor = [int(value) for value in numbers(item, "LUTDescriptor")]
    entries, first = descriptor[0] % 65536 or 65536, descriptor[1]
    if first > 32767 and inputs.min() < 0:
        first -= 65536  # a negative number, read as unsigned
    elif first < 0 and unsigned and inputs.min() >= 0:
        first += 65536  # an unsigned number, read as negative
    return entries, first


def _lut(item: Dataset, inputs: NDArray[np.float64], *, unsigned: bool) -> tuple[NDArray[np.uint16], int, int] | None:
    """(output per input, bits used, bits claimed) of one LUT item; None if it is damaged.

    Not pydicom's own: it keeps the index of an 8-bit LUT in 8 bits, so that inputs above 255 wrap round.
    unsigned: whether the stored pixels are, and so the first value mapped (PS3.3 C.11.1.1).
    """
    descriptor = [int(value) for value in numbers(item, "LUTDescriptor")]
    data = values(item, "LUTData")
    if len(descriptor) != 3 or not data:
        return None
    entries, first = _mapped(item, inputs, unsigned=unsigned)
    claimed = descriptor[2]
    if isinstance(data[0], bytes):
        narrow = len(data[0]) < 2 * entries  # 8-bit entries packed two to a word
        order = ">u2" if item.original_encoding[1] is False else "<u2"
        usable = data[0] if narrow else data[0][: 2 * entries]
        table = np.frombuffer(usable, np.uint8 if narrow else order)[:entries].astype(np.uint16)
    else:
        table = np.array([int(entry) & 0xFFFF for entry in numbers(item, "LUTData")], np.uint16)[:entries]
    if table.size < 2:
        return None
    held = max(8, int(table.max()).bit_length())
    if not 8 <= claimed <= 16 or held > claimed:
        claimed = held
    return table[np.clip(np.rint(inputs) - first, 0, table.size - 1).astype(np.intp)], held, claimed


def _windows(dataset: Dataset, film: Film, *, negative: bool) -> list[Window]:
    """The usable windows of the file; the steps report the others."""
    centres, widths = decimals(dataset, "WindowCenter"), decimals(dataset, "WindowWidth")
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    names = [str(name).strip() for name in values(dataset, "WindowCenterWidthExplanation")]
    count = max(len(centres), len(widths))
    windows = []
    for place in range(count):
        centre = centres[place] if place < len(centres) else None
        width = widths[place] if place < len(widths) else None
        name = names[place] if place < len(names) and names[place] else f"Window {place + 1}" if count > 1 else "Window"
        if centre is None or width is None:
            film.steps.append(f"{name} cannot be read: its centre or width is not a number. It was left out.")
            continue
        label = f"{name} (centre {centre:g}, width {width:g}{'' if function == 'LINEAR' else ', ' + function})"
        if not _has_width(width, function):
            film.steps.append(f"{label} left out, as it has no width.")
            continue
        if function == "SIGMOID":
            exponent = np.clip(-4 * (film.units - centre) / width, -700, 700)
            curve = np.rint(_CURVE / (1 + np.exp(exponent))).astype(np.uint16)
            windows.append(Window(label, 0.0, float(_CURVE), _CURVE - curve if negative else curve))
            continue
        ends = _ends(film, centre, width, function)
        if ends is None:
            film.steps.append(f"{label} left out, as it would show nothing: all pixels lie beyond it.")
            continue
        windows.append(Window(name if windows else label, *ends))
    return windows


def _has_width(width: float, function: str) -> bool:
    return width >= 1 or (width > 0 and function != "LINEAR")


def _ends(film: Film, centre: float, width: float, function: str) -> tuple[float, float] | None:
    """(black, white) of a linear window in pixel values; None if all pixels lie beyond it."""
    # PS3.3 C.11.2.1.2: LINEAR counts its width from the middle of one value to the middle of another.
    half = width / 2 if function == "LINEAR_EXACT" else max((width - 1) / 2, 0.5)
    middle = centre if function == "LINEAR_EXACT" else centre - 0.5
    low, high = sorted((bound - film.intercept) / film.slope for bound in (middle - half, middle + half))
    if high <= film.pixels.min() or low >= film.pixels.max() or not low < high or math.isinf(high):
        return None
    return low, high


def _misfit(film: Film, window: Window) -> str | None:
    """A note on a window that clips most pixels, as one for another bit depth does."""
    thin = film.pixels[:: max(1, film.pixels.shape[0] // 512)]
    low, high = np.percentile(thin, (0.1, 99.9))
    beyond = float(((thin <= window.black) | (thin >= window.white)).mean())
    if beyond < _CLIPPED or window.white - window.black > _NARROW * (high - low):
        return None
    return (
        f"The window does not fit: {beyond:.0%} of the pixels are pure black or white in it, as if it were one of "
        "another depth. Choose another window."
    )


def _padding(dataset: Dataset, stored: Stored) -> NDArray[np.bool_] | None:
    """(H, W) the padding that the file declares; None if there is none, or all is padding."""
    value = number(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted((value, value if limit is None else limit))
    padding = (stored >= low) & (stored <= high)
    return padding if padding.any() and not padding.all() else None


def _blacken(film: Film, padding: NDArray[np.bool_]) -> None:
    """Padding that would be brighter than the darkest part of the film is set to that."""
    darkest = film.pixels[~padding].min()
    bright = padding & (film.pixels > darkest)
    if bright.any():
        film.pixels = np.where(padding, darkest, film.pixels)
        film.steps.append(f"Padding ({padding.mean():.1%} of the pixels) set to black.")
