"""Figures of one map: its maximum, how far it spreads, where it points, how much of it lies in the lungs."""

import math
from typing import Any

import numpy as np

from core.cohort.decode import FilmRegions
from core.compare.grid import placed
from core.image.prepare import upright
from core.types import Explanation


def map_statistics(explanation: Explanation, size: tuple[int, int], regions: FilmRegions | None) -> dict[str, Any]:
    """The columns `map_*` and `lung_share`; positive evidence only, null for a map that shows none.

    size: height and width of the film in pixels.
    """
    heat = explanation.heat
    known = {"map_maximum": float(heat.max()), "map_caveat": explanation.caveat or None}
    if explanation.void or not np.isfinite(heat).all() or not heat.max() > 0:
        return known
    shares = upright(heat, explanation.placement).clip(min=0).astype(np.float64)
    shares = shares / shares.sum()
    return known | _spread(shares) | _centre(shares, explanation, size) | _in_regions(explanation, regions)


def _spread(shares: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, float]:
    """Shannon entropy as a share of its largest possible value."""
    if shares.size < 2:
        return {}
    some = shares[shares > 0]
    return {"map_entropy": abs(float(-(some * np.log(some)).sum())) / math.log(shares.size)}


def _centre(
    shares: "np.ndarray[Any, np.dtype[np.float64]]", explanation: Explanation, size: tuple[int, int]
) -> dict[str, float]:
    """Centre of mass on the film; shares (h, w) as the film is stored."""
    place = explanation.placement
    rows, columns = shares.shape
    across = float(shares.sum(axis=0) @ (np.arange(columns) + 0.5)) / columns
    down = float(shares.sum(axis=1) @ (np.arange(rows) + 0.5)) / rows
    left, right = min(place.x0, place.x1), max(place.x0, place.x1)
    return {
        "map_x": (left + across * (right - left)) / size[1],
        "map_y": (place.y0 + down * (place.y1 - place.y0)) / size[0],
    }


def _in_regions(explanation: Explanation, regions: FilmRegions | None) -> dict[str, Any]:
    if regions is None:
        return {}
    heat = placed(explanation.heat.clip(min=0), explanation.placement, regions.grid)
    sums = np.bincount(regions.labels.ravel(), weights=heat.ravel(), minlength=len(regions.names))
    if not sums.sum() > 0:
        return {}
    if explanation.regions:  # one value per zone: shares would favour large zones
        cells = np.bincount(regions.labels.ravel(), minlength=len(regions.names))
        return {"map_zone": regions.names[int((sums / cells).argmax())]}
    share = float(sums[regions.lungs].sum() / sums.sum()) if regions.box else None
    return {"map_zone": regions.names[int(sums.argmax())], "lung_share": share}
