"""A film divided into anatomical regions, and the regions where a map looks."""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from core import lung_network
from core.compare.grid import Grid, one_film, placed, whole
from core.errors import NoLungs
from core.explain.regions import HEART, HEIGHTS, OUTSIDE, SIDES, lung_zone, zones
from core.image.arrangement import turned
from core.image.film_checks import place
from core.image.marks import Mark, marks
from core.image.prepare import read_box
from core.image.small_film import Look
from core.types import Cleaning, Explanation, Radiograph

RIM = 0.10  # of the film's width and height: width of its edge, as in core.trust.edge
EVEN = 0.20  # of the heat: a map that differs from an even one by no more singles out no place
_NEAR = 0.05  # of the film's long side, or one cell of the map: distance from a mark within which heat counts as on it
_HEART = f"the {HEART}"

RegionMask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class AnatomicalRegions:
    """The regions of one film, on a grid of `core.compare.grid.SIDE` cells along its long side.

    names:  (n,) "the right lower lung", "the heart and mediastinum", "the film's upper left corner", ...; right and
            left are the patient's, by the file or else as frontal films are hung; the film's edges are named as stored.
    labels: (h, w) which of them each cell belongs to, 0 to n - 1.
    lungs:  (n,) whether it is a part of the lungs; their outline and a rim of `core.lung_network.MARGIN` around it.
    outside: (n,) whether it is known to lie outside the lungs and the heart.
    reason: why there are no lungs among them, or empty.
    """

    radiograph: Radiograph
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    lungs: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    reason: str

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """Letters, text and arrows in the pixels, from the film checks."""
        return tuple(marks(Look(self.radiograph).whole))


@dataclass(frozen=True)
class HeatLocation:
    """Where one map looks: positive evidence only.

    places: (name, share of the heat) of each place that has some, most first; empty for a map that shows nothing.
            In a map with one value per zone the zone of the highest value comes first, without shares (NaN),
            which would favour large zones.
    outside: names of those places that are known to lie outside the lungs and the heart.
    lungs:  share of the heat in the lungs and their rim; NaN without lungs or shares.
    mark:   the burnt-in mark where most of the heat lies, if that is outside the lungs: "text", "a letter or mark";
            empty if there is none.
    even:   True if the heat is spread evenly over the film.
    """

    places: tuple[tuple[str, float], ...] = ()
    outside: frozenset[str] = frozenset()
    lungs: float = math.nan
    mark: str = ""
    even: bool = False

    @property
    def place(self) -> str:
        """The place with most of the heat; empty for a flat map."""
        return self.places[0][0] if self.places else ""

    @property
    def share(self) -> float:
        """Share of the heat there, 0 to 1."""
        return self.places[0][1] if self.places else math.nan


def anatomical_places(radiograph: Radiograph, cleaning: Cleaning | None = None) -> AnatomicalRegions:
    """The regions of a frontal film: thirds of each lung, heart and mediastinum, and the surroundings.

    The lungs come first, then heart and mediastinum, then the film's edge (its outer tenth, without margins), then
    shoulders, neck, chest wall and upper abdomen. Without lungs, the film in three rows and columns.

    cleaning: that of the maps; its quarter turns make the film upright, and cropped borders are left out.
    """
    cleaning = cleaning or Cleaning()
    canvas = whole(radiograph)
    try:
        outline, lies = lung_network.outline(radiograph, cleaning)
    except NoLungs as error:
        names, labels = _named(_thirds(canvas.rows, canvas.columns))
        nowhere = np.zeros(len(names), bool)
        return AnatomicalRegions(radiograph, names, labels, nowhere, nowhere, str(error))
    upright = turned(placed(outline, lies, canvas) > 0.5, cleaning)
    hung = slice(None, None, -1 if _mirrored(radiograph, cleaning) else 1)  # as frontal films are hung
    back = slice(None, None, -1 if cleaning.mirror else 1)
    lungs, heart, around = (
        {name: np.rot90(mask[:, hung], -cleaning.turn)[:, back] for name, mask in layers.items()}
        for layers in _anatomy(upright[:, hung])
    )
    box = read_box(radiograph, cleaning)
    edges = _edges(canvas.rows, canvas.columns, [edge / canvas.pitch[0] for edge in box])
    outside = edges | around
    names, labels = _named(lungs | heart | outside)
    return AnatomicalRegions(
        radiograph,
        names,
        labels,
        np.array([name in lungs for name in names]),
        np.array([name in outside for name in names]),
        "",
    )


def locate_heat(places: AnatomicalRegions, explanation: Explanation) -> HeatLocation:
    """The regions where the map looks. Raises: BadData if it is of another film."""
    one_film(places.radiograph, (explanation,))
    if explanation.void or not np.isfinite(explanation.heat).all() or not explanation.heat.max(initial=0.0) > 0:
        return HeatLocation()
    canvas = whole(places.radiograph)
    heat = placed(explanation.heat.clip(min=0), explanation.placement, canvas).astype(np.float64)
    cells = np.bincount(places.labels.ravel(), minlength=len(places.names))
    sums = np.bincount(places.labels.ravel(), weights=heat.ravel(), minlength=len(places.names))
    if not sums.sum() > 0:
        return HeatLocation()
    zoned = bool(explanation.regions)
    shares, areas = sums / sums.sum(), cells / cells.sum()
    weight = sums / cells if zoned else shares
    order = [index for index in np.argsort(-weight, kind="stable").tolist() if sums[index] > 0]
    first = order[0]
    beyond = not places.lungs[first] and places.names[first] != _HEART
    return HeatLocation(
        places=tuple((places.names[index], math.nan if zoned else float(shares[index])) for index in order),
        outside=frozenset(places.names[index] for index in np.flatnonzero(places.outside)),
        lungs=float(shares[places.lungs].sum()) if places.lungs.any() and not zoned else math.nan,
        mark=_mark(places, explanation, np.where(places.labels == first, heat, 0)) if beyond else "",
        even=not zoned and float(np.abs(shares - areas).sum() / 2) <= EVEN,
    )


def _mirrored(radiograph: Radiograph, cleaning: Cleaning) -> bool:
    """Whether the patient's right is on the right of the displayed film, by the file."""
    if radiograph.orientation is None:
        return False
    turn = (-cleaning.turn if cleaning.mirror else cleaning.turn) % 4  # mirroring reverses the turn
    stored = radiograph.orientation[turn % 2] == ("R", "R", "L", "L")[turn]
    known = radiograph.orientation[turn % 2] in "RL"
    return (stored != cleaning.mirror) if known else False


def _named(layers: dict[str, RegionMask]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names and labels of the masks, (h, w) each; a cell belongs to the first mask that contains it."""
    masks = np.stack(list(layers.values()))
    present, labels = np.unique(masks.argmax(axis=0), return_inverse=True)
    names = list(layers)
    return tuple(names[index] for index in present), labels.reshape(masks.shape[1:]).astype(np.int64)


def _thirds(rows: int, columns: int) -> dict[str, RegionMask]:
    """The film in three rows and columns, named as in the film checks."""
    layers: dict[str, RegionMask] = {}
    third_y, third_x = (np.arange(side) * 3 // side for side in (rows, columns))
    for y in range(3):
        for x in range(3):
            where = place((x + 0.5) / 3, (y + 0.5) / 3)
            name = f"the film's {where}" if where != "the middle" else "the middle of the film"
            layers[name] = (third_y == y)[:, None] & (third_x == x)
    return layers


def _edges(rows: int, columns: int, box: list[float]) -> dict[str, RegionMask]:
    """The outer tenth of the film within its box (x0, y0, x1, y1 in cells): four corners, four edges."""
    y, x = (
        (np.arange(side) + 0.5 - start) / (stop - start)
        for side, start, stop in ((rows, box[1], box[3]), (columns, box[0], box[2]))
    )
    rim = ((y < RIM) | (y >= 1 - RIM))[:, None] | (x < RIM) | (x >= 1 - RIM)
    layers: dict[str, RegionMask] = {}
    for vertical, across_rows in (("upper", y < 1 / 3), ("lower", y >= 2 / 3)):
        for side, across_columns in (("left", x < 1 / 3), ("right", x >= 2 / 3)):
            layers[f"the film's {vertical} {side} corner"] = rim & across_rows[:, None] & across_columns
        layers[f"the film's {vertical} edge"] = rim & across_rows[:, None]
    for side, across_columns in (("left", x < 1 / 3), ("right", x >= 2 / 3)):
        layers[f"the film's {side} edge"] = rim & across_columns
    return layers


def _anatomy(lungs: RegionMask) -> tuple[dict[str, RegionMask], dict[str, RegionMask], dict[str, RegionMask]]:
    """The regions of an upright frontal film (h, w): lungs, heart, surroundings; they cover every cell."""
    areas = zones(lungs)
    drawn = {name: areas.labels == index for index, name in enumerate(areas.names)}
    # Pleura, ribs and errors of the outline belong to the nearest third, unless another region has the cell.
    away, nearest = cv2.distanceTransformWithLabels(
        (~lungs).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.int64)
    owner[nearest[lungs]] = areas.labels[lungs]
    rim = drawn.get(OUTSIDE, np.zeros_like(lungs)) & (away <= lung_network.MARGIN * max(lungs.shape))
    thirds: dict[str, RegionMask] = {}
    halves = []
    for side in SIDES:
        present = {height: zone for height in HEIGHTS if (zone := lung_zone(side, height)) in drawn}
        for height, zone in present.items():
            thirds[f"the {side} {height} lung"] = drawn[zone] | (rim & (owner[nearest] == areas.names.index(zone)))
        halves.append(np.any([drawn[zone] for zone in present.values()], axis=0))
    right, left = halves
    heart = {_HEART: drawn[HEART]} if HEART in drawn else {}
    return thirds, heart, _around(right, left)


def _around(right: RegionMask, left: RegionMask) -> dict[str, RegionMask]:
    """Shoulders, neck, chest walls and upper abdomen, by their position relative to the lungs (h, w)."""
    row, column = np.arange(right.shape[0])[:, None], np.arange(right.shape[1])
    apex, top, third, bottom, middle = {}, {}, {}, {}, {}
    for side, lung in zip(SIDES, (right, left), strict=True):
        rows = np.flatnonzero(lung.any(axis=1))
        top[side], bottom[side] = int(rows[0]), int(rows[-1])
        third[side] = rows[0] + (rows[-1] - rows[0]) / 3
        apex[side] = float(np.nonzero(lung[top[side] : top[side] + max(1, len(rows) // 10)])[1].mean())
        middle[side] = float(np.nonzero(lung)[1].mean())
    on_right = column < (middle["right"] + middle["left"]) / 2
    high = np.where(on_right, top["right"], top["left"])
    shoulder = np.where(on_right, third["right"], third["left"])
    low = np.where(on_right, bottom["right"], bottom["left"])
    lateral = np.where(on_right, _beyond(right[:, ::-1])[:, ::-1], _beyond(left))
    neck = (row < high) & (column > apex["right"]) & (column < apex["left"])
    layers = {"the neck": neck, "the upper abdomen": row > low}
    for side, here in (("right", on_right), ("left", ~on_right)):
        layers[f"the {side} shoulder"] = here & ((row < high) | (lateral & (row < shoulder)))
        layers[f"the {side} chest wall"] = here & lateral
    # The rest lies between the lungs in rows that one of them does not reach, or in a bay of one.
    rest = ~np.any(list(layers.values()), axis=0)
    layers["the neck"] = neck | (rest & (row < max(top.values())))
    layers["the upper abdomen"] |= rest & (row >= max(top.values()))
    return layers


def _beyond(lung: RegionMask) -> RegionMask:
    """(h, w) what lies to the right of the lung on the screen, in the rows that it reaches."""
    return np.asarray((lung[:, ::-1].cumsum(axis=1)[:, ::-1] == 0) & lung.any(axis=1, keepdims=True))


def _mark(places: AnatomicalRegions, explanation: Explanation, heat: Grid) -> str:
    """The burnt-in mark where the heat (h, w) is strongest; empty if there is none."""
    rows, columns = heat.shape
    box = explanation.placement
    pitch = whole(places.radiograph).pitch[0]
    cell = max((box.y1 - box.y0) / explanation.heat.shape[0], (box.x1 - box.x0) / explanation.heat.shape[1]) / pitch
    reach = max(cell, _NEAR * max(rows, columns))
    y, x = (float(at) + 0.5 for at in np.unravel_index(int(heat.argmax()), heat.shape))
    for mark in sorted(places.marks, key=lambda mark: (-mark.pieces, mark.y0, mark.x0)):
        beside = max(mark.x0 * columns - x, 0.0, x - mark.x1 * columns)
        above = max(mark.y0 * rows - y, 0.0, y - mark.y1 * rows)
        if math.hypot(beside, above) <= reach:
            return "text" if mark.pieces >= 3 else "a letter or mark"
    return ""
