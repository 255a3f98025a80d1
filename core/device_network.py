"""Where cables, electrodes, tubes and pacemakers are on a film."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from core.image.prepare import enlarge, prepare
from core.models import unet
from core.types import Cleaning, Heat, Input, Placement, Radiograph

NAME = "devices-unet"
INPUT = Input(size=256)
LIKELY = 0.5  # of a pixel
_SMALLEST = 1 / 1600  # of the film's area: smaller pieces are no device


def devices(radiograph: Radiograph, cleaning: Cleaning | None = None) -> NDArray[np.bool_]:
    """(H, W) bool, True on what the network takes for a device.

    Source: trained on drawn devices; the card of devices-unet says how much of them it finds.
    """
    likely, placement = probabilities(radiograph, cleaning)
    return pieces(enlarge(likely, placement, radiograph.pixels.shape))


def probabilities(radiograph: Radiograph, cleaning: Cleaning | None = None) -> tuple[Heat, Placement]:
    """(S, S) float32, 0 to 1, and where that square lies on the film."""
    prepared = prepare(radiograph, INPUT, cleaning)
    with torch.inference_mode():
        images = prepared.image[None].contiguous(memory_format=torch.channels_last)
        likely = unet.shipped(NAME)(images)[0, 0].sigmoid().numpy()
    return likely, prepared.placement


def pieces(likely: Heat) -> NDArray[np.bool_]:
    """(h, w) where a device is likelier than not, crumbs left out."""
    marked = np.asarray(likely > LIKELY, np.uint8)
    _, label, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= _SMALLEST * marked.size
    large[0] = False  # the rest of the film
    return np.asarray(large[label])
