"""Greys of every file that pydicom installs, against pydicom's own chain of modality and VOI tables."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.data.data_manager import DATA_ROOT
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from core.errors import UnreadableFile
from core.image.elements import BROKEN
from core.image.prepare import windowed
from core.image.read import read

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")

FILES = sorted(path for path in (Path(DATA_ROOT) / "test_files").rglob("*") if path.is_file())


def as_radiograph(path: Path) -> tuple[Dataset, bytes] | None:
    """The file, made to claim that it is a radiograph; None where it holds no pixels that pydicom can read."""
    try:
        dataset = dcmread(path, force=True)
        dataset.pixel_array  # noqa: B018 - it raises where there are none
        dataset.Modality = "CR"
        file = io.BytesIO()
        dataset.save_as(file)
    except (*BROKEN, NotImplementedError):
        return None
    return dataset, file.getvalue()


def greys(dataset: Dataset, stored: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """What pydicom makes of the stored values, 0 to 1; None where the file has neither window nor VOI LUT."""
    if dataset.get("WindowWidth") is None and not dataset.get("VOILUTSequence"):
        return None
    units = apply_modality_lut(stored, dataset)
    result = np.asarray(apply_voi_lut(units, dataset), np.float64)
    if dataset.get("VOILUTSequence"):
        low, high = 0.0, 2.0 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1
    else:
        signed, bits = dataset.PixelRepresentation == 1, int(dataset.BitsStored)
        ends = np.array([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] if signed else [0, 2**bits - 1], np.float64)
        low, high = sorted(np.asarray(apply_modality_lut(ends, dataset), np.float64).tolist())
    grey = (result - low) / (high - low)
    return 1 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def test_every_readable_file_has_the_greys_that_pydicom_gives_it() -> None:
    compared, pixels, films = [], [], 0
    for path in FILES:
        radiograph = as_radiograph(path)
        if radiograph is None:
            continue
        dataset, data = radiograph
        several = int(dataset.get("NumberOfFrames") or 1) > 1
        try:
            film = read(data, name=path.name, frame=1 if several else None)
        except UnreadableFile:
            continue
        films += 1
        if dataset.SamplesPerPixel != 1 or dataset.PhotometricInterpretation not in ("MONOCHROME1", "MONOCHROME2"):
            continue
        stored = dataset.pixel_array[0] if several else dataset.pixel_array
        if stored.shape != film.pixels.shape or "PixelPaddingValue" in dataset:
            continue
        if dataset.PhotometricInterpretation == "MONOCHROME2" and film.linear is None:
            pixels.append((path.name, int(np.ptp(film.pixels.astype(int) - stored.astype(int)))))
        wanted = greys(dataset, stored)
        if wanted is not None and any("sets black and white" in step or "applied" in step for step in film.steps):
            off = np.abs(windowed(film.pixels, film.black, film.white) - wanted).max()
            compared.append((path.name, float(off)))

    assert films > 60
    assert len(pixels) > 30
    assert [each for each in pixels if each[1]] == []  # equal but for a shift of signed values
    assert len(compared) > 10
    assert [each for each in compared if each[1] > 0.003] == []
