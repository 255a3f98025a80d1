"""A film without its lungs, and the lungs without the film: what a model still answers shows what it relies on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core import lung_network
from core.image.prepare import enlarge, without_margins
from core.types import Cleaning, Explanation, Radiograph

WHOLE = Cleaning(crop_borders=False)  # of these films: the black paint would be cropped as a border


@dataclass(frozen=True, eq=False)
class MaskedFilms:
    """The film without its margins, and twice more with black paint.

    lungs:      (H, W) the lungs and a rim around them.
    lungs_out:  the film with the lungs black.
    lungs_only: the film with all but the lungs black.
    """

    whole: Radiograph
    lungs: NDArray[np.bool_]
    lungs_out: Radiograph
    lungs_only: Radiograph


def masked_films(radiograph: Radiograph) -> MaskedFilms:
    """The film and its two painted versions, painted as in core.evaluate.blackout. Raises: NoLungs."""
    whole = without_margins(radiograph)
    lungs = lung_network.dilated(lung_network.segment(whole, WHOLE))
    return MaskedFilms(
        whole,
        lungs,
        _black(whole, lungs, f"{radiograph.name}, lungs blacked out"),
        _black(whole, ~lungs, f"{radiograph.name}, only the lungs"),
    )


def lung_share(explanation: Explanation, film: MaskedFilms) -> float:
    """Share of the positive heat of a map of `film.whole` that lies inside `film.lungs`; NaN where there is none."""
    heat = enlarge(explanation.heat.clip(min=0), explanation.placement, film.lungs.shape)
    heat = np.nan_to_num(heat)
    total = float(heat.sum())
    return float(heat[film.lungs].sum()) / total if total else float("nan")


def _black(film: Radiograph, where: NDArray[np.bool_], name: str) -> Radiograph:
    black = film.pixels.dtype.type(np.clip(film.black, 0, np.iinfo(film.pixels.dtype).max))
    return replace(film, pixels=np.where(where, black, film.pixels), name=name)
