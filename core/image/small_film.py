"""A radiograph's small versions and simple statistics, for the film checks, which must be fast."""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from core.image.frontal import Fit, best_fit
from core.image.marks import LONGEST
from core.image.prepare import film_box, windowed
from core.types import Grey, Radiograph


@dataclass(frozen=True, eq=False)
class Look:
    """A radiograph and its small versions, each computed once, on first use."""

    radiograph: Radiograph

    @cached_property
    def whole(self) -> Grey:
        """(h, w) from 0 (black) to 1 (white), long side at most 1024 px."""
        pixels = self.radiograph.pixels
        factor = min(math.ceil(max(pixels.shape) / LONGEST), *pixels.shape)
        if factor > 1:  # whole factors: many times faster than others, and edges stay sharp
            height, width = (side // factor * factor for side in pixels.shape)
            pixels = cv2.resize(  # type: ignore[assignment]
                pixels[:height, :width], (width // factor, height // factor), interpolation=cv2.INTER_AREA
            )
        return windowed(pixels, self.radiograph.black, self.radiograph.white)

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the film without flat margins, in pixels of the radiograph."""
        return film_box(self.radiograph)

    @cached_property
    def film(self) -> Grey:
        """(h, w) from 0 to 1: `whole` without flat margins."""
        height, width = self.radiograph.pixels.shape
        down, across = self.whole.shape[0] / height, self.whole.shape[1] / width
        x0, x1 = (round(edge * across) for edge in self.box[::2])
        y0, y1 = (round(edge * down) for edge in self.box[1::2])
        return self.whole[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]

    @cached_property
    def small(self) -> Grey:
        """(h, w) from 0 to 1: `film` with its long side at most 256 px."""
        film = self.film
        shrink = min(1.0, 256 / max(film.shape))
        size = (max(8, round(film.shape[1] * shrink)), max(8, round(film.shape[0] * shrink)))
        return np.asarray(cv2.resize(film, size, interpolation=cv2.INTER_AREA), np.float32)

    @property
    def middle(self) -> Grey:
        """(h, w) the middle three fifths of `small`, where lungs, heart and spine should be."""
        height, width = self.small.shape
        return self.small[height // 5 : height - height // 5, width // 5 : width - width // 5]

    @cached_property
    def fit(self) -> Fit:
        return best_fit(self.small)


def block_step(radiograph: Radiograph) -> float:
    """Steps across 8-pixel block edges over the steps within blocks, about 1 for a film without blocks.

    Measured in the middle 1024 px at full resolution, on the grid that starts at the first pixel, as JPEG's does.
    """
    height, width = radiograph.pixels.shape
    top, left = (max(0, (side - 1024) // 2) // 8 * 8 for side in (height, width))
    part = radiograph.pixels[top : top + 1024, left : left + 1024].astype(np.int32)
    ratios = []
    for lines in (part, part.T):
        steps = np.abs(np.diff(lines, axis=0)).mean(axis=1)
        if len(steps) >= 16:
            whole = steps[: len(steps) // 8 * 8].reshape(-1, 8).mean(axis=0)
            ratios.append(float((whole[7] + 1e-3) / (np.median(whole[:7]) + 1e-3)))
    return float(np.mean(ratios)) if ratios else 1.0
