"""Parts of a film painted black: text that is burnt into the pixels and may name a patient."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numpy as np

from core.errors import BadSetting
from core.image.marks import marks
from core.image.small_film import Look
from core.types import Pixels, Radiograph

ALL = "marks"  # every mark that the film checks find
_GAP = 4  # heights of a letter between two parts of a line
_RIM = 0.01  # of the film's long side, around a mark


@dataclass(frozen=True)
class PixelBox:
    """Pixels of the stored film: from x0 up to x1 and y0 up to y1, excluding x1 and y1."""

    x0: int
    y0: int
    x1: int
    y1: int


def boxes_of(radiograph: Radiograph, texts: Sequence[str]) -> tuple[PixelBox, ...]:
    """The boxes that the texts name: "x0,y0,x1,y1" in pixels, or "marks". Raises: BadSetting."""
    boxes: list[PixelBox] = []
    for text in texts:
        boxes += _marks(radiograph) if text == ALL else [_box(radiograph, text)]
    return tuple(boxes)


def blackened(radiograph: Radiograph, boxes: Sequence[PixelBox]) -> Radiograph:
    """The film with these boxes black, for the screen, the network and every export; its steps say so."""
    if not boxes:
        return radiograph

    def painted(pixels: Pixels) -> Pixels:
        top = np.iinfo(pixels.dtype).max
        copy = pixels.copy()
        for box in boxes:
            copy[box.y0 : box.y1, box.x0 : box.x1] = min(max(round(radiograph.black), 0), int(top))
        return copy

    count = len(boxes)
    return replace(
        radiograph,
        pixels=painted(radiograph.pixels),
        linear=None if radiograph.linear is None else painted(radiograph.linear),
        planes=tuple(plane for plane in radiograph.planes if plane.is_truth),
        steps=(*radiograph.steps, f"{count} part{'' if count == 1 else 's'} of the film painted black."),
    )


def without_marks(radiograph: Radiograph) -> Radiograph:
    """The film with every burnt-in mark painted black."""
    return blackened(radiograph, _marks(radiograph))


def _marks(radiograph: Radiograph) -> tuple[PixelBox, ...]:
    """The boxes of all marks; a second search finds the rest of letters that the first found in part."""
    first = _lines(radiograph, _boxes_of_marks(radiograph))
    return (*first, *_boxes_of_marks(blackened(radiograph, first))) if first else ()


def _lines(radiograph: Radiograph, boxes: Sequence[PixelBox]) -> tuple[PixelBox, ...]:
    """The boxes, and for letters on one line one box around them: a letter between two others may have been missed."""
    lines: list[list[PixelBox]] = []
    for box in sorted(boxes, key=lambda each: each.x0):
        near = [line for line in lines if any(_are_on_one_line(each, box) for each in line)]
        lines = [line for line in lines if line not in near] + [[box, *(each for line in near for each in line)]]
    width = radiograph.pixels.shape[1]
    around = tuple(_around(line, width) for line in lines if len(line) > 1)
    return (*boxes, *around)


def _around(line: Sequence[PixelBox], width: int) -> PixelBox:
    """The box around a line, half a letter longer at both ends."""
    more = min(box.y1 - box.y0 for box in line) // 2
    return PixelBox(
        max(0, min(box.x0 for box in line) - more),
        min(box.y0 for box in line),
        min(width, max(box.x1 for box in line) + more),
        max(box.y1 for box in line),
    )


def _are_on_one_line(one: PixelBox, other: PixelBox) -> bool:
    height = min(one.y1 - one.y0, other.y1 - other.y0)
    overlap = min(one.y1, other.y1) - max(one.y0, other.y0)
    gap = max(one.x0, other.x0) - min(one.x1, other.x1)
    return 2 * overlap > height and gap < _GAP * height


def _boxes_of_marks(radiograph: Radiograph) -> list[PixelBox]:
    height, width = radiograph.pixels.shape
    rim = _RIM * max(height, width)
    return [
        PixelBox(
            max(0, floor(mark.x0 * width - rim)),
            max(0, floor(mark.y0 * height - rim)),
            min(width, ceil(mark.x1 * width + rim)),
            min(height, ceil(mark.y1 * height + rim)),
        )
        for mark in marks(Look(radiograph).whole)
    ]


def _box(radiograph: Radiograph, text: str) -> PixelBox:
    height, width = radiograph.pixels.shape
    try:
        x0, y0, x1, y1 = map(int, text.split(","))
    except ValueError as error:
        raise BadSetting(
            f"A part to blacken is {text!r}; give its left, upper, right and lower edge in pixels, as in 0,0,400,80, "
            f"or {ALL}."
        ) from error
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise BadSetting(
            f"A part to blacken is {text}, but the film has {width} × {height} pixels. Give one on the film."
        )
    return PixelBox(x0, y0, x1, y1)
