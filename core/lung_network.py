"""Where the lungs are on a film."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.errors import NoLungs
from core.image.arrangement import arranged
from core.image.film_checks import Check, inspect
from core.image.prepare import enlarge, prepare, upright
from core.models import checkpoints, unet
from core.models.unet import UNet
from core.types import Cleaning, Heat, Input, Placement, Radiograph

NAME = "lungs-unet"
INPUT = Input(size=160)
MARGIN = 0.04  # share of the film's long side by which lungs are dilated: pleura, ribs, errors of the outline
# The rule's limits. It refuses every file of originals/ that is not an upright frontal film with visible lungs, one
# small film that is, 14 of the 799 test films, and none of the 325 test films with human outlines.
_AREA = (0.09, 0.58)  # share of the film that is lung
_SIDE = 0.03  # share of the film, at least, in its left and in its right half
_AGREE = 0.90  # Dice between the outlines of the film, its mirror image and itself at 5/6 of the size
_AGREE_JOINED = 0.95  # the same where both lungs are one piece, as on a lateral film
_CRUMB = 0.10  # share of the largest piece: smaller pieces are not lung
_RIM = 10  # the film's side over the width of the rim that shrinks it
# (age in years, mm, mm): how wide both lungs together can be on a frontal film; ages in between are interpolated, and
# an unknown age counts as an adult's. The limits are wide on purpose: whatever they refuse is not a chest of that age.
# Adults: three standard deviations below the mean of women (27.1 cm, deviation 2.6 cm, 1,047 adults, Pan Afr Med J
# 2017;27:201), and the long side of the largest flat detector (35 x 43 cm), which holds both lungs.
# Six years: two thirds of these (lung width 66 to 67 % of the adult's, Simon et al. 1972, doi:10.1136/adc.47.253.373).
# Birth: the chest is nearly round; by the equation of Azevedo et al. 2019 (doi:10.1186/s12887-019-1712-3) its
# circumference at term is 32 to 38 cm, so it is 103 to 120 mm wide with its wall. A fifth more for magnification and a
# deep breath; less than half of it for the most premature, who weigh a sixth and so measure about half.
_LUNG_WIDTHS = ((0, 45, 150), (6, 125, 290), (16, 190, 430))
_ADULT = 16  # years
_CLEAR = 1.0  # log odds of the frontal pattern below which the lungs are checked as well
_NO_CHEST = (
    "This does not look like a frontal chest radiograph, and no lungs are found on it. The model knows frontal chests "
    "only; use a PA or AP film."
)
_ADULT_FIELD = 250  # mm, minimum of the longer side of an adult's chest film


def segment(radiograph: Radiograph, cleaning: Cleaning | None = None) -> NDArray[np.bool_]:
    """(H, W) bool, True on the lungs, the part behind the heart included.

    Raises: NoLungs if the marked area cannot be a pair of lungs.
    Source: trained on the human outlines of v7labs; the card of lungs-unet has its Dice.
    """
    lungs, placement = outline(radiograph, cleaning)
    return enlarge(lungs.astype(np.float32), placement, radiograph.pixels.shape) > 0.5


def outline(radiograph: Radiograph, cleaning: Cleaning | None = None) -> tuple[Heat, Placement]:
    """(S, S) float32, 0 to 1, the lungs at the network's own size and where that square lies on the film.

    Raises: NoLungs as `segment`.
    """
    prepared = prepare(radiograph, INPUT, cleaning)
    lungs, reason = look(network(), prepared.image[None])[0]
    if reason:
        raise NoLungs(f"No lungs found on {radiograph.name}: {reason}. They are found on upright frontal films.")
    return lungs, prepared.placement


def inspect_film(radiograph: Radiograph, cleaning: Cleaning) -> tuple[Check, ...]:
    """The film checks on the displayed film, with the lung outlines as further evidence.

    If the broad pattern is not clearly that of a frontal chest and no lungs are found either, the prediction is
    meaningless. Neither criterion is enough alone: of the 799 test films 12 lack the pattern and 14 the lungs, but 3
    lack both; all files of originals/ that are blank or not an upright frontal chest lack both.
    Raises: NoWindow for a window that the film does not have.
    """
    film = arranged(radiograph, cleaning)
    checks = {check.name: check for check in inspect(film)}
    if checks["frontal"].figure < _CLEAR:
        try:
            outline(film, Cleaning())
        except NoLungs:
            name = "contrast" if checks["contrast"].level == "warning" else "frontal"
            words = checks[name].sentence if checks[name].level == "warning" else _NO_CHEST
            checks[name] = replace(checks[name], level="warning", sentence=words, withholds=True)
    reason = implausible_size(radiograph, cleaning)
    if reason:
        checks["spacing"] = replace(checks["spacing"], level="warning", sentence=reason)
    return tuple(checks.values())


def implausible_size(radiograph: Radiograph, cleaning: Cleaning | None = None) -> str:
    """Why the film's millimetres are implausible, in a sentence; empty if they are plausible or missing."""
    cleaning = cleaning or Cleaning()
    if radiograph.spacing is None or radiograph.drawn:
        return ""
    age = _ADULT if radiograph.age is None else radiograph.age
    whose = "an adult" if radiograph.age is None else f"a patient of {radiograph.age:.3g} years"
    child = " If this is a child, calibrate the film by a known length." if radiograph.age is None else ""
    given = f"The file's {radiograph.spacing[1]:.3g} mm per pixel cannot be right:"
    advice = f"Lengths are given in pixels.{child}"
    try:
        lungs, placement = outline(radiograph, cleaning)
    except NoLungs:
        longer = max(side * mm for side, mm in zip(radiograph.pixels.shape, radiograph.spacing, strict=True))
        if age < _ADULT or longer >= _ADULT_FIELD:
            return ""
        return f"{given} the whole film would be {longer:.0f} mm, smaller than the chest of {whose}. {advice}"
    stored = upright(lungs, placement) > 0.5
    axis = cleaning.turn % 2  # on a film stored on its side, the lungs are wide from top to bottom
    marked = np.flatnonzero(stored.any(axis=axis))
    extent = abs(placement.x1 - placement.x0) if axis == 0 else placement.y1 - placement.y0
    width = (marked[-1] + 1 - marked[0]) / len(lungs) * extent * radiograph.spacing[1 - axis]
    ages, least, most = (np.array(column, float) for column in zip(*_LUNG_WIDTHS, strict=True))
    low, high = float(np.interp(age, ages, least)), float(np.interp(age, ages, most))
    if low <= width <= high:
        return ""
    return f"{given} the lungs would be {width:.0f} mm wide, those of {whose} are {low:.0f} to {high:.0f} mm. {advice}"


def look(network: UNet, films: Tensor) -> list[tuple[Heat, str]]:
    """For each standardised film (N, 1, S, S): (S, S) float32, 0 to 1, its lungs, and why they are rejected ("" if they
    are not).

    Each film is seen three times: as it is, mirrored, and with a rim around it. The first two are averaged; if the
    three disagree the network is guessing, and the lungs are rejected.
    """
    rim = films.shape[-1] // _RIM
    shrunk = functional.pad(films, (rim, rim, rim, rim), mode="replicate")
    shrunk = functional.interpolate(shrunk, size=films.shape[-2:], mode="bilinear", align_corners=False)
    with torch.inference_mode():
        views = torch.cat([films, films.flip(-1), shrunk]).contiguous(memory_format=torch.channels_last)
        plain, mirrored, small = network(views).float().sigmoid().chunk(3)
    wide = functional.interpolate(
        small, size=[side + 2 * rim for side in films.shape[-2:]], mode="bilinear", align_corners=False
    )
    views = torch.cat([plain, mirrored.flip(-1), wide[..., rim:-rim, rim:-rim]], dim=1)
    return [_judged(film) for film in views.cpu().numpy()]


def dilated(mask: NDArray[np.bool_], margin: float = MARGIN) -> NDArray[np.bool_]:
    """(H, W) the mask and a rim of `margin` of the long side around it; for lungs: pleura, ribs, outline errors."""
    if not mask.any():
        return mask
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= margin * max(mask.shape))


def dice(mask: NDArray[np.bool_], outline: NDArray[np.bool_]) -> float:
    """Twice the shared area over both areas, 0 to 1. Source: Dice 1945, doi:10.2307/1932409."""
    return float(2 * (mask & outline).sum() / max(1, mask.sum() + outline.sum()))


def network(folder: Path = checkpoints.SHIPPED) -> UNet:
    """The shipped network, read once."""
    return unet.shipped(NAME, folder)


def _judged(views: Heat) -> tuple[Heat, str]:
    """The lungs of one film, (S, S), and why they are rejected; views (3, S, S) probabilities."""
    likely = views[:2].mean(axis=0)
    lungs = _pieces(likely)
    heat = np.where(lungs, likely, 0).astype(np.float32)
    area = float(lungs.mean())
    if not _AREA[0] <= area <= _AREA[1]:
        least, most = _AREA
        return heat, f"what looks like lung covers {area:.0%} of the film, lungs cover {least:.0%} to {most:.0%}"
    middle = lungs.shape[1] // 2
    if min(lungs[:, :middle].sum(), lungs[:, middle:].sum()) < _SIDE * lungs.size:
        return heat, "only one side of it holds what looks like lung"
    agreement = min(dice(_pieces(views[0]), _pieces(view)) for view in views[1:])
    needed = _AGREE if cv2.connectedComponents(lungs.astype(np.uint8))[0] > 2 else _AGREE_JOINED
    if agreement < needed:
        return heat, (
            f"the outline changes if the film is mirrored or made smaller (overlap {agreement:.0%}; lungs reach "
            f"{needed:.0%} or more)"
        )
    return heat, ""


def _pieces(likely: Heat) -> NDArray[np.bool_]:
    """(S, S) the marked pieces that are large enough, holes filled."""
    marked = np.ascontiguousarray(likely > 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(marked, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return marked.astype(bool)
    areas = [cv2.contourArea(line) for line in outlines]
    large = [line for line, area in zip(outlines, areas, strict=True) if area >= _CRUMB * max(areas)]
    filled = np.zeros_like(marked)
    cv2.drawContours(filled, large, -1, (1,), thickness=cv2.FILLED)
    return filled.astype(bool)
