"""A film before and after edits, and what changed, as one picture."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image.arrangement import through
from core.overlay import Rgb, common_end, display, overlay
from core.types import Explanation, Radiograph
from core.what_if.answer import EditedAnswer

_BRIGHTER, _DARKER = np.array([230, 159, 0]), np.array([86, 180, 233])  # Okabe and Ito
_GAP = 8  # px between the panes
_LONGEST = 1024  # px, the long side of a pane


def before_and_after(radiograph: Radiograph, explanation: Explanation | None, answer: EditedAnswer) -> Rgb:
    """Three panes side by side: the film with its map, the edited film with its map on the same scale, and the
    difference of their greys, orange where the edit is brighter and blue where it is darker.

    Returns: (H, W, 3) uint8; a pane's long side is at most 1,024 px.
    """
    first = through(radiograph, explanation.cleaning.window) if explanation else radiograph
    maps = [each for each in (explanation, answer.explanation) if each is not None]
    scale = common_end(maps) if maps else None
    panes = [
        _pane(radiograph, explanation, scale),
        _pane(answer.radiograph, answer.explanation, scale),
        grey_difference(first, answer.radiograph),
    ]
    small = [_shrunk(pane) for pane in panes]
    gap = np.zeros((small[0].shape[0], _GAP, 3), np.uint8)
    return np.concatenate([small[0], gap, small[1], gap, small[2]], axis=1)


def grey_difference(before: Radiograph, after: Radiograph) -> Rgb:
    """(H, W, 3) uint8: orange where `after` is brighter as displayed, blue where it is darker, black where it is equal.

    The root of the change is shown, so that small ones are seen.
    """
    change = (display(after).astype(np.float32) - display(before)) / 255
    share = np.sqrt(np.abs(change))[..., None]
    return np.asarray(np.rint(share * np.where(change[..., None] > 0, _BRIGHTER, _DARKER)), np.uint8)


def _pane(radiograph: Radiograph, explanation: Explanation | None, scale: float | None) -> Rgb:
    if explanation is None:
        return np.repeat(display(radiograph)[:, :, None], 3, axis=2)
    stored = replace(explanation, cleaning=replace(explanation.cleaning, turn=0, mirror=False, invert=False))
    return overlay(radiograph, stored, scale=scale, legend=False)


def _shrunk(pane: NDArray[np.uint8]) -> Rgb:
    share = min(1.0, _LONGEST / max(pane.shape[:2]))
    size = max(1, round(pane.shape[1] * share)), max(1, round(pane.shape[0] * share))
    return np.asarray(cv2.resize(pane, size, interpolation=cv2.INTER_AREA), np.uint8)
