"""Edits that take something away from a region: blur, mean, in-painting, black; and brighten."""

from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSetting
from core.explain.method import Bounds
from core.types import Grey
from core.what_if.edit import EditInput, edit

_FINE = 6.0  # px: a stronger blur is computed on a smaller copy, where its deviation is still four pixels
_PAINTED = 320  # px, the long side at which holes are in-painted: the time of Telea's method grows with the area
_REACH = 3  # px there
_GREYS = 65535


@edit("blur", title="Blur", scope="either", swept="sigma", span=(0.0, 0.1))
def blur(
    film: EditInput, *, sigma: Annotated[float, Bounds(0, 0.2, "deviation as a share of the film's long side")] = 0.07
) -> Grey:
    """Removes detail and keeps the brightness."""
    return film.blended(blurred(film.grey, sigma * max(film.grey.shape)))


@edit("mean", title="Mean grey", scope="region")
def mean(film: EditInput) -> Grey:
    """Replaces the region by the mean grey of the film."""
    return film.blended(np.full_like(film.grey, film.grey.mean()))


@edit("in-paint", title="In-paint", scope="region")
def in_paint(film: EditInput) -> Grey:
    """Fills the region from its surroundings.

    Source: Telea 2004, doi:10.1080/10867651.2004.10487596 (OpenCV).
    """
    return film.blended(painted(film.grey, film.region))


@edit("black", title="Black out", scope="region")
def black(film: EditInput) -> Grey:
    """Makes the region black."""
    return film.blended(np.zeros_like(film.grey))


@edit("brighten", title="Brighten", scope="either", swept="amount", span=(-0.5, 0.5))
def brighten(
    film: EditInput,
    *,
    amount: Annotated[float, Bounds(-1, 1, "added grey; 1 is black to white")] = 0.2,
) -> Grey:
    """Adds brightness; a negative amount darkens."""
    return film.blended(np.clip(film.grey + np.float32(amount), 0, 1))


def blurred(grey: Grey, sigma: float) -> Grey:
    """(H, W) the picture after a Gaussian blur with this deviation in pixels; 0 changes nothing."""
    if sigma <= 0:
        return grey
    height, width = grey.shape
    factor = max(1, int(sigma / _FINE))
    small = grey
    if factor > 1:
        size = max(1, width // factor), max(1, height // factor)
        small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
    soft = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    if factor > 1:
        soft = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(soft, np.float32)


def painted(grey: Grey, region: NDArray[np.bool_]) -> Grey:
    """(H, W) the picture with the region filled from its surroundings. Raises: BadSetting if nothing surrounds it."""
    if region.all():
        raise BadSetting("The region is the whole film, so nothing is left to in-paint it from. Choose a smaller one.")
    height, width = grey.shape
    share = min(1.0, _PAINTED / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    hole = cv2.resize(region.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    if hole.all():
        raise BadSetting("Too little of the film is left to in-paint it from. Choose a smaller region.")
    # As 16-bit greys: with floats from 0 to 1, OpenCV's Telea gives values far outside that range.
    small = np.rint(cv2.resize(grey, size, interpolation=cv2.INTER_AREA) * _GREYS).astype(np.uint16)
    filled = cv2.inpaint(small, hole.astype(np.uint8), _REACH, cv2.INPAINT_TELEA).astype(np.float32) / _GREYS
    whole = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(region, whole, grey).astype(np.float32)
