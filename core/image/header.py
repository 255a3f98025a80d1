"""What the header of a DICOM image must mean: gaps filled, contradictions settled by the pixels, all of it said."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from core.image.elements import number, text
from core.image.signature import Codestream, codestream

GREY = ("MONOCHROME1", "MONOCHROME2")
_ONE_SAMPLE = (*GREY, "PALETTE COLOR")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")
_SYNONYMS = {"MONOCHROME": "MONOCHROME2", "MONOCHROME 1": "MONOCHROME1", "MONOCHROME 2": "MONOCHROME2",
             "GRAYSCALE": "MONOCHROME2", "GREYSCALE": "MONOCHROME2", "PALETTECOLOR": "PALETTE COLOR",
             "PALETTE_COLOR": "PALETTE COLOR"}  # fmt: skip
_RLE = 64  # bytes of the header of an RLE frame


def complete(dataset: Dataset, stream: bytes | None) -> list[str]:
    """Fills in and settles what decoding needs, in the data set itself; the steps taken.

    stream: the compressed frame; None where the pixels are stored plainly.
    """
    steps = _bits_allocated(dataset, stream)
    steps += _samples(dataset, stream)
    steps += _bits_stored(dataset)
    return steps


def _area(dataset: Dataset) -> int:
    return int(dataset.Rows) * int(dataset.Columns) * max(1, int(number(dataset, "NumberOfFrames") or 1))


def _bits_allocated(dataset: Dataset, stream: bytes | None) -> list[str]:
    if number(dataset, "BitsAllocated") is not None:
        dataset.BitsAllocated = int(number(dataset, "BitsAllocated") or 0)
        return []
    samples = int(number(dataset, "SamplesPerPixel") or 1)
    held = codestream(stream) if stream else None
    if held:
        allocated = 8 if held.precision <= 8 else 16
    else:
        allocated = 16 if len(dataset.PixelData) >= 2 * samples * _area(dataset) else 8
    dataset.BitsAllocated = allocated
    return [f"The file does not say how many bits a pixel takes; by its length it is {allocated}."]


def _held(dataset: Dataset, stream: bytes | None) -> int | None:
    """How many samples each pixel has by the data themselves; None where they do not say."""
    width = float(dataset.BitsAllocated) / 8
    if stream is None:
        return int(len(dataset.PixelData) / max(1.0, _area(dataset) * width))
    held: Codestream | None = codestream(stream)
    if held is not None:
        return int(held.samples)
    if len(stream) > _RLE and (segments := int.from_bytes(stream[:4], "little")) in (1, 2, 3, 6):
        return max(1, round(segments / max(1.0, width)))
    return None


def _samples(dataset: Dataset, stream: bytes | None) -> list[str]:
    """Settles samples per pixel and photometric interpretation against each other and the data."""
    written = text(dataset, "PhotometricInterpretation") or ""
    mode = _SYNONYMS.get(written, written)
    claimed, held = number(dataset, "SamplesPerPixel"), _held(dataset, stream)
    samples = None if claimed is None else int(claimed)
    steps = []
    if not mode:
        mode = "RGB" if (samples or held or 1) >= 3 else "MONOCHROME2"
        steps.append(f"The file does not say what its greys mean (photometric interpretation); read as {mode}.")
    if mode not in (*_ONE_SAMPLE, *_COLOUR):  # HSV, CMYK, ARGB: refused later, in the file's own words
        dataset.PhotometricInterpretation = mode
        dataset.SamplesPerPixel = samples or held or 1
        return steps
    wanted = 1 if mode in _ONE_SAMPLE else 3
    if samples is None:
        samples = wanted if held is None or held >= wanted else held
        steps.append(f"The file does not say how many samples a pixel has; by its data it is {samples}.")
    exact = stream is not None and held in (1, 3)
    if samples != wanted or (exact and held != wanted):
        actual = held if exact else 3 if (held or 0) >= 3 else 1
        if actual != wanted and not (samples not in (1, 3) and not exact):
            found = "RGB" if actual == 3 else "MONOCHROME2"
            if actual == 3 and stream and (told := codestream(stream)) and told.frame in (0xC0, 0xC1, 0xC2):
                found = "YBR_FULL"  # what lossy JPEG of three components holds
            steps.append(
                f"The header says {mode} with {samples} {'sample' if samples == 1 else 'samples'} per pixel, the data "
                f"hold {actual}: read as {found}."
            )
            mode, samples = found, actual
        elif samples != wanted and held is not None and held >= wanted:
            steps.append(f"The header says {mode} with {samples} samples per pixel; read as {mode} with {wanted}.")
            samples = wanted
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = mode, samples
    if samples is not None and samples > 1:
        if number(dataset, "PlanarConfiguration") not in (0, 1):
            dataset.PlanarConfiguration = 0
        if number(dataset, "PixelRepresentation") == 1:
            dataset.PixelRepresentation = 0
            steps.append("The header calls colour samples signed, which they cannot be; read as unsigned.")
    return steps


def _bits_stored(dataset: Dataset) -> list[str]:
    steps = []
    allocated = int(dataset.BitsAllocated)
    stored, high = number(dataset, "BitsStored"), number(dataset, "HighBit")
    if stored is None:
        stored = high + 1 if high is not None and 0 < high < allocated else allocated
        steps.append(f"The file does not say how many bits are stored; read as {stored:.0f}.")
    if not 1 <= stored <= allocated:
        steps.append(f"The header says {stored:.0f} bits stored of {allocated} allocated; read as {allocated}.")
        stored = allocated
    if high is None or not stored - 1 <= high < allocated:
        high = stored - 1
    dataset.BitsStored, dataset.HighBit = int(stored), int(high)
    if number(dataset, "PixelRepresentation") not in (0, 1):
        dataset.PixelRepresentation = 0
        steps.append("The file does not say whether its values are signed; read as unsigned.")
    return steps


def meaningful(cells: NDArray[Any], *, bits: int, high: int, signed: bool) -> tuple[NDArray[Any], int, list[str]]:
    """The values within the cells that were stored for them, the bits that they have, and the steps.

    cells:  (H, W), 8 or 16 bits each, of which `bits` up to `high` hold the value (PS3.5, 8.1.1); other bits may hold
            overlays. Where the pixels contradict the header, the reading with the smoother picture counts.
    """
    cells = cells.view(f"u{cells.dtype.itemsize}")
    steps = []
    shift = high + 1 - bits
    if shift > 0 and int(cells.max()) < 2**bits and bool((cells & (2**shift - 1)).any()):
        steps.append(f"The header puts the values into the upper bits, up to {high}; they lie in the lower {bits}.")
    elif shift > 0:
        cells = cells >> shift
        steps.append(f"Values taken from bits {shift} to {high}, as the header says.")
    mask = cells.dtype.type(2**bits - 1)
    if int(cells.max()) > int(mask):
        inside = cells & mask
        extended = signed and np.array(_signed(inside, bits) == cells.view(f"i{cells.dtype.itemsize}")).all()
        if extended:
            cells = inside
        elif _roughness(inside) <= _roughness(cells):
            cells = inside
            steps.append(f"Bits above the {bits} of the values left out: they hold no greys (an overlay, mostly).")
        else:
            told, bits = bits, 8 * cells.dtype.itemsize
            steps.append(f"The header says {told} bits, the pixels use {int(cells.max()).bit_length()}: read as those.")
    return (_signed(cells, bits) if signed else cells), bits, steps


def _signed(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Unsigned values of so many bits as the two's complements that they are."""
    unused = 8 * values.dtype.itemsize - bits
    return np.asarray((values << unused).view(f"i{values.dtype.itemsize}") >> unused)


def _roughness(values: NDArray[Any]) -> float:
    """The mean step from one pixel to the next; values that wrap round, or drawings in high bits, make it large."""
    every = max(1, values.shape[0] // 512)
    return float(np.abs(np.diff(values[::every].astype(np.int32), axis=1)).mean())
