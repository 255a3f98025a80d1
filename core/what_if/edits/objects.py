"""Edits that put something into a region: an opacity, a part of the film moved there, a part of another film."""

from typing import Annotated, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSetting
from core.explain.method import Bounds, Choice
from core.image.prepare import windowed
from core.registry import unknown
from core.types import Grey
from core.what_if.edit import EditInput, edit, faded
from core.what_if.edits.fills import painted

FilmScalar = TypeVar("FilmScalar", bound=np.generic)

_DENSE = 75  # percentile of the grey that is not black: about that of the heart
_BLACK = 0.05


@edit("opacity", title="Add an opacity", scope="region", swept="strength", span=(0.0, 1.0))
def opacity(film: EditInput, *, strength: Annotated[float, Bounds(0, 1, "1 is as dense as the heart")] = 0.8) -> Grey:
    """Adds a shadow as dense as the heart, strongest in the middle of the region."""
    shown = film.grey[film.grey > _BLACK]
    dense = np.float32(np.percentile(shown, _DENSE)) if shown.size else np.float32(1)
    away = cv2.distanceTransform(film.region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    height = away / max(float(away.max()), 1.0)
    ball = np.sqrt(1 - (1 - height) ** 2) * film.region
    return np.asarray(film.grey + np.float32(strength) * ball * np.maximum(dense - film.grey, 0), np.float32)


@edit("move", title="Move elsewhere", scope="region")
def move(
    film: EditInput,
    *,
    x: Annotated[float, Bounds(-1, 1, "share of the film's width, to the right")] = 0.2,
    y: Annotated[float, Bounds(-1, 1, "share of the film's height, downwards")] = 0.0,
) -> Grey:
    """Moves what the region holds to another place and in-paints where it was."""
    height, width = film.grey.shape
    across, down = round(x * width), round(y * height)
    there = shifted(film.region, across, down)
    if not there.any():
        raise BadSetting(f"Moved by {x:g} and {y:g} the region leaves the film. Move it less far.")
    without = film.blended(painted(film.grey, film.region))
    return np.asarray(without + faded(there) * (shifted(film.grey, across, down) - without), np.float32)


@edit("transplant", title="From another film", scope="region")
def transplant(
    film: EditInput, *, other: Annotated[str, Choice("key of the film; empty for the first other film")] = ""
) -> Grey:
    """Puts the same place of another film of the session into the region."""
    if not film.others:
        raise BadSetting("There is no other film to transplant from. Add a second film.")
    if other and other not in film.others:
        raise unknown("other film", other, list(film.others))
    donor = film.others[other or next(iter(film.others))]
    height, width = film.grey.shape
    grey = windowed(donor.pixels, donor.black, donor.white)
    return film.blended(np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.float32))


def shifted(array: NDArray[FilmScalar], across: int, down: int) -> NDArray[FilmScalar]:
    """(H, W) the array moved right and down by this many pixels; uncovered places are zero."""
    height, width = array.shape
    result = np.zeros_like(array)
    if abs(across) < width and abs(down) < height:
        here = slice(max(0, down), height + min(0, down)), slice(max(0, across), width + min(0, across))
        from_ = slice(max(0, -down), height - max(0, down)), slice(max(0, -across), width - max(0, across))
        result[here] = array[from_]
    return result
