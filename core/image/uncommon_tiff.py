"""TIFF layouts that Pillow has no name for: 16 or 64-bit floating point, 64-bit numbers, deep grey with alpha."""

import io
import logging
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from core.image.grey import check_size, choose_frame

_MOST_SAMPLES = 4
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # or it writes over the screen of a command


class Decoded(NamedTuple):
    """The page of a TIFF file.

    values:        (H, W) or (H, W, C) as stored.
    mode:          its layout in words.
    bits:          of a sample.
    turn:          EXIF orientation.
    white_is_zero: whether the file stores white as 0.
    """

    values: NDArray[Any]
    mode: str
    bits: int
    turn: int
    white_is_zero: bool
    steps: list[str]


def uncommon_tiff(data: bytes, *, name: str, frame: int | None) -> Decoded:
    """The page, decoded at full depth; its size is checked before.

    Raises: UnreadableFile as `check_size` and `choose_frame`; ValueError for a picture that is neither grey nor RGB;
            whatever tifffile raises for damaged files.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        every: Any = file.pages
        pages = [page for page in every if not page.is_reduced]
        place, steps = choose_frame(len(pages), frame, "a TIFF file", name=name, unit="page")
        page = pages[place]
        samples, photometric = int(page.samplesperpixel), int(page.photometric)
        bits = max(page.bitspersample) if isinstance(page.bitspersample, tuple) else int(page.bitspersample)
        check_size(int(page.imagewidth), int(page.imagelength), name=name, stored=max(1, samples * bits // 8))
        if samples > _MOST_SAMPLES or int(page.imagedepth) != 1 or photometric not in (0, 1, 2):
            raise ValueError(f"{samples} samples per pixel, photometric interpretation {photometric}")
        values: NDArray[Any] = page.asarray()
        if int(page.planarconfig) == 2 and samples > 1:
            values = np.moveaxis(values, 0, -1)
        if values.shape[:2] != (page.imagelength, page.imagewidth) or values.dtype.kind not in "uif":
            raise ValueError(f"a picture of {values.dtype} {values.shape}")
        tag = page.tags.get(274)
        kind = {"u": "unsigned", "i": "signed", "f": "float"}[values.dtype.kind]
        return Decoded(
            values,
            f"{samples} × {kind} {8 * values.dtype.itemsize}",
            8 * values.dtype.itemsize,
            int(tag.value) if tag else 1,
            photometric == 0,
            steps,
        )
