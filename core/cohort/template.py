"""The mean heat of many films, laid over each other by their lungs."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.image.prepare import enlarge
from core.types import Heat, Placement

SIDE = 96  # cells of the template
MARGIN = 0.3  # of the lungs' width and height around them


@dataclass(frozen=True, eq=False)
class LungTemplate:
    """heat:  (SIDE, SIDE) mean of the maps, each as shares of its sum, times the number of cells: 1 is an even map.
    film:  (SIDE, SIDE) mean grey of the thumbnails, 0 to 1; None without thumbnails.
    films: how many there are.
    """

    heat: NDArray[np.float32]
    film: NDArray[np.float32] | None
    films: int


def lung_template(
    rows: Sequence[Mapping[str, Any]], maps: Mapping[int, Mapping[str, Any]], thumbnails: Mapping[int, bytes]
) -> LungTemplate | None:
    """The template of the films that have lungs and a map; None if none has.

    rows: of the films, with `lung_x0` and so on; maps and thumbnails by the number of the film.
    """
    heat, film = np.zeros((SIDE, SIDE), np.float64), np.zeros((SIDE, SIDE), np.float64)
    mapped = pictured = 0
    for row in rows:
        known = maps.get(row["film"])
        if known is None or row["lung_x0"] is None or not known["heat"].max() > 0:
            continue
        place = Placement(known["x0"], known["y0"], known["x1"], known["y1"], known["turn"])
        own = _aligned(known["heat"].clip(min=0), place, row)
        if not own.sum() > 0:
            continue
        heat += own / own.sum() * own.size
        mapped += 1
        if row["film"] in thumbnails:
            grey = np.asarray(Image.open(io.BytesIO(thumbnails[row["film"]])).convert("L"), np.float32) / np.float32(
                255
            )
            film += _aligned(grey, Placement(0, 0, row["width"], row["height"]), row)
            pictured += 1
    if not mapped:
        return None
    return LungTemplate(
        (heat / mapped).astype(np.float32), (film / pictured).astype(np.float32) if pictured else None, mapped
    )


def _aligned(values: Heat, place: Placement, row: Mapping[str, Any]) -> Heat:
    """(SIDE, SIDE) the values in the frame of the film's lungs; 0 beyond them."""
    x0, x1 = row["lung_x0"] * row["width"], row["lung_x1"] * row["width"]
    y0, y1 = row["lung_y0"] * row["height"], row["lung_y1"] * row["height"]
    left, top = x0 - MARGIN * (x1 - x0), y0 - MARGIN * (y1 - y0)
    across = SIDE / ((x1 - x0) * (1 + 2 * MARGIN))
    down = SIDE / ((y1 - y0) * (1 + 2 * MARGIN))
    there = Placement(
        (place.x0 - left) * across,
        (place.y0 - top) * down,
        (place.x1 - left) * across,
        (place.y1 - top) * down,
        place.turn,
    )
    return np.nan_to_num(enlarge(values, there, (SIDE, SIDE)), nan=0.0)
