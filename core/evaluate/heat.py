"""Where a method's heat lies, film by film, against masks of lungs, lesions and devices."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import NoLungs, OneCell
from core.estimate import Estimate
from core.evaluate.intervals import REPEATS, bootstrap, proportion
from core.evaluate.manifest import Row, mask, row_radiograph
from core.explain.ensemble import explain_any
from core.explain.method import methods
from core.explain.run import Request
from core.film_stream import film_batches
from core.image.prepare import enlarge
from core.lung_network import MARGIN, dilated, segment
from core.models.ensemble import Model
from core.types import Heat, Radiograph

TOLERANCE = 0.03  # of the film's long side: largest distance at which the hottest place hits a lesion
_BATCH = 4  # films read at a time, at full size
LEVEL = 0.5  # of the map's largest value: threshold of the region that it shows

FilmMask = NDArray[np.bool_]


@dataclass(frozen=True)
class Shares:
    """The figures of one map; None without the mask, NaN for a flat map.

    lung_ratio, lung_ratio_strict: share of the heat in the dilated lungs and in the lungs as drawn.
    lung_area, device_area: share of the film that the dilated lungs and the devices cover, an even map's share.
    device_ratio: share of the heat on devices.
    lesion_ratio, lesion_area: share of the heat on lesions, and of the film that they cover.
    hit, overlap: whether the hottest place hits a lesion, and the overlap (IoU) of the region shown with the lesions.
    """

    patient: str
    flat: bool
    lung_ratio: float | None = None
    lung_ratio_strict: float | None = None
    lung_area: float | None = None
    device_ratio: float | None = None
    device_area: float | None = None
    lesion_ratio: float | None = None
    lesion_area: float | None = None
    hit: bool | None = None
    overlap: float | None = None


@dataclass(frozen=True, eq=False)
class Masks:
    """The masks of one film, (H, W) bool each, or None."""

    lungs: FilmMask | None = None
    lesions: FilmMask | None = None
    devices: FilmMask | None = None


def heat_figures(
    classifier: Model,
    rows: Sequence[Row],
    *,
    method: str = "grad-cam",
    lungs: bool = False,
    repeats: int = REPEATS,
) -> dict[str, Any]:
    """Where the method's maps of the labelled findings, at the last stage, lie; films without a mask are skipped.

    lungs:   True to find the lungs of films that have no lungs mask; those without lungs are counted as refused.
    Returns: lung_ratio, lung_ratio_strict, lung_area, hit_rate, miou, lesion_ratio, lesion_area, device_ratio,
             device_area: an estimate each, its n 0 if no film has the mask; heat: the method, its settings, how many
             maps were flat (they miss every lesion and have no ratio), how many films were refused.
    Raises:  UnknownName for an unknown method; BadData if a mask cannot be used.
    """
    plain = methods[method].title
    refused: list[str] = []
    shares = list(_all(classifier, rows, method, lungs, refused))
    result = {
        name: _mean(shares, name, repeats).card()
        for name in ("lung_ratio", "lung_ratio_strict", "lung_area", "device_ratio", "device_area")
    }
    result |= lesion_estimates(shares, repeats)
    settings: dict[str, Any] = {"method": method, "title": plain, "maps": len(shares)}
    settings |= {"flat": sum(each.flat for each in shares), "refused": len(refused)}
    settings |= {"margin": MARGIN, "tolerance": TOLERANCE, "level": LEVEL}
    return {**result, "heat": settings}


def shares(heat: Heat, masks: Masks, patient: str) -> Shares:
    """The figures of one map.

    heat: (H, W) over the film, NaN outside the network's view; negative values count as zero.
    """
    heat = np.nan_to_num(heat, nan=0.0).clip(min=0)
    flat = not heat.max() > 0
    result: dict[str, Any] = {}
    if masks.lungs is not None:
        wide = dilated(masks.lungs)
        result["lung_ratio"] = inside_ratio(heat, wide)
        result["lung_ratio_strict"] = inside_ratio(heat, masks.lungs)
        result["lung_area"] = float(wide.mean())
    if masks.devices is not None:
        result["device_ratio"] = inside_ratio(heat, masks.devices)
        result["device_area"] = float(masks.devices.mean())
    if masks.lesions is not None and masks.lesions.any():
        result["lesion_ratio"] = inside_ratio(heat, masks.lesions)
        result["lesion_area"] = float(masks.lesions.mean())
        result["hit"] = not flat and hits(heat, masks.lesions)
        result["overlap"] = 0.0 if flat else overlap(heat >= LEVEL * heat.max(), masks.lesions)
    return Shares(patient, flat, **result)


def inside_ratio(heat: Heat, inside: FilmMask) -> float:
    """Share of the heat (H, W), >= 0, inside the mask; 0 to 1, NaN where heat is all zero.

    Source: Kohlbrenner et al. 2020, arXiv:1910.09840 (inside-total ratio).
    """
    total = float(heat.sum(dtype=np.float64))
    return float(heat[inside].sum(dtype=np.float64)) / total if total > 0 else float("nan")


def hits(heat: Heat, lesions: FilmMask) -> bool:
    """Whether the hottest place lies within TOLERANCE of a lesion: the pointing game.

    Source: Zhang et al. 2018, arXiv:1608.00507, who allow 15 px in images of about 500 px.
    """
    return bool(dilated(lesions, TOLERANCE).ravel()[heat.argmax()])


def overlap(region: FilmMask, lesions: FilmMask) -> float:
    """Intersection over union of two masks (H, W), 0 to 1; scikit-learn's jaccard_score, in a tenth of its time."""
    return float((region & lesions).sum() / (region | lesions).sum())


def _all(classifier: Model, rows: Sequence[Row], method: str, lungs: bool, refused: list[str]) -> Iterator[Shares]:
    """The shares of every map; films whose lungs cannot be found are added to `refused`."""
    marked = [row for row in rows if lungs or row.lungs or row.lesions or row.lesion_boxes or row.devices]
    marked = [row for row in marked if set(row.labels) & set(classifier.checkpoint.findings)]
    read = partial(_film_and_masks, lungs)
    for batch in film_batches(marked, read, batch=_BATCH, progress=f"explaining by {method}" if marked else ""):
        for each in batch:
            row, (film, masks) = each.item, each.read
            if lungs and masks.lungs is None:
                refused.append(row.id)
            if masks.lungs is None and masks.lesions is None and masks.devices is None:
                continue
            requests = [Request(method, label) for label in row.labels if label in classifier.checkpoint.findings]
            try:
                maps = explain_any(classifier, film, requests)[1]
            except OneCell:  # flat
                yield from [shares(np.zeros(film.pixels.shape, np.float32), masks, row.patient)] * len(requests)
                continue
            for explanation in maps:
                yield shares(enlarge(explanation.heat, explanation.placement, film.pixels.shape), masks, row.patient)


def _film_and_masks(find_lungs: bool, row: Row) -> tuple[Radiograph, Masks]:
    """The film and its masks; without lungs where they are not drawn and cannot be found either."""
    film = row_radiograph(row)
    drawn: Mapping[str, FilmMask | None] = {kind: mask(row, kind) for kind in ("lungs", "lesions", "devices")}
    result = drawn["lungs"]
    if result is None and find_lungs:
        with contextlib.suppress(NoLungs):
            result = segment(film)
    return film, Masks(result, drawn["lesions"], drawn["devices"])


def _mean(shares: Sequence[Shares], name: str, repeats: int) -> Estimate:
    """The mean over films, with its interval over resampled patients."""
    pairs = [(getattr(each, name), each.patient) for each in shares]
    values = np.array([value for value, _ in pairs if value is not None and not np.isnan(value)])
    patients = np.array([patient for value, patient in pairs if value is not None and not np.isnan(value)])
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan, 0)
    return bootstrap(lambda films: float(values[films].mean()), patients, repeats=repeats)


def lesion_estimates(shares: Sequence[Shares], repeats: int) -> dict[str, dict[str, float | int | None]]:
    """hit_rate, miou, lesion_ratio and lesion_area of the maps of films with lesions; n is 0 where there is none."""
    return {
        "hit_rate": _hit_rate(shares, repeats).card(),
        "miou": _mean(shares, "overlap", repeats).card(),
        "lesion_ratio": _mean(shares, "lesion_ratio", repeats).card(),
        "lesion_area": _mean(shares, "lesion_area", repeats).card(),
    }


def _hit_rate(shares: Sequence[Shares], repeats: int) -> Estimate:
    hit_or_miss = [each for each in shares if each.hit is not None]
    hit = np.array([each.hit for each in hit_or_miss], dtype=np.bool_)
    return proportion(hit, np.array([each.patient for each in hit_or_miss]), repeats=repeats)
