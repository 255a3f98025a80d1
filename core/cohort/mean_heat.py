"""The mean heat of many films, aligned by their lungs."""

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
FEWEST = 10  # films that a difference needs
_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class LungTemplate:
    """heat:  (SIDE, SIDE) mean of the maps, each as shares of its sum, times the number of cells: 1 is an even map.
    film:  (SIDE, SIDE) mean grey of the thumbnails, 0 to 1; None without thumbnails.
    films: their number.
    """

    heat: NDArray[np.float32]
    film: NDArray[np.float32] | None
    films: int


@dataclass(frozen=True, eq=False)
class TemplateDifference:
    """mean:    (SIDE, SIDE) first minus second, in multiples of an even map.
    differs: (SIDE, SIDE) bool, cells beyond `limit`, which chance exceeds anywhere in 5 % of cases.
    films:   their number.
    """

    mean: NDArray[np.float32]
    differs: NDArray[np.bool_]
    limit: float
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
        own = aligned_heat(row, maps.get(row["film"]))
        if own is None:
            continue
        heat += own
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


def template_difference(
    rows: Sequence[Mapping[str, Any]],
    first: Mapping[int, Mapping[str, Any]],
    second: Mapping[int, Mapping[str, Any]],
    *,
    seed: int = 0,
) -> TemplateDifference | None:
    """The mean heat of one model's maps minus that of another's on the same films; None with fewer than ten of them.

    Cells are tested together: the signs of the films' differences are drawn at random 1,000 times, and a cell differs
    if it exceeds the largest cell of 95 % of the draws.
    rows:  of the films, with `lung_x0` and so on; first, second: maps by the number of the film.
    Source: Nichols and Holmes 2002, doi:10.1002/hbm.1058.
    """
    pairs = ((aligned_heat(row, first.get(row["film"])), aligned_heat(row, second.get(row["film"]))) for row in rows)
    differences = [one - other for one, other in pairs if one is not None and other is not None]
    if len(differences) < FEWEST:
        return None
    flat = np.stack(differences).reshape(len(differences), -1).astype(np.float32)
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), (_DRAWS, len(flat)))
    largest = np.abs(signs @ flat / len(flat)).max(axis=1)
    mean = flat.mean(axis=0).reshape(SIDE, SIDE)
    limit = float(np.quantile(largest, 0.95))
    return TemplateDifference(mean, np.abs(mean) > limit, limit, len(flat))


def aligned_heat(row: Mapping[str, Any], known: Mapping[str, Any] | None) -> Heat | None:
    """(SIDE, SIDE) the positive heat of a map in the frame of the lungs, 1 on average; None without lungs or heat."""
    if known is None or row["lung_x0"] is None or not known["heat"].max() > 0:
        return None
    place = Placement(known["x0"], known["y0"], known["x1"], known["y1"], known["turn"])
    own = _aligned(known["heat"].clip(min=0), place, row)
    return own / own.sum() * own.size if own.sum() > 0 else None


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
