"""Edits that move the whole film in its frame: rotate, shift, crop, flip."""

from typing import Annotated, Literal

import cv2
import numpy as np

from core.errors import BadSetting
from core.explain.method import Bounds, Choice
from core.types import Grey
from core.what_if.edit import EditInput, edit
from core.what_if.edits.objects import shifted

_LEAST = 2  # px that a crop must leave


@edit("rotate", title="Rotate", scope="film", swept="degrees", span=(-30.0, 30.0), moves=True)
def rotate(
    film: EditInput, *, degrees: Annotated[float, Bounds(-180, 180, "degrees, counter-clockwise")] = 10.0
) -> Grey:
    """Rotates the film about its middle; the uncovered corners are black."""
    height, width = film.grey.shape
    turn = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
    return np.asarray(cv2.warpAffine(film.grey, turn, (width, height), flags=cv2.INTER_LINEAR), np.float32)


@edit("shift", title="Shift", scope="film", swept="x", span=(-0.2, 0.2), moves=True)
def shift(
    film: EditInput,
    *,
    x: Annotated[float, Bounds(-1, 1, "share of the film's width, to the right")] = 0.05,
    y: Annotated[float, Bounds(-1, 1, "share of the film's height, downwards")] = 0.0,
) -> Grey:
    """Shifts the film in its frame; the uncovered edge is black."""
    height, width = film.grey.shape
    return np.asarray(shifted(film.grey, round(x * width), round(y * height)), np.float32)


@edit("crop", title="Crop", scope="film", swept="margin", span=(0.0, 0.25), moves=True)
def crop(
    film: EditInput, *, margin: Annotated[float, Bounds(0, 0.49, "share of each side that is cut away")] = 0.05
) -> Grey:
    """Cuts the same share off every side and enlarges the rest to the frame."""
    height, width = film.grey.shape
    down, across = round(margin * height), round(margin * width)
    rest = film.grey[down : height - down, across : width - across]
    if min(rest.shape) < _LEAST:
        raise BadSetting(f"Cropping {margin:.0%} off each side leaves nothing of the film. Crop less.")
    return np.asarray(cv2.resize(rest, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


@edit("flip", title="Flip", scope="film", moves=True)
def flip(
    film: EditInput, *, axis: Annotated[Literal["left-right", "up-down"], Choice("what is exchanged")] = "left-right"
) -> Grey:
    """Mirrors the film."""
    return np.ascontiguousarray(film.grey[:, ::-1] if axis == "left-right" else film.grey[::-1])
