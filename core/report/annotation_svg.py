"""Annotations as drawn over the film in every report and picture: vector graphics, and the same as pixels."""

import io
import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.image.arrangement import turned_points
from core.lettering import font
from core.report.annotation import Point
from core.report.case import CaseRecord
from core.report.dimensions import box_of, dimensions
from core.report.pdf import typeset_svg

_INK = "#f0e442"  # as in the viewer; not a colour of heat or of a finding
_LETTER = 0.024  # of the film's long side: height of the labels
_LEAST_LETTER = 12.0  # film pixels: smaller labels are illegible as pixels
_LINE = 1 / 8  # of the height of the labels


def annotation_svg(case: CaseRecord, *, least_letter: float = 0.0) -> bytes:
    """Lines and numbered labels over the displayed film, as an SVG in film pixels; empty where nothing was drawn.

    least_letter: smallest height of the labels, in film pixels.
    """
    annotations = case.annotations.complete
    if not annotations:
        return b""
    shape = case.radiograph.pixels.shape
    height, width = shape[::-1] if case.cleaning.turn % 2 else shape
    unit = max(height, width)
    letter = max(_LETTER * unit, least_letter)
    paths, labels, places = [], [], list[Point]()
    for each, words in zip(annotations, annotation_labels(case), strict=True):
        points = turned_points(each.points, shape, case.cleaning)
        paths.append(_path(each.kind, points, 0.02 * unit))
        wide = font(100).getlength(words) * letter / 100 + letter
        left, top = _anchor(each.kind, points)
        at = max(0.0, min(left + letter / 2, width - wide)), max(0.0, min(top + letter / 2, height - 1.5 * letter))
        while any(abs(at[0] - x) < wide and abs(at[1] - y) < 1.5 * letter for x, y in places) and at[1] < height:
            at = at[0], at[1] + 1.6 * letter  # below an existing label
        places.append(at)
        labels.append(_label(words, at, wide, letter))
    line = " ".join(path for path in paths if path)
    strokes = "".join(
        f'<path d="{line}" stroke="{ink}" stroke-width="{thick * _LINE * letter:.2f}"/>'
        for ink, thick in (("#000", 2.6), (_INK, 1))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<g fill="none" stroke-linecap="round" stroke-linejoin="round">{strokes}</g>{"".join(labels)}</svg>'
    ).encode()


def annotation_labels(case: CaseRecord) -> list[str]:
    """The label of each complete annotation: its number, and its size or text: "1: 52.3 mm"."""
    labels = []
    for number, (each, size) in enumerate(zip(case.annotations.complete, dimensions(case), strict=True), start=1):
        words = each.text if each.kind in ("arrow", "text") else size.words
        labels.append(f"{number}: {words}" if words else str(number))
    return labels


def annotation_pixels(case: CaseRecord) -> NDArray[np.uint8] | None:
    """`annotation_svg` as (H, W, 4) pixels of the displayed film, transparent where nothing is; None without any."""
    svg = annotation_svg(case, least_letter=_LEAST_LETTER)
    if not svg:
        return None
    with Image.open(io.BytesIO(typeset_svg(svg))) as picture:
        return np.asarray(picture.convert("RGBA"))


def _path(kind: str, points: Sequence[Point], arm: float) -> str:
    """The lines of a shape. arm: length of the ends of a line and of an arrow's head, in pixels."""
    if kind == "text":
        return ""
    if kind == "rectangle":
        left, top, right, bottom = box_of(points)
        return f"M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}Z"
    if kind == "ellipse":
        left, top, right, bottom = box_of(points)
        arc = f"A{(right - left) / 2:.1f} {(bottom - top) / 2:.1f} 0 1 0"
        middle = (top + bottom) / 2
        return f"M{left:.1f} {middle:.1f}{arc} {right:.1f} {middle:.1f}{arc} {left:.1f} {middle:.1f}Z"
    if kind == "arrow":
        return _line(points[0], points[1]) + "".join(_line(points[1], wing) for wing in arrow_wings(points, arm))
    lines = [points[place : place + 2] for place in range(0, len(points), 2)]
    ends = "" if kind == "angle" else "".join(_ends(one, other, arm) for one, other in lines)
    return "".join(_line(one, other) for one, other in lines) + ends


def arrow_wings(points: Sequence[Point], arm: float) -> list[Point]:
    """The two ends of the head of an arrow from the first point to the second."""
    (x0, y0), (x1, y1) = points
    bearing = math.atan2(y1 - y0, x1 - x0)
    return [(x1 - arm * math.cos(bearing + turn), y1 - arm * math.sin(bearing + turn)) for turn in (0.5, -0.5)]


def _line(one: Point, other: Point) -> str:
    return f"M{one[0]:.1f} {one[1]:.1f}L{other[0]:.1f} {other[1]:.1f}"


def _ends(one: Point, other: Point, arm: float) -> str:
    size = math.hypot(other[0] - one[0], other[1] - one[1]) or 1
    x, y = -(other[1] - one[1]) / size * arm / 2, (other[0] - one[0]) / size * arm / 2
    return "".join(_line((u - x, v - y), (u + x, v + y)) for u, v in (one, other))


def _anchor(kind: str, points: Sequence[Point]) -> Point:
    """Where the label begins: below a region, at the tail of an arrow, at the middle of a line."""
    if kind in ("ellipse", "rectangle"):
        left, _, right, bottom = box_of(points)
        return ((left + right) / 2 if kind == "ellipse" else left), bottom
    if kind in ("arrow", "text"):
        return points[0]
    return (points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2


def _label(words: str, at: Point, wide: float, letter: float) -> str:
    """The words on a dark background, `wide` film pixels across, with its upper left corner at the point."""
    left, top = at
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{1.5 * letter:.1f}" fill="#000" '
        f'fill-opacity="0.7"/><text x="{left + letter / 2:.1f}" y="{top + 1.1 * letter:.1f}" font-size="{letter:.1f}" '
        f'font-family="DejaVu Sans, sans-serif" fill="{_INK}">{escape(words)}</text>'
    )
