"""A region of a film: drawn shapes in shares of its width and height, and named zones; each as text and as a mask.

rectangle:0.1,0.2,0.4,0.5+brush:0.05,0.1,0.1,0.2,0.2+zone:right lung
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSetting
from core.registry import unknown

ShapeKind = Literal["rectangle", "ellipse", "lasso", "brush", "zone"]
RegionMask = NDArray[np.bool_]

MOST_SHAPES, MOST_NUMBERS = 400, 4000  # of a region, and of a shape
_FARTHEST = 10.0  # film sides from its corner
_FRACTION = 4  # bits below a pixel in which OpenCV draws
_FORMS: dict[str, str] = {
    "rectangle": "its left, upper, right and lower edge, as in rectangle:0.1,0.2,0.4,0.5",
    "ellipse": "the left, upper, right and lower edge of its box, as in ellipse:0.1,0.2,0.4,0.5",
    "lasso": "x and y of three corners or more, as in lasso:0.1,0.1,0.4,0.1,0.2,0.5",
    "brush": "its width, then x and y of one point or more, as in brush:0.05,0.1,0.1,0.2,0.3",
}


@dataclass(frozen=True)
class Shape:
    """One part of a region.

    numbers: in shares of the stored film's width (x) and height (y), from its upper left corner, rounded to 0.0001.
             rectangle, ellipse: x0, y0, x1, y1 of the box; lasso: x, y of each corner; brush: width as a share of the
             long side, then x, y of each point; none for a zone.
    zone:    name of a zone (core.what_if.zones).
    """

    kind: ShapeKind
    numbers: tuple[float, ...] = ()
    zone: str = ""

    def __post_init__(self) -> None:
        if self.kind == "zone":
            return
        object.__setattr__(self, "numbers", tuple(round(float(number), 4) + 0.0 for number in self.numbers))
        count, form = len(self.numbers), _FORMS[self.kind]
        fits = {
            "rectangle": count == 4,
            "ellipse": count == 4,
            "lasso": count >= 6 and count % 2 == 0,
            "brush": count >= 3 and count % 2 == 1,
        }
        if not fits[self.kind] or count > MOST_NUMBERS:
            raise BadSetting(f"The {self.kind} has {count} numbers; give {form}.")
        if not all(math.isfinite(number) and abs(number) <= _FARTHEST for number in self.numbers):
            raise BadSetting(f"The {self.kind} lies far outside the film. Positions are shares of it, 0 to 1.")
        if self.kind == "brush" and not 0 < self.numbers[0] <= 1:
            raise BadSetting(f"The brush is {self.numbers[0]:g} wide; give a share of the film's long side, up to 1.")

    @property
    def text(self) -> str:
        """As `parsed` reads it."""
        if self.kind == "zone":
            return f"zone:{self.zone}"
        return f"{self.kind}:" + ",".join(f"{number:g}" for number in self.numbers)


@dataclass(frozen=True)
class Region:
    """All shapes together."""

    shapes: tuple[Shape, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.shapes) <= MOST_SHAPES:
            raise BadSetting(f"The region has {len(self.shapes)} shapes; give 1 to {MOST_SHAPES}.")

    @property
    def text(self) -> str:
        """As `parsed` reads it."""
        return "+".join(shape.text for shape in self.shapes)

    @property
    def words(self) -> str:
        """ "right lung", "2 brush strokes", "rectangle and lasso"."""
        counts: dict[str, int] = {}
        for shape in self.shapes:
            name = shape.zone or ("brush stroke" if shape.kind == "brush" else shape.kind)
            counts[name] = counts.get(name, 0) + 1
        return " and ".join(name if count == 1 else f"{count} {name}s" for name, count in counts.items())


def parsed(text: str) -> Region:
    """The region of the text. Raises: UnknownName, BadSetting."""
    return Region(tuple(_shape(part.strip()) for part in text.split("+")))


def _shape(text: str) -> Shape:
    kind, _, rest = text.partition(":")
    kinds = get_args(ShapeKind)
    if kind not in kinds:
        raise unknown("shape", kind, list(kinds))
    if kind == "zone":
        return Shape("zone", zone=rest.strip())
    try:
        numbers = tuple(float(number) for number in rest.split(","))
    except ValueError as error:
        raise BadSetting(f"The shape is {text[:60]!r}; give {_FORMS[kind]}.") from error
    return Shape(next(each for each in get_args(ShapeKind) if each == kind), numbers)


def drawn(shape: Shape, size: tuple[int, int]) -> RegionMask:
    """(H, W) the pixels whose centres lie in a drawn shape; for a brush or lasso also those on its line.

    Raises: ValueError for a zone.
    """
    height, width = size
    if shape.kind in ("rectangle", "ellipse"):
        x0, x1 = sorted(shape.numbers[::2])
        y0, y1 = sorted(shape.numbers[1::2])
        x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        if shape.kind == "rectangle":
            return ((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))
        across = (x - (x0 + x1) / 2) / max((x1 - x0) / 2, 1e-9)
        down = (y - (y0 + y1) / 2) / max((y1 - y0) / 2, 1e-9)
        return np.asarray(np.square(down)[:, None] + np.square(across) < 1)
    mask = np.zeros(size, np.uint8)
    if shape.kind == "lasso":
        cv2.fillPoly(mask, [_pixels(shape.numbers, size)], (1,), shift=_FRACTION)
    elif shape.kind == "brush":
        points, thickness = _pixels(shape.numbers[1:], size), max(1, round(shape.numbers[0] * max(size)))
        if len(points) == 1:
            scale = 1 << _FRACTION
            at = int(points[0][0]), int(points[0][1])
            cv2.circle(mask, at, round(thickness / 2 * scale), (1,), cv2.FILLED, shift=_FRACTION)
        else:
            cv2.polylines(mask, [points], False, (1,), thickness, shift=_FRACTION)
    else:
        raise ValueError(f"{shape.text} is not drawn")
    return mask.astype(bool)


def _pixels(numbers: tuple[float, ...], size: tuple[int, int]) -> NDArray[np.int32]:
    """(n, 2) the points in pixels, for OpenCV, which puts the first pixel's centre at 0."""
    points = np.array(numbers, np.float64).reshape(-1, 2) * (size[1], size[0]) - 0.5
    return np.rint(points * (1 << _FRACTION)).astype(np.int32)
