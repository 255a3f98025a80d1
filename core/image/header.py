"""Repairs the header of a DICOM image: fills gaps, settles contradictions by the pixels, reports each step."""

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
_SMOOTHER = 0.5  # of the other reading's roughness: what settles a contradiction
_SMOOTHER_PLANE, _ALIKE = 0.8, 0.95  # the same for the order of colour channels, and the least correlation of these
_DISTINCT = 16  # values on either side of the sign without which their smoothness says nothing


def complete(dataset: Dataset, stream: bytes | None) -> list[str]:
    """Completes the elements that decoding needs, in the data set itself; returns the steps taken.

    stream: the compressed frame; None for uncompressed pixels.
    """
    steps = _bits_allocated(dataset, stream)
    steps += _samples(dataset, stream)
    steps += _bits_stored(dataset)
    if stream is None:
        steps += _shape(dataset) + _planes(dataset)
    return steps


def single_frame(dataset: Dataset, *, plain: bool) -> list[str]:
    """Corrects the number of frames where the data hold only one; gives the step."""
    frames = number(dataset, "NumberOfFrames") or 1
    samples, allocated = (int(number(dataset, keyword) or 1) for keyword in ("SamplesPerPixel", "BitsAllocated"))
    one = int(dataset.Rows) * int(dataset.Columns) * samples * allocated // 8
    if frames <= 1 or not plain or not one <= len(dataset.PixelData) <= one + 1:
        return []
    dataset.NumberOfFrames = 1
    return [f"The header says {frames:.0f} frames, the data hold one."]


def _area(dataset: Dataset) -> int:
    return int(dataset.Rows) * int(dataset.Columns) * max(1, int(number(dataset, "NumberOfFrames") or 1))


def _bits_allocated(dataset: Dataset, stream: bytes | None) -> list[str]:
    samples = int(number(dataset, "SamplesPerPixel") or 1)
    declared = number(dataset, "BitsAllocated")
    if declared is not None:
        dataset.BitsAllocated = int(declared)
        by_length = None if stream else _held_bits(dataset, samples)
        if by_length in (None, dataset.BitsAllocated):
            return []
        dataset.BitsAllocated = by_length
        return [f"The header says {declared:.0f} bits per pixel, the data hold {by_length}: read as {by_length}."]
    held = codestream(stream) if stream else None
    if held:
        allocated = 8 if held.precision <= 8 else 16
    else:
        allocated = 16 if len(dataset.PixelData) >= 2 * samples * _area(dataset) else 8
    dataset.BitsAllocated = allocated
    return [f"The file does not say how many bits a pixel takes; by its length it is {allocated}."]


def _held_bits(dataset: Dataset, samples: int) -> int | None:
    """8 or 16 where the length of one frame of plain pixels contradicts the bits allocated; None where it does not."""
    cells = int(dataset.Rows) * int(dataset.Columns) * samples
    if cells == 0 or (number(dataset, "NumberOfFrames") or 1) > 1:
        return None
    length = len(dataset.PixelData)
    if dataset.BitsAllocated == 16 and length in (cells, cells + cells % 2):
        return 8
    if dataset.BitsAllocated != 8 or length not in (2 * cells, 2 * cells + 2):
        return None
    if (number(dataset, "BitsStored") or 8) > 8:
        return 16
    if samples != 1:
        return None
    shape = int(dataset.Rows), int(dataset.Columns)
    order = "<u2" if dataset.original_encoding[1] is not False else ">u2"
    narrow = np.frombuffer(dataset.PixelData, np.uint8, cells).reshape(shape)
    wide = np.frombuffer(dataset.PixelData, order, cells).reshape(shape)
    return 16 if _relative(wide) < _SMOOTHER * _relative(narrow) else None


def _shape(dataset: Dataset) -> list[str]:
    """Swaps rows and columns where that gives the smoother picture."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    wide = int(dataset.BitsAllocated) // 8
    frames = number(dataset, "NumberOfFrames") or 1
    if rows == columns or dataset.SamplesPerPixel != 1 or not wide or frames > 1:
        return []
    if len(dataset.PixelData) < rows * columns * wide:
        return []
    order = "<" if dataset.original_encoding[1] is not False else ">"
    cells = np.frombuffer(dataset.PixelData, f"{order}u{wide}", rows * columns)
    if _roughness(cells.reshape(columns, rows)) >= _SMOOTHER * _roughness(cells.reshape(rows, columns)):
        return []
    dataset.Rows, dataset.Columns = columns, rows
    return [f"The header says {rows} rows of {columns} pixels, the data hold {columns} of {rows}: read as those."]


def _planes(dataset: Dataset) -> list[str]:
    """Settles whether the channels of plain colour lie pixel by pixel or plane by plane.

    The channels of a film are alike: if the other order makes them alike and the picture smoother, it is the right one.
    """
    area = int(dataset.Rows) * int(dataset.Columns)
    subsampled = dataset.PhotometricInterpretation in ("YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420")
    if dataset.SamplesPerPixel != 3 or dataset.BitsAllocated != 8 or subsampled or len(dataset.PixelData) < 3 * area:
        return []
    if number(dataset, "PlanarConfiguration") not in (0, 1):
        return []
    cells = np.frombuffer(dataset.PixelData, np.uint8, 3 * area)
    shape = int(dataset.Rows), int(dataset.Columns)
    orders = {0: cells.reshape(*shape, 3), 1: np.moveaxis(cells.reshape(3, *shape), 0, 2)}
    declared = int(dataset.PlanarConfiguration)
    other = orders[1 - declared]
    if _roughness(other[:, :, 0]) >= _SMOOTHER_PLANE * _roughness(orders[declared][:, :, 0]) or not _alike(other):
        return []
    dataset.PlanarConfiguration = 1 - declared
    how = "plane by plane" if dataset.PlanarConfiguration else "pixel by pixel"
    return [f"The header contradicts the data on how the colour channels lie: read {how}."]


def _alike(channels: NDArray[np.uint8]) -> bool:
    """Whether the first two channels of (H, W, 3) rise and fall together."""
    every = max(1, channels.shape[0] // 512)
    one, other = (channels[::every, :, place].astype(np.float32).ravel() for place in (0, 1))
    return bool(one.std() and other.std() and np.corrcoef(one, other)[0, 1] > _ALIKE)


def _held(dataset: Dataset, stream: bytes | None) -> int | None:
    """Samples per pixel according to the data; None if they do not show it."""
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
    if mode not in (*_ONE_SAMPLE, *_COLOUR):  # HSV, CMYK, ARGB: refused later, with the file's own term
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
            expected = "RGB" if actual == 3 else "MONOCHROME2"
            if (
                actual == 3
                and stream
                and (codestream_header := codestream(stream))
                and codestream_header.frame in (0xC0, 0xC1, 0xC2)
            ):
                expected = "YBR_FULL"  # lossy JPEG of three components
            steps.append(
                f"The header says {mode} with {samples} {'sample' if samples == 1 else 'samples'} per pixel, the data "
                f"hold {actual}: read as {expected}."
            )
            mode, samples = expected, actual
        elif samples != wanted and held is not None and held >= wanted:
            steps.append(f"The header says {mode} with {samples} samples per pixel; read as {mode} with {wanted}.")
            samples = wanted
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = mode, samples
    return steps + (_colour_samples(dataset) if samples is not None and samples > 1 else [])


def _colour_samples(dataset: Dataset) -> list[str]:
    """Settles the order and the sign of several samples per pixel."""
    if number(dataset, "PlanarConfiguration") not in (0, 1):
        dataset.PlanarConfiguration = 0
    if number(dataset, "PixelRepresentation") != 1:
        return []
    dataset.PixelRepresentation = 0
    return ["The header calls colour samples signed, which they cannot be; read as unsigned."]


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


def embedded_overlays(dataset: Dataset, cells: NDArray[Any], *, bits: int, high: int) -> dict[int, NDArray[np.bool_]]:
    """Group -> (H, W) of each overlay that lies in a bit of the cells beside the values (PS3.3 C.9.2, retired)."""
    overlays = {}
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0102) not in dataset or (group, 0x3000) in dataset:
            continue
        place = int(dataset[group, 0x0102].value or 0)
        if 0 < place < 8 * cells.dtype.itemsize and not high + 1 - bits <= place <= high:
            overlays[group] = (cells.view(f"u{cells.dtype.itemsize}") >> place & 1).astype(bool)
    return overlays


def meaningful(cells: NDArray[Any], *, bits: int, high: int, signed: bool) -> tuple[NDArray[Any], int, list[str]]:
    """The values within the cells that were stored for them, the bits that they have, and the steps.

    The values are of a signed type where they are signed, whatever the header says.

    cells:  (H, W), 8 or 16 bits each, of which `bits` up to `high` hold the value (PS3.5, 8.1.1); other bits may hold
            overlays. Where the pixels contradict the header, the smoother of the two readings wins.
    """
    cells = cells.view(f"u{cells.dtype.itemsize}")
    steps = []
    extended = False
    shift = high + 1 - bits
    if shift > 0 and int(cells.max()) < 2**bits and bool((cells & (2**shift - 1)).any()):
        steps.append(f"The header puts the values into the upper bits, up to {high}; they lie in the lower {bits}.")
    elif shift > 0:
        cells = cells >> shift
        steps.append(f"Values read from bits {shift} to {high}, as the header says.")
    mask = cells.dtype.type(2**bits - 1)
    if int(cells.max()) > int(mask):
        inside = cells & mask
        extended = signed and bool((_signed(inside, bits) == cells.view(f"i{cells.dtype.itemsize}")).all())
        if extended:
            cells = inside
        elif _roughness(inside) <= _roughness(cells):
            cells = inside
            steps.append(f"Bits above the {bits} of the values left out: they hold no greys (an overlay, mostly).")
        else:
            declared, bits = bits, 8 * cells.dtype.itemsize
            steps.append(
                f"The header says {declared} bits, the pixels use {int(cells.max()).bit_length()}: read as those."
            )
    if extended:
        return _signed(cells, bits), bits, steps
    values, sign_steps = _with_sign(cells, bits, signed)
    return values, bits, steps + sign_steps


def _with_sign(cells: NDArray[Any], bits: int, signed: bool) -> tuple[NDArray[Any], list[str]]:
    """The values, signed as the header says unless the pixels clearly contradict it; and the step."""
    readings = {False: cells, True: _signed(cells, bits)}
    thin = readings[True][:: max(1, len(cells) // 256)]
    negative = thin < 0
    if min(len(np.unique(thin[negative])), len(np.unique(thin[~negative]))) < _DISTINCT:
        return readings[signed], []
    if _roughness(readings[not signed]) >= _SMOOTHER * _roughness(readings[signed]):
        return readings[signed], []
    words = ("signed", "unsigned") if signed else ("unsigned", "signed")
    return readings[not signed], [
        f"The header calls the values {words[0]}, by the pixels they are {words[1]}: read as {words[1]}."
    ]


def _signed(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Unsigned values of `bits` bits, read as two's complement."""
    unused = 8 * values.dtype.itemsize - bits
    return np.asarray((values << unused).view(f"i{values.dtype.itemsize}") >> unused)


def _roughness(values: NDArray[Any]) -> float:
    """The mean step from a pixel to its neighbours; values that wrap round, or drawings in high bits, make it large."""
    every = max(1, values.shape[0] // 512)
    rows = values[::every].astype(np.int32)
    below = values[1::every].astype(np.int32)
    down = np.abs(below - rows[: len(below)]) if len(below) else np.zeros(1)
    return float(np.abs(np.diff(rows, axis=1)).mean() + down.mean())


def _relative(values: NDArray[Any]) -> float:
    """The roughness in standard deviations."""
    return _roughness(values) / max(float(values[:: max(1, values.shape[0] // 512)].std()), 1e-6)
