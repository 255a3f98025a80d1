"""Zones of a film by name: lungs, all outside them, markers, devices, the hottest tenth, anatomical regions."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core import device_network
from core.compare.anatomical_regions import AnatomicalRegions, anatomical_places
from core.compare.grid import placed, whole
from core.errors import BadSetting, NoLungs
from core.lung_network import dilated
from core.registry import unknown
from core.trust.measure import hottest
from core.types import Cleaning, Explanation, Radiograph

RIGHT, LEFT, BOTH, OUTSIDE = "right lung", "left lung", "both lungs", "outside the lungs"
MARKS, DEVICES, HOTTEST = "markers", "devices", "hottest tenth"
ZONES = (RIGHT, LEFT, BOTH, OUTSIDE, MARKS, DEVICES, HOTTEST)  # offered for every film; others only if they are found
_SHARE = 0.10  # of the film's area
_RIM = 0.01  # of the film's sides, around a mark or device
_THE = "the "


def zone_mask(
    name: str, radiograph: Radiograph, cleaning: Cleaning, explanation: Explanation | None = None
) -> NDArray[np.bool_]:
    """(H, W) the zone on the film; lungs with the rim of `core.lung_network.MARGIN` around them.

    explanation: the map for the hottest tenth.
    Raises: UnknownName; NoLungs if the zone needs lungs and none are found; BadSetting if the film has no such
            zone, or there is no map.
    """
    height, width = radiograph.pixels.shape
    if name == HOTTEST:
        return _hottest(radiograph, explanation)
    if name == DEVICES:
        return _devices(radiograph, cleaning)
    places = anatomical_places(radiograph, cleaning)
    if name == MARKS:
        return _marks(places, height, width)
    cells = _cells(name, places)
    return cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5


def zone_names(radiograph: Radiograph, cleaning: Cleaning) -> tuple[str, ...]:
    """The zones that can be named on this film."""
    places = anatomical_places(radiograph, cleaning)
    with_lungs = ZONES if places.lungs.any() else (MARKS, DEVICES, HOTTEST)
    return (*with_lungs, *(place.removeprefix(_THE) for place in places.names))


def _cells(name: str, places: AnatomicalRegions) -> NDArray[np.bool_]:
    """(h, w) the cells of a zone of the anatomy."""
    lung = places.lungs
    if name in (RIGHT, LEFT, BOTH, OUTSIDE):
        if not lung.any():
            raise NoLungs(f"The zone {name!r} needs lungs. {places.reason} Draw the region instead.")
        side = name.removesuffix(" lung") if name in (RIGHT, LEFT) else ""
        chosen = lung & np.array([place.startswith(f"{_THE}{side}") for place in places.names])
        cells: NDArray[np.bool_] = (chosen if name != OUTSIDE else ~lung)[places.labels]
        return cells
    names = [place.removeprefix(_THE) for place in places.names]
    if name.removeprefix(_THE) not in names:
        raise unknown("zone", name, [*ZONES, *names])
    return np.asarray(places.labels == names.index(name.removeprefix(_THE)))


def _marks(places: AnatomicalRegions, height: int, width: int) -> NDArray[np.bool_]:
    if not places.marks:
        raise BadSetting("No letter, text or arrow is found on this film. Draw the region instead.")
    mask = np.zeros((height, width), bool)
    for mark in places.marks:
        top, bottom = max(0, round((mark.y0 - _RIM) * height)), round((mark.y1 + _RIM) * height)
        left, right = max(0, round((mark.x0 - _RIM) * width)), round((mark.x1 + _RIM) * width)
        mask[top : max(bottom, top + 1), left : max(right, left + 1)] = True
    return mask


def _devices(radiograph: Radiograph, cleaning: Cleaning) -> NDArray[np.bool_]:
    mask = device_network.devices(radiograph, cleaning)
    if not mask.any():
        raise BadSetting("No cable, electrode, tube or pacemaker is found on this film. Draw the region instead.")
    return dilated(mask, _RIM)


def _hottest(radiograph: Radiograph, explanation: Explanation | None) -> NDArray[np.bool_]:
    """The hottest tenth of the film; less if the map has no more heat."""
    height, width = radiograph.pixels.shape
    if explanation is None or explanation.void:
        raise BadSetting("There is no map, so there is no hottest tenth. Choose a method with a map, or draw a region.")
    heat = placed(explanation.heat, explanation.placement, whole(radiograph))
    cells = hottest(heat, _SHARE).astype(np.float32)
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR) >= 0.5
