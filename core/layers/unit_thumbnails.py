"""Thumbnails of units' maps: one small block for a page of them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.layers.activations import Activations
from core.overlay import levels

MOST = 96  # cells per side of a thumbnail


def stamps(activations: Activations, channels: Sequence[int], *, most: int = MOST) -> NDArray[np.uint8]:
    """(N, h, w) the colour level of each cell (core.overlay.levels), scaled to each unit's own `ends`.

    most: cells a side; finer maps are averaged down to it.
    """
    maps = activations.maps[list(channels)]
    size = tuple(min(side, most) for side in maps.shape[1:])
    if size != maps.shape[1:]:
        maps = functional.adaptive_avg_pool2d(torch.from_numpy(maps), size).numpy()
    ends = activations.ends[list(channels)]
    drawn = np.zeros(maps.shape, np.uint8)
    for place, (heat, end) in enumerate(zip(maps, ends, strict=True)):
        if end > 0:
            drawn[place] = levels(heat, signed=activations.signed, scale=float(end))
        elif activations.signed:
            drawn[place] = 128
    return drawn
