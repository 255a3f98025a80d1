"""Two maps of one film: their signed difference, and figures of their agreement."""

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Literal

import cv2
import numpy as np
from scipy.stats import rankdata

from core.compare.grid import Area, Grid, area, one_film, placed, shares_of_peak
from core.models.findings import words
from core.types import Explanation, Heat, Radiograph, digest

Scale = Literal["raw", "peak"]

TOP = (5, 10, 20)  # % of the area: the hottest parts whose overlap is reported
PEAK = 0.01  # of the area: the hottest part, whose centre is the position of the maximum
_WINDOW = 11  # cells: SSIM's window
_DIGITS = 6  # precision of sums of heat
METHOD = "difference"
OF_PEAKS = "share of each map's peak"


@dataclass(frozen=True)
class Agreement:
    """The agreement of two maps of one film, on the part that both cover; NaN if not available.

    spearman, pearson: correlation of the heat over all places, by rank and by value, -1 to 1.
    ssim:    structural similarity, -1 to 1.
    overlap: per cent of the area -> intersection over union of that hottest part of either map, 0 to 1.
    shared:  share of the heat that the maps have in common, 0 to 1.
    distance_px, distance_mm: between the maxima; in mm only if the film's spacing is known.
    notes:   missing figures and parts left out, one sentence each.
    """

    spearman: float = math.nan
    pearson: float = math.nan
    ssim: float = math.nan
    overlap: Mapping[int, float] = field(default_factory=lambda: dict.fromkeys(TOP, math.nan))
    shared: float = math.nan
    distance_px: float = math.nan
    distance_mm: float = math.nan
    notes: tuple[str, ...] = ()

    def figures(self) -> dict[str, float]:
        """Name -> value, for tables and files."""
        tops = {f"overlap_{share}": value for share, value in self.overlap.items()}
        return {
            "spearman": self.spearman,
            "pearson": self.pearson,
            "ssim": self.ssim,
            **tops,
            "shared": self.shared,
            "distance_px": self.distance_px,
            "distance_mm": self.distance_mm,
        }


# Column titles of `Agreement.figures`.
TITLES: Mapping[str, str] = {
    "spearman": "rank correlation",
    "pearson": "correlation",
    "ssim": "SSIM",
    **{f"overlap_{share}": f"overlap of the hottest {share} %" for share in TOP},
    "shared": "heat in common",
    "distance_px": "distance of the maxima, px",
    "distance_mm": "distance of the maxima, mm",
}


Matrix = tuple[tuple[Agreement, ...], ...]


def difference(
    radiograph: Radiograph,
    a: Explanation,
    b: Explanation,
    *,
    scale: Scale = "raw",
    names: tuple[str, str] = ("A", "B"),
) -> Explanation:
    """A minus B as a signed map like any other, on the part that both maps cover.

    scale:   "raw" subtracts values, where both maps have the same unit and the same size in cells (a cell of a 7 × 7
             map holds four of a 14 × 14 one); "peak", and all other maps, divides each map by its own peak first.
             `unit` says which.
    names:   of the maps in title and caveat.
    Returns: (h, w) of the maps if their placements are equal, else on the grid of their common area. If one map has no
             negative values, those of the other are left out. void with a caveat if there is no difference.
    Raises:  BadData if a map is not of this film.
    """
    one_film(radiograph, (a, b))
    common = area(radiograph, (a.placement, b.placement))
    raw = scale == "raw" and a.unit == b.unit and a.heat.shape == b.heat.shape
    one, other = (_comparable(map_, both=a.signed and b.signed, raw=raw) for map_ in (a, b))
    caveats = [f"{name}: {map_.caveat}" for name, map_ in zip(names, (a, b), strict=True) if map_.caveat]
    box, heat, void = a.placement, np.zeros_like(a.heat), _no_difference(a, b, common, names)
    if not void and common and (a.placement, a.heat.shape) == (b.placement, b.heat.shape):
        heat = one - other
    elif not void and common:
        box, heat = common.placement, placed(one, a.placement, common) - placed(other, b.placement, common)
        caveats = [*_left_out(common), *caveats]
    if not void and not heat.any():
        void = "The two maps are the same, so there is no difference to draw."
    return Explanation(
        radiograph=radiograph.key,
        checkpoint=a.checkpoint if a.checkpoint == b.checkpoint else digest(a.checkpoint, b.checkpoint),
        heat=heat.astype(np.float32),
        placement=box,
        signed=True,
        unit=a.unit if raw else OF_PEAKS,
        method=METHOD,
        finding=a.finding if a.finding == b.finding else f"{words(a.finding)} − {words(b.finding)}",
        layer=a.layer if a.layer == b.layer else None,
        settings={"first": a.key, "second": b.key, "scale": "raw" if raw else "peak"},
        seconds=0.0,
        passes=(0, 0),
        title=f"{names[0]} − {names[1]}",
        cleaning=a.cleaning,
        bfloat16=a.bfloat16 or b.bfloat16,
        caveat=void or " ".join(caveats),
        void=bool(void),
    )


def agreement(
    radiograph: Radiograph, a: Explanation, b: Explanation, *, names: tuple[str, str] = ("A", "B")
) -> Agreement:
    """The agreement of two maps of this film, on a grid of `core.compare.grid.SIDE` cells along the film's long side.

    Only the part that both maps cover counts. Each map is divided by its peak there, so no figure depends on the unit.
    If one of the maps has no negative values, those of the other count as zero.

    spearman: Spearman 1904, ties with their mean rank.
    pearson:  as used for saliency, Bylinskii et al. 2016, arXiv:1604.03605 (CC).
    ssim:     Wang et al. 2004, doi:10.1109/TIP.2003.819861, with its Gaussian window (sigma 1.5, 11 cells) and a
              data_range of 1, or 2 where both maps are signed, since the maps are shares of their peaks; as Adebayo
              et al. 2018, arXiv:1810.03292, compare maps. Places where both are zero count as alike.
    overlap:  Jaccard 1912 of the hottest 5, 10 and 20 % of the area, as far as they are above zero. A plateau that
              does not fit in whole counts by the share of it that does, so ties need no arbitrary order.
    shared:   sum over places of the smaller of the two, each map scaled to a sum of 1: Swain and Ballard 1991,
              doi:10.1007/BF00130487 (histogram intersection), SIM of Bylinskii et al. 2016.
    distance: between the centres of mass of the hottest percent (with the whole plateau it ends in), of the piece of
              it that holds the maximum; where several do, of the one with most heat, then of the uppermost.
    overlap, shared and distance use positive evidence only.

    Raises:   BadData if a map is not of this film.
    """
    one_film(radiograph, (a, b))
    common = area(radiograph, (a.placement, b.placement))
    if common is None:
        return Agreement(notes=("The maps cover no common part of the film.",))
    one, other = _Seen(a, common), _Seen(b, common)
    return _agreement(radiograph, common, one, other, names)


def agreement_matrix(
    radiograph: Radiograph, maps: Sequence[Explanation], *, names: Sequence[str] | None = None
) -> Matrix:
    """`agreement` of every pair of maps; cell (i, j) is that of maps i and j, the same object as (j, i).

    names:   of the maps; by default A, B, C, ...
    Raises:  BadData if a map is not of this film.
    """
    one_film(radiograph, maps)
    names = names or lettered(len(maps))
    seen: dict[tuple[int, Area], _Seen] = {}

    def on(k: int, common: Area) -> _Seen:
        if (k, common) not in seen:
            seen[k, common] = _Seen(maps[k], common)
        return seen[k, common]

    pairs: dict[tuple[int, int], Agreement] = {}
    for i, j in combinations_with_replacement(range(len(maps)), 2):
        common = area(radiograph, (maps[i].placement, maps[j].placement))
        if common is None:
            each = Agreement(notes=("The maps cover no common part of the film.",))
        else:
            each = _agreement(radiograph, common, on(i, common), on(j, common), (names[i], names[j]))
        pairs[i, j] = pairs[j, i] = each
    return tuple(tuple(pairs[i, j] for j in range(len(maps))) for i in range(len(maps)))


def lettered(count: int) -> list[str]:
    """Names of tiles: A, B, C, ...; A1, B1, ... after Z."""
    letters = string.ascii_uppercase
    return [letters[i % 26] + (str(i // 26) if i >= 26 else "") for i in range(count)]


class _Seen:
    """One map on one area, with values shared by its pairs, computed on first use."""

    def __init__(self, explanation: Explanation, common: Area) -> None:
        self.explanation = explanation
        self.whole = shares_of_peak(explanation, common)

    @cached_property
    def heat(self) -> Grid:
        """The positive evidence, as shares of its own peak."""
        heat = self.whole.clip(min=0)
        return heat / (heat.max(initial=0.0) or 1.0)

    @cached_property
    def ranks(self) -> Grid:
        return np.asarray(rankdata(self.whole))

    @cached_property
    def positive_ranks(self) -> Grid:
        return np.asarray(rankdata(self.heat))

    @cached_property
    def top(self) -> dict[int, Grid]:
        return {share: hottest(self.heat, share / 100) for share in TOP}

    @cached_property
    def place(self) -> tuple[float, float]:
        return hottest_place(self.heat)


def hottest(heat: Grid, share: float) -> Grid:
    """How much of each cell belongs to the hottest `share` (0 to 1) of all cells, 0 to 1; cells at zero never do.

    The plateau at which the share ends belongs to it in part, so that all belongings add up to the share.
    """
    room = share * heat.size
    above_zero = heat > 0
    if above_zero.sum() <= room:
        return above_zero.astype(np.float64)
    level = np.partition(heat.ravel(), -math.ceil(room))[-math.ceil(room)]
    above, level_with = heat > level, heat == level
    return np.asarray(above + level_with * (room - above.sum()) / level_with.sum())


def hottest_place(heat: Grid) -> tuple[float, float]:
    """Row and column, in cells from the upper left edge, of the maximum; NaN where nothing is above zero.

    As `agreement` says under distance.
    """
    if not heat.max(initial=0.0) > 0:
        return math.nan, math.nan
    count, pieces = cv2.connectedComponents((hottest(heat, PEAK) > 0).astype(np.uint8), connectivity=8)
    weights = np.bincount(pieces.ravel(), weights=heat.ravel(), minlength=count).round(_DIGITS)
    holding, first = np.unique(pieces[heat == heat.max()], return_index=True)
    best = holding[np.lexsort((first, -weights[holding]))[0]]
    rows, columns = np.nonzero(pieces == best)
    row, column = np.average([rows, columns], axis=1, weights=heat[rows, columns])
    return float(row) + 0.5, float(column) + 0.5


def _agreement(radiograph: Radiograph, common: Area, a: _Seen, b: _Seen, names: tuple[str, str]) -> Agreement:
    notes = _left_out(common)
    named = list(zip(names, (a, b), strict=True))[: 1 if a.explanation is b.explanation else 2]
    flat = [name for name, seen in named if not seen.whole.any()]
    if flat:
        what = f"{' and '.join(flat)} {'shows' if len(flat) == 1 else 'show'} nothing, or the same everywhere"
        return Agreement(notes=(f"{what}: there is nothing to compare.", *notes))
    for name, seen in named:
        if seen.explanation.regions:
            notes.append(f"{name} has one value per zone: large zones count for more than small ones.")
        if not seen.heat.any():
            notes.append(f"Nothing in {name} supports the finding, so it has no hottest region.")
    signed = a.explanation.signed and b.explanation.signed
    one, other = (a.whole, b.whole) if signed else (a.heat, b.heat)
    ranks = (a.ranks, b.ranks) if signed else (a.positive_ranks, b.positive_ranks)
    px, mm = _distance(radiograph, common, a.place, b.place)
    if not math.isnan(px) and math.isnan(mm):
        notes.append("The file has no pixel size, so the distance is in pixels only.")
    if min(one.shape) < _WINDOW:
        notes.append("The common part of the film is too narrow for SSIM.")
    return Agreement(
        spearman=_correlation(*ranks),
        pearson=_correlation(one, other),
        ssim=_ssim(one, other, data_range=2.0 if signed else 1.0),
        overlap={share: _jaccard(a.top[share], b.top[share]) for share in TOP},
        shared=_shared(a.heat, b.heat),
        distance_px=px,
        distance_mm=mm,
        notes=tuple(notes),
    )


def _correlation(one: Grid, other: Grid) -> float:
    """Pearson's, -1 to 1; NaN where one of them does not vary."""
    one, other = one.ravel() - one.mean(), other.ravel() - other.mean()
    norm = math.sqrt(float(one @ one) * float(other @ other))
    return float(np.clip(float(one @ other) / norm, -1, 1)) if norm > 0 else math.nan


def _jaccard(one: Grid, other: Grid) -> float:
    if not one.any() or not other.any():
        return math.nan
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def _shared(one: Grid, other: Grid) -> float:
    if not one.any() or not other.any():
        return math.nan
    return float(np.minimum(one / one.sum(), other / other.sum()).sum())


def _ssim(one: Grid, other: Grid, *, data_range: float) -> float:
    if min(one.shape) < _WINDOW or not one.any() or not other.any():
        return math.nan
    from skimage.metrics import structural_similarity  # half a second to import

    similarity = structural_similarity(  # type: ignore[no-untyped-call]
        one, other, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(similarity)


def _distance(
    radiograph: Radiograph, common: Area, one: tuple[float, float], other: tuple[float, float]
) -> tuple[float, float]:
    """The distance of two places of the grid, in film pixels and in mm."""
    down, across = common.pitch
    rows, columns = (one[0] - other[0]) * down, (one[1] - other[1]) * across
    if radiograph.spacing is None:
        return math.hypot(rows, columns), math.nan
    return math.hypot(rows, columns), math.hypot(rows * radiograph.spacing[0], columns * radiograph.spacing[1])


def _left_out(common: Area) -> list[str]:
    if common.left_out < 0.005:
        return []
    return [f"{100 * common.left_out:.0f} % of the film is covered by only one of the maps and left out."]


def _comparable(map_: Explanation, *, both: bool, raw: bool) -> Heat:
    """The heat to subtract: signed if `both` maps are, else positive evidence only."""
    heat = map_.heat if both else map_.heat.clip(min=0)
    return heat if raw else np.asarray(heat / (np.abs(heat).max(initial=0.0) or 1.0), np.float32)


def _no_difference(a: Explanation, b: Explanation, common: Area | None, names: tuple[str, str]) -> str:
    """Why there is no difference, in one sentence, or empty."""
    nothing = [name for name, map_ in zip(names, (a, b), strict=True) if map_.void or not map_.peak > 0]
    if len(nothing) == 2:
        return "Neither map shows anything, so there is no difference to draw."
    if nothing:
        return f"{nothing[0]} shows nothing, so there is no difference to draw."
    return "" if common else "The maps cover no common part of the film, so there is no difference to draw."
