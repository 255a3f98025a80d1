"""What annotations measure: lengths, angles, areas, greys, share of the heat; as in the viewer's measures.js."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.image.arrangement import through
from core.image.prepare import enlarge
from core.overlay import absence
from core.report.annotation import Annotation, Point
from core.report.case import CaseRecord

REGIONS = ("ellipse", "rectangle")


@dataclass(frozen=True)
class PixelScale:
    """The size of a pixel of a film.

    across, down: mm, or 1 if unknown.
    source:       where it comes from, or why there is none; suffix: the same after a figure, empty for the file's own.
    """

    across: float
    down: float
    unit: Literal["mm", "px"]
    source: str
    suffix: str = ""


@dataclass(frozen=True)
class Dimensions:
    """The dimensions of one annotation; None for those that its kind does not have.

    length, width: in the scale's unit; for a diameter the long and the short axis.
    degrees:       between the two lines in the direction in which each was drawn, 0 to 180.
    area:          in the scale's unit squared.
    mean, deviation, count: of the stored grey values of the pixels whose centres lie inside; population deviation.
    heat:          share of the map's positive heat inside, 0 to 1.
    """

    scale: PixelScale
    length: float | None = None
    width: float | None = None
    degrees: float | None = None
    area: float | None = None
    mean: float | None = None
    deviation: float | None = None
    count: int | None = None
    heat: float | None = None

    @property
    def words(self) -> str:
        """Its size in one line: "52.3 mm", "40.1 × 22.0 mm", "34.2°", "1203.4 mm²"; empty for arrows and texts."""
        unit, suffix = self.scale.unit, self.scale.suffix
        if self.degrees is not None:
            return f"{self.degrees:.1f}°"
        if self.area is not None:
            return f"{_rounded(self.area, unit)} {unit}²{suffix}"
        sizes = [_rounded(size, unit) for size in (self.length, self.width) if size is not None]
        return f"{' × '.join(sizes)} {unit}{suffix}" if sizes else ""


def pixel_scale(case: CaseRecord) -> PixelScale:
    """The scale of the film: calibrated by hand, else the file's if it is plausible for a chest."""
    spacing, calibration = case.radiograph.spacing, case.annotations.calibration
    if calibration:
        return PixelScale(calibration, calibration, "mm", "calibrated by hand", " (calibrated by hand)")
    if spacing is None:
        return PixelScale(1, 1, "px", "none: the file gives no pixel size")
    if not case.spacing_is_plausible:
        return PixelScale(1, 1, "px", "none: the file's pixel size is not plausible")
    down, across = spacing
    if case.radiograph.at_detector:
        return PixelScale(
            across, down, "mm", "estimated: at the detector, larger than in the patient", " at the detector"
        )
    return PixelScale(across, down, "mm", "from the file")


def dimensions(case: CaseRecord) -> list[Dimensions]:
    """The dimensions of each complete annotation of the case; heat is from its first map."""
    scale = pixel_scale(case)
    film = through(case.radiograph, case.cleaning.window).pixels
    annotations = case.annotations.complete
    regions = any(each.kind in REGIONS for each in annotations)
    heat = None
    if regions and not absence(case.map):
        heat = np.maximum(np.nan_to_num(enlarge(case.map.heat, case.map.placement, (film.shape[0], film.shape[1]))), 0)
    return [_dimensions(each, scale, film, heat) for each in annotations]


def _dimensions(
    annotation: Annotation, scale: PixelScale, film: NDArray[np.generic], heat: NDArray[np.float32] | None
) -> Dimensions:
    points = annotation.points
    if annotation.kind in ("length", "diameter"):
        width = _distance(points[2], points[3], scale) if annotation.kind == "diameter" else None
        return Dimensions(scale, length=_distance(points[0], points[1], scale), width=width)
    if annotation.kind == "angle":
        return Dimensions(scale, degrees=_degrees(points, scale))
    if annotation.kind not in REGIONS:
        return Dimensions(scale)
    left, top, right, bottom = box_of(points)
    share = math.pi / 4 if annotation.kind == "ellipse" else 1.0
    area = (right - left) * scale.across * (bottom - top) * scale.down * share
    inside = region_mask(annotation, (film.shape[0], film.shape[1]))
    greys = film[inside].astype(np.float64)
    if not greys.size:
        return Dimensions(scale, area=area)
    whole = 0.0 if heat is None else float(heat.sum(dtype=np.float64))
    warm = float(heat[inside].sum(dtype=np.float64)) / whole if heat is not None and whole else None
    return Dimensions(
        scale, area=area, mean=float(greys.mean()), deviation=float(greys.std()), count=greys.size, heat=warm
    )


def box_of(points: Sequence[Point]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the box between two corners."""
    (x0, y0), (x1, y1) = points
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def region_mask(annotation: Annotation, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) the pixels whose centres lie in the ellipse or rectangle."""
    left, top, right, bottom = box_of(annotation.points)
    rows, columns = np.arange(shape[0]) + 0.5, np.arange(shape[1])[None]
    reach = np.full(shape[0], (right - left) / 2)
    if annotation.kind == "ellipse" and bottom > top:
        reach *= np.sqrt(np.maximum(0.0, 1 - ((rows - (top + bottom) / 2) / ((bottom - top) / 2)) ** 2))
    middle = (left + right) / 2
    first, last = np.ceil(middle - reach - 0.5)[:, None], np.ceil(middle + reach - 0.5)[:, None]
    within = ((rows >= top) & (rows < bottom))[:, None]
    return np.asarray(within & (columns >= first) & (columns < last))


def _distance(one: Point, other: Point, scale: PixelScale) -> float:
    return math.hypot((other[0] - one[0]) * scale.across, (other[1] - one[1]) * scale.down)


def _degrees(points: Sequence[Point], scale: PixelScale) -> float:
    first, second = (
        math.atan2((other[1] - one[1]) * scale.down, (other[0] - one[0]) * scale.across)
        for one, other in ((points[0], points[1]), (points[2], points[3]))
    )
    turn = abs(math.degrees(first - second))
    return 360 - turn if turn > 180 else turn


def _rounded(value: float, unit: str) -> str:
    return f"{value:.1f}" if unit == "mm" else f"{value:.0f}"
