"""Header combinations of a DICOM film: each a film, as the standard reads it, or a sentence.

All 11,520 of them: `python -m tests.image.grid`. The reference is written here from PS3.3 (C.7.6.3, C.11.1, C.11.2),
and shares no code with the reader.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from core.errors import UnreadableFile
from core.image.prepare import windowed
from core.image.read import read

SIDE = 24  # px
TOLERANCE = 1.5 / 255  # of black to white
SAMPLES = (1, 3)
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR", "", "HSV")
BITS = ((8, 8), (16, 16), (16, 12), (16, 10), (8, 7), (1, 1))  # allocated, stored
SIGNED = (0, 1)
PLANAR = (None, 0, 1)
TABLES = ("none", "window", "rescale", "voi", "modality")
PADDING = ("none", "value", "range", "outside")
_OUTSIDE = 2**15 - 1  # a padding value beyond all pixels


@dataclass(frozen=True)
class Header:
    """One combination."""

    samples: int
    photometric: str
    allocated: int
    stored: int
    signed: int
    planar: int | None
    table: str
    padding: str


def headers() -> Iterator[Header]:
    """Every combination, in a fixed order."""
    for samples, photometric, (allocated, stored), signed, planar, table, padding in itertools.product(
        SAMPLES, PHOTOMETRIC, BITS, SIGNED, PLANAR, TABLES, PADDING
    ):
        yield Header(samples, photometric, allocated, stored, signed, planar, table, padding)


def values(header: Header) -> NDArray[np.int64]:
    """(SIDE, SIDE, samples) that the file means: a slope over the whole depth, another one in each channel."""
    low = -(2 ** (header.stored - 1)) if header.signed and header.samples == 1 else 0
    slope = np.linspace(0, 1, SIDE * SIDE).reshape(SIDE, SIDE)
    channels = [slope, slope.T, slope[::-1]][: header.samples]
    return np.stack([np.rint(low + channel * (2**header.stored - 1)) for channel in channels], 2).astype(np.int64)


def _item(table: NDArray[np.int64], first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(table) % 65536, first, bits])
    item.add_new("LUTData", "OW", table.astype("<u2").tobytes())
    return item


def lut(header: Header) -> tuple[NDArray[np.int64], int]:
    """(entries, first value mapped): a curve over the depth, to 12 bits."""
    low = -(2 ** (header.stored - 1)) if header.signed else 0
    share = np.linspace(0, 1, 2**header.stored) if header.stored > 1 else np.array([0.0, 1.0])
    return np.rint(4095 * share**2).astype(np.int64), low


def window(header: Header) -> tuple[float, float]:
    """(centre, width) of the middle half of the depth, after slope and intercept."""
    low = -(2 ** (header.stored - 1)) if header.signed else 0
    centre, width = low + 2 ** (header.stored - 1), max(2.0, 2 ** (header.stored - 1))
    return (2 * centre - 100, 2 * width) if header.table == "rescale" else (centre, width)


def file(header: Header) -> bytes:
    """The film with that header."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = pydicom.uid.UID("1.2.840.10008.5.1.4.1.1.1.1")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = pydicom.uid.UID("1.2.3")
    dataset.Modality = "DX"
    dataset.Rows = dataset.Columns = SIDE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = header.samples, header.photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = header.allocated, header.stored, header.stored - 1
    dataset.PixelRepresentation = header.signed
    if header.planar is not None:
        dataset.PlanarConfiguration = header.planar
    meant = values(header)
    cells = (meant % 2**header.stored).astype("u1" if header.allocated <= 8 else "<u2")
    if header.photometric == "YBR_FULL_422" and header.samples == 3 and header.planar != 1:
        flat = cells.reshape(-1, 2, 3)
        cells = np.stack([flat[:, 0, 0], flat[:, 1, 0], flat[:, 0, 1], flat[:, 0, 2]], 1)
    elif header.planar == 1 and header.samples == 3:
        cells = np.moveaxis(cells, 2, 0)
    data = np.packbits(cells.ravel(), bitorder="little").tobytes() if header.allocated == 1 else cells.tobytes()
    dataset.add_new("PixelData", "OW" if header.allocated == 16 else "OB", data + b"\0" * (len(data) % 2))
    if header.table in ("window", "rescale"):
        dataset.WindowCenter, dataset.WindowWidth = window(header)
    if header.table == "rescale":
        dataset.RescaleSlope, dataset.RescaleIntercept = 2, -100
    if header.table in ("voi", "modality"):
        item = _item(*lut(header), 12)
        setattr(dataset, "VOILUTSequence" if header.table == "voi" else "ModalityLUTSequence", pydicom.Sequence([item]))
    low = int(meant.min())
    vr = "SS" if header.signed else "US"
    if header.padding != "none":
        dataset.add_new("PixelPaddingValue", vr, low if header.padding != "outside" else _OUTSIDE)
    if header.padding == "range":
        dataset.add_new("PixelPaddingRangeLimit", vr, low + 2**header.stored // 8)
    return _written(dataset)


def _written(dataset: Dataset) -> bytes:
    import io

    whole = io.BytesIO()
    pydicom.dcmwrite(whole, dataset, enforce_file_format=True)
    return whole.getvalue()


def reference(header: Header) -> NDArray[np.float64] | None:
    """(SIDE, SIDE) grey 0 to 1 as the standard has it; None where it has none.

    There is none where the header contradicts itself, and where no window or LUT says what is black and white.
    """
    meant = values(header).astype(np.float64)
    if header.samples == 3:
        if header.photometric not in ("RGB", "MONOCHROME1", "MONOCHROME2", "") or header.allocated != 8:
            return None
        if header.stored != 8:
            return None
        return np.asarray(meant @ np.array([0.299, 0.587, 0.114]) / 255)
    if header.photometric not in ("MONOCHROME1", "MONOCHROME2") or header.table in ("none", "modality"):
        return None
    grey = meant[:, :, 0]
    if header.table == "voi":
        table, first = lut(header)
        expected = table[np.clip(grey - first, 0, len(table) - 1).astype(int)] / 4095
    else:
        centre, width = window(header)
        units = 2 * grey - 100 if header.table == "rescale" else grey
        expected = np.clip((units - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
    return np.asarray(1 - expected if header.photometric == "MONOCHROME1" else expected)


def outcome(header: Header) -> str:
    """ "film", "equal" (to the reference), "sentence", or what is wrong."""
    try:
        film = read(file(header), name="film")
    except UnreadableFile as refusal:
        return "caught" if "it is of an unknown kind" in str(refusal) else "sentence"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return f"crash {type(error).__name__}"
    wanted = reference(header)
    if wanted is None:
        return "film"
    value: Any = windowed(film.pixels, film.black, film.white)
    meant = values(header)[:, :, 0]
    counted = np.ones_like(meant, bool)
    if header.padding in ("value", "range") and header.samples == 1:
        counted = meant > meant.min() + (2**header.stored // 8 if header.padding == "range" else 0)
    if header.padding == "outside":  # but for the one pixel of signed 16 bits that still has the value
        counted = meant != _OUTSIDE
    off = np.abs(value - wanted)[counted]
    return "equal" if not off.size or off.max() <= TOLERANCE else f"differs by {off.max():.3f}"


def main() -> None:
    counts: Counter[str] = Counter()
    for header in headers():
        result = outcome(header)
        counts[result.split(" by ")[0]] += 1
        if result not in ("film", "equal", "sentence"):
            print(result, header, flush=True)
    print(f"{sum(counts.values())} headers: {dict(counts)}")
    raise SystemExit(0 if set(counts) <= {"film", "equal", "sentence"} else 1)


if __name__ == "__main__":
    main()
