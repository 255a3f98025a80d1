"""Maps of one film resampled to a common grid, each by its own placement."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BadData
from core.image.prepare import enlarge
from core.types import Explanation, Heat, Placement, Radiograph

SIDE = 256  # grid cells along the film's long side; fixed, so that figures are comparable between films and maps
_FLAT = 1e-6  # share of the peak: a map that varies less is constant
_DIGITS = 6  # rounding of shares of the peak, so that interpolation does not break ties

Grid = NDArray[np.float64]


@dataclass(frozen=True)
class Area:
    """The part of a film that several maps all cover; a rectangle, like placements.

    x0, y0, x1, y1: its edges in film pixels.
    rows, columns:  cells of the grid over it, square and `SIDE` to the film's long side.
    left_out:       share of the film, 0 to 1, covered by some of the maps only.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    rows: int
    columns: int
    left_out: float

    @property
    def placement(self) -> Placement:
        return Placement(self.x0, self.y0, self.x1, self.y1)

    @property
    def pitch(self) -> tuple[float, float]:
        """Film pixels per cell: down, across."""
        return (self.y1 - self.y0) / self.rows, (self.x1 - self.x0) / self.columns


def one_film(radiograph: Radiograph, maps: Sequence[Explanation]) -> None:
    """Raises: BadData if one of the maps is not of this film."""
    strangers = [map_ for map_ in maps if map_.radiograph != radiograph.key]
    if strangers:
        raise BadData(
            f"{len(strangers)} of the {len(maps)} maps {'is' if len(strangers) == 1 else 'are'} of another film than "
            f"{radiograph.name}; only maps of one film can be laid over each other. Choose maps of the same film."
        )


def area(radiograph: Radiograph, placements: Sequence[Placement]) -> Area | None:
    """The part of the film that all placements cover, or None."""
    height, width = radiograph.pixels.shape
    boxes = [_on_film(placement, height, width) for placement in placements]
    x0, y0 = (max(box[edge] for box in boxes) for edge in (0, 1))
    x1, y1 = (min(box[edge] for box in boxes) for edge in (2, 3))
    if x1 <= x0 or y1 <= y0:
        return None
    pitch = max(height, width) / SIDE
    union = _union(boxes)
    return Area(
        x0,
        y0,
        x1,
        y1,
        rows=max(1, round((y1 - y0) / pitch)),
        columns=max(1, round((x1 - x0) / pitch)),
        left_out=(union - (x1 - x0) * (y1 - y0)) / (height * width),
    )


def whole(radiograph: Radiograph) -> Area:
    """The whole film."""
    height, width = radiograph.pixels.shape
    pitch = max(height, width) / SIDE
    return Area(0, 0, width, height, max(1, round(height / pitch)), max(1, round(width / pitch)), 0.0)


def placed(heat: Heat, placement: Placement, area: Area) -> Heat:
    """The map on the grid of the area, in its own unit.

    heat:    (h, w), which covers the placement.
    Returns: (rows, columns) float32, as `core.image.prepare.enlarge` would show it there; 0 beyond the placement.
    """
    down, across = area.pitch
    there = Placement(
        (placement.x0 - area.x0) / across,
        (placement.y0 - area.y0) / down,
        (placement.x1 - area.x0) / across,
        (placement.y1 - area.y0) / down,
        placement.turn,
    )
    return np.nan_to_num(enlarge(heat, there, (area.rows, area.columns)), nan=0.0)


def shares_of_peak(explanation: Explanation, area: Area) -> Grid:
    """(rows, columns) the map on the grid as shares of the peak it has there, -1 to 1; flat or void ones all zero."""
    if explanation.void or not np.isfinite(explanation.heat).all():
        return np.zeros((area.rows, area.columns))
    heat = placed(explanation.heat, explanation.placement, area).astype(np.float64)
    peak = float(np.abs(heat).max(initial=0.0))
    if not peak > 0 or float(np.ptp(heat)) <= _FLAT * peak:
        return np.zeros_like(heat)
    return np.round(heat / peak, _DIGITS)


def _on_film(box: Placement, height: int, width: int) -> tuple[float, float, float, float]:
    return max(box.x0, 0.0), max(box.y0, 0.0), min(box.x1, float(width)), min(box.y1, float(height))


def _union(boxes: Sequence[tuple[float, float, float, float]]) -> float:
    """Film pixels that at least one of the boxes covers."""
    xs, ys = (np.unique([box[edge] for box in boxes for edge in edges]) for edges in ((0, 2), (1, 3)))
    covered = np.zeros((len(ys) - 1, len(xs) - 1), bool)
    for x0, y0, x1, y1 in boxes:
        covered |= ((ys[:-1] >= y0) & (ys[1:] <= y1))[:, None] & ((xs[:-1] >= x0) & (xs[1:] <= x1))
    return float((covered * np.diff(ys)[:, None] * np.diff(xs)).sum())
