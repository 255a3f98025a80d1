"""Overlay planes of a DICOM file: drawings that lie over the film."""

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.overlays.numpy_handler import get_overlay_array

from core.image.elements import BROKEN
from core.types import Plane

_PLANES = range(0x6000, 0x6020, 2)


def overlay_planes(
    dataset: Dataset, stored: tuple[int, ...], shape: tuple[int, ...], embedded: dict[int, NDArray[np.bool_]]
) -> tuple[Plane, ...]:
    """The overlays that the file stores beside the pixels or in their unused bits, on the film as it is shown.

    stored:   (H, W) of the stored pixels.
    shape:    (H, W) of the film after they were made square.
    embedded: group -> (H, W) the plane in the bit that the overlay names.
    """
    planes: list[Plane] = []
    for group in _PLANES:
        if (group, 0x3000) not in dataset and group not in embedded:
            continue
        try:
            if (group, 0x3000) in dataset:
                drawn = np.asarray(get_overlay_array(dataset, group)).astype(np.uint8)
            else:
                drawn = embedded[group].astype(np.uint8)
            origin = dataset[group, 0x0050].value if (group, 0x0050) in dataset else (1, 1)
            top, left = (int(value) - 1 for value in origin)
        except BROKEN:
            continue
        if drawn.ndim != 2 or not drawn.any():
            continue
        whole = np.zeros(stored, np.uint8)
        rows = slice(max(top, 0), min(top + drawn.shape[0], stored[0]))
        columns = slice(max(left, 0), min(left + drawn.shape[1], stored[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        whole[rows, columns] = drawn[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        if stored != shape:
            whole = np.asarray(cv2.resize(whole, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8)
        planes.append(Plane(f"Overlay {len(planes) + 1}", whole.astype(bool)))
    return tuple(planes)
