"""Altered films: the lungs, everything else, or burnt-in marks removed, and brightness matched.

A run with alterations stores the predictions for each altered film; `audit` compares them with those for the original.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from core import lung_network
from core.compare.anatomical_regions import RIM
from core.errors import NoLungs
from core.evaluate.heat import FilmMask
from core.image.blacken import ALL, boxes_of
from core.image.prepare import prepare, windowed, without_margins
from core.trust.altered import inpainted
from core.types import Cleaning, Input, Radiograph

_SMOOTH = 0.02  # of the long side: standard deviation of the blur of in-painted parts
_UNCROPPED = Cleaning(crop_borders=False)  # margins are cut first, since painted parts could be cropped as well
# Mean quantiles (0, 1/16, ... 1) of the grey values, from black to white, of 400 training films of cxr: a typical film.
_USUAL_QUANTILES = (
    0.005, 0.131, 0.239, 0.316, 0.373, 0.424, 0.470, 0.513, 0.554,
    0.592, 0.628, 0.664, 0.698, 0.733, 0.768, 0.804, 0.938
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class AlteredFilm:
    """One altered film, as a run needs it.

    area:   share of the film, without its margins, that was changed; 0 if there was nothing to change.
    inputs: (C, S, S) float32 for each network of the run; empty where the film is unchanged.
    """

    name: str
    area: float
    inputs: tuple[NDArray[np.float32], ...]


Alteration = Callable[[Radiograph, FilmMask | None], tuple[Radiograph, FilmMask] | None]


def altered_films(radiograph: Radiograph, names: Sequence[str], inputs: Sequence[Input]) -> tuple[AlteredFilm, ...]:
    """The film with each of the alterations; those that need lungs are left out where none are found.

    Raises: UnknownName.
    """
    film = without_margins(radiograph)
    try:
        lungs = lung_network.dilated(lung_network.segment(film, _UNCROPPED))
    except NoLungs:
        lungs = None
    results = []
    for name in names:
        changed = ALTERATIONS[name](film, lungs)
        if changed is None:
            continue
        picture, mask = changed
        images = (prepare(picture, each, _UNCROPPED).image.numpy() for each in inputs) if mask.any() else ()
        results.append(AlteredFilm(name, float(mask.mean()), tuple(images)))
    return tuple(results)


def lungs_black(film: Radiograph, lungs: FilmMask | None) -> tuple[Radiograph, FilmMask] | None:
    """The lungs and a rim around them painted black."""
    return None if lungs is None else (_painted(film, lungs, film.black), lungs)


def lungs_inpainted(film: Radiograph, lungs: FilmMask | None) -> tuple[Radiograph, FilmMask] | None:
    """The lungs and a rim around them filled with the grey values of their surroundings."""
    return None if lungs is None else (_inpainted(film, lungs), lungs)


def lungs_only(film: Radiograph, lungs: FilmMask | None) -> tuple[Radiograph, FilmMask] | None:
    """Everything but the lungs and a rim around them replaced by the film's mean grey."""
    return None if lungs is None else (_painted(film, ~lungs, _mean(film)), ~lungs)


def border_only(film: Radiograph, lungs: FilmMask | None) -> tuple[Radiograph, FilmMask] | None:
    """Everything replaced by the film's mean grey, except the outer tenth of the film outside the lungs."""
    if lungs is None:
        return None
    height, width = lungs.shape
    rim_y, rim_x = max(1, round(RIM * height)), max(1, round(RIM * width))
    border = np.ones(lungs.shape, bool)
    border[rim_y : height - rim_y, rim_x : width - rim_x] = False
    hidden = ~border | lungs
    return _painted(film, hidden, _mean(film)), hidden


def marks_removed(film: Radiograph, lungs: FilmMask | None) -> tuple[Radiograph, FilmMask] | None:
    """Letters, text and arrows that the film checks find, filled with the grey values around them."""
    mask = np.zeros(film.pixels.shape, bool)
    for box in boxes_of(film, (ALL,)):
        mask[box.y0 : box.y1, box.x0 : box.x1] = True
    return (_inpainted(film, mask) if mask.any() else film), mask


def histogram_matched(film: Radiograph, lungs: FilmMask | None) -> tuple[Radiograph, FilmMask] | None:
    """Grey values remapped in their order, so that all films have the brightness and contrast of a typical one."""
    grey = windowed(film.pixels, film.black, film.white)
    steps = np.linspace(0, 1, len(_USUAL_QUANTILES))
    own = np.maximum.accumulate(np.quantile(grey, steps) + 1e-6 * np.arange(len(steps)))  # strictly rising
    matched = np.interp(grey, own, _USUAL_QUANTILES)
    return _with_pixels(film, film.black + matched * (film.white - film.black)), np.ones(grey.shape, bool)


ALTERATIONS: Mapping[str, Alteration] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (lungs_black, lungs_inpainted, lungs_only, border_only, marks_removed, histogram_matched)
}


def _mean(film: Radiograph) -> float:
    return float(film.pixels.mean())


def _painted(film: Radiograph, mask: FilmMask, level: float) -> Radiograph:
    return _with_pixels(film, np.where(mask, level, film.pixels))


def _inpainted(film: Radiograph, mask: FilmMask) -> Radiograph:
    """The masked part filled from its surroundings, then smoothed, since the filling has edges of its own."""
    image = torch.from_numpy(film.pixels.astype(np.float32))[None]
    filled = inpainted(image, torch.from_numpy(np.ascontiguousarray(mask))[None])[0, 0].numpy()
    smooth = cv2.GaussianBlur(filled, (0, 0), _SMOOTH * max(mask.shape))
    return _with_pixels(film, np.where(mask, smooth, film.pixels))


def _with_pixels(film: Radiograph, values: NDArray[np.floating]) -> Radiograph:
    levels = np.clip(np.round(values), 0, np.iinfo(film.pixels.dtype).max)
    eight_bit = film.pixels.dtype == np.uint8
    return replace(film, pixels=levels.astype(np.uint8) if eight_bit else levels.astype(np.uint16))
