"""A film cut into a few regions that can be hidden whole: anatomical zones or superpixels."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import NoLungs
from core.explain.evidence import Evidence
from core.explain.method import Bounds, Choice
from core.types import Heat

RegionKind = Annotated[Literal["zones", "superpixels"], Choice("regions to hide: lung zones or superpixels")]
RegionCount = Annotated[int, Bounds(4, 200, "approximate number of superpixels; no effect on zones")]
LungMask = NDArray[np.bool_]

SIDES = ("right", "left")  # the patient's
HEIGHTS = ("upper", "middle", "lower")  # thirds of a lung
HEART = "heart and mediastinum"
OUTSIDE = "outside"
_COMPACT = 0.3  # of superpixels: 32 of them hold 0.87 of the variance of grey on 8 films; SLICO 0.65, squares less
_MIDDLE = 1 / 3  # of the lungs' width, about its middle: where two lungs in one piece are separated


@dataclass(frozen=True, eq=False)
class Regions:
    """names: (n,) of the regions; labels: (S, S) int64, which of them each pixel belongs to, 0 to n - 1."""

    names: tuple[str, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    def mask(self, device: torch.device) -> Tensor:
        """(1, 1, S, S) the labels, as Captum's `feature_mask`."""
        return torch.from_numpy(self.labels)[None, None].to(device)


def regions_of(evidence: Evidence, kind: str, number: int) -> Regions:
    """The film's regions, computed once for all maps. Raises: NoLungs if zones need lungs and there are none."""
    if kind == "zones":
        try:
            return evidence.tape.remember("zones", lambda: zones(evidence.lungs()))
        except NoLungs as error:
            raise NoLungs(f"{error} Choose superpixels as regions: they need no lungs.") from error
    grey = ((evidence.image - evidence.black) / (evidence.white - evidence.black)).mean(dim=0)
    return evidence.tape.remember(("superpixels", number), lambda: superpixels(grey.float().cpu().numpy(), number))


def zones(lungs: LungMask) -> Regions:
    """The thirds of each lung, the mediastinum between them, and the rest; empty ones are left out.

    lungs: (S, S) bool, of a frontal film that is shown as usual: the patient's right is on the left.
    """
    right, left = _parted(lungs)
    masks: dict[str, LungMask] = {}
    for side, lung in zip(SIDES, (right, left), strict=True):
        for height, third in zip(HEIGHTS, _thirds(lung), strict=True):
            masks[lung_zone(side, height)] = third
    masks[HEART] = _between(right, left)
    labels = np.full(lungs.shape, len(masks), np.int64)
    for index, mask in enumerate(masks.values()):
        labels[mask] = index
    present, labels = np.unique(labels, return_inverse=True)
    names = (*masks, OUTSIDE)
    return Regions(tuple(names[index] for index in present), labels.reshape(lungs.shape))


def lung_zone(side: str, height: str) -> str:
    """The name of that third of that lung in `zones`."""
    return f"{side} lung, {height} third"


def superpixels(grey: Heat, number: int) -> Regions:
    """Compact patches of similar grey, about `number` of them; the same film gives the same ones.

    grey:   (S, S), 0 black to 1 white.
    Source: Achanta et al. 2012, doi:10.1109/TPAMI.2012.120 (SLIC).
    """
    from skimage.segmentation import slic  # half a second to import, and only superpixels need it

    segments = slic(grey, n_segments=number, compactness=_COMPACT, sigma=1, channel_axis=None, start_label=0)
    _, labels = np.unique(segments, return_inverse=True)
    labels = labels.reshape(grey.shape).astype(np.int64)
    return Regions(tuple(f"superpixel {index + 1}" for index in range(int(labels.max()) + 1)), labels)


def painted(regions: Regions, values: Tensor) -> Tensor:
    """(1, S, S) map with each region filled with its value; values (n,)."""
    return values[torch.from_numpy(regions.labels).to(values.device)][None]


def _parted(lungs: LungMask) -> tuple[LungMask, LungMask]:
    """The patient's right and left lung, by pieces; where they are one piece, by its narrowest column."""
    columns = np.flatnonzero(lungs.any(axis=0))
    first, last = (int(columns[0]), int(columns[-1])) if len(columns) else (0, 0)
    middle = (first + last) / 2
    count, pieces, numbers, centres = cv2.connectedComponentsWithStats(lungs.astype(np.uint8))
    on_right = centres[:, 0] < middle
    areas = numbers[1:, cv2.CC_STAT_AREA]
    two = 1 + np.argsort(areas)[-2:]
    if count > 2 and on_right[two].sum() == 1:
        right = lungs & on_right[pieces]
    else:
        reach = _MIDDLE / 2 * (last - first)
        start, stop = int(middle - reach), int(middle + reach) + 1
        column = start + int(lungs[:, start:stop].sum(axis=0).argmin())
        right = lungs & (np.arange(lungs.shape[1]) < column)
    return right, lungs & ~right


def _thirds(lung: LungMask) -> list[LungMask]:
    """The upper, middle and lower third of a lung's height."""
    rows = np.flatnonzero(lung.any(axis=1))
    if not len(rows):
        return [lung] * 3
    edges = np.linspace(rows[0], rows[-1] + 1, 4).round()
    row = np.arange(len(lung))[:, None]
    return [lung & (row >= above) & (row < below) for above, below in pairwise(edges)]


def _between(right: LungMask, left: LungMask) -> LungMask:
    """What lies between the lungs in the rows that both of them reach."""
    past_right = right[:, ::-1].cumsum(axis=1)[:, ::-1] == 0
    before_left = left.cumsum(axis=1) == 0
    both = right.any(axis=1, keepdims=True) & left.any(axis=1, keepdims=True)
    return np.asarray(past_right & before_left & both)
