"""The orientation of a frontal chest in a picture, and whether there is one."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.types import Grey

SIDE = 72  # px, the square that every picture is resized to
# A 12 x 12 pattern of an upright frontal chest (times ten): dark lungs, bright middle and shoulders.
# It is one set of weights, fitted by multinomial regression to the 6,356 training films of shared/cxr, each against
# its own seven turned and inverted versions and against 4,400 drawn CT slices, pages, clouds, photographs and parts
# of films. It is coarse, an average over thousands of films, and shows nobody.
PATTERN = np.array(
    [
        [-53, -34, -24, -14, 5, 21, 17, 0, -14, -20, -27, -50],
        [20, 16, 18, 3, -19, -1, 4, -20, -6, 19, 23, 16],
        [17, 6, 29, -15, -27, 5, 11, -28, -23, 19, 13, 13],
        [5, 5, 25, -43, -18, 18, 21, -15, -40, 9, 6, 1],
        [-6, 15, 12, -53, -6, 19, 23, -2, -41, -4, 6, -5],
        [-12, 20, -8, -41, 7, 22, 19, 13, -21, -11, 4, -7],
        [-9, 12, -22, -27, 8, 21, 19, 20, -1, -17, -10, -9],
        [-5, 1, -23, -20, -4, 18, 20, 25, 19, -7, -15, -9],
        [-12, -13, -19, -3, -4, 13, 18, 17, 18, -4, -21, -19],
        [-23, -4, 2, 22, 7, 14, 13, 2, 19, 1, -13, -25],
        [-34, 23, 7, 18, 4, 5, 5, -1, 12, 5, 6, -37],
        [-25, 59, 38, 22, 11, 15, 10, 4, 13, 32, 49, -30],
    ],
    np.float32,
) / np.float32(10)
NEITHER = np.float32(9.50)


@dataclass(frozen=True)
class Fit:
    """The best fit of the pattern.

    turn:     quarter turns counter-clockwise that bring the film upright, 0 to 3.
    inverted: True if it fits only with the grey scale inverted.
    clarity:  log odds (nats) of this reading against the seven others and "none of them"; above 0 it is the likelier.
    """

    turn: int
    inverted: bool
    clarity: float


def best_fit(grey: Grey) -> Fit:
    """The reading under which some part of the picture looks most like an upright frontal chest.

    grey: (h, w) from 0 (black) to 1 (white), margins cut off; a long side of about 256 px is enough.
    """
    evened = _evened(grey)
    cells = np.stack([_cells(evened[y0:y1, x0:x1]) for x0, y0, x1, y1 in WINDOWS])
    turned = np.stack([np.rot90(cells, turn, (1, 2)) for turn in range(4)], axis=1)
    upright = np.einsum("wtij,ij->wt", turned, PATTERN)
    scores = np.concatenate([upright, -upright], axis=1) - NEITHER  # (windows, 8): a negative fits the negative
    rest = np.concatenate([scores, np.zeros((len(scores), 1), np.float32)], axis=1)
    best = scores.argmax(axis=1)
    np.put_along_axis(rest, best[:, None], -np.inf, axis=1)
    clarity = scores.max(axis=1) - np.log(np.exp(rest).sum(axis=1))
    window = int(clarity.argmax())
    return Fit(turn=int(best[window]) % 4, inverted=bool(best[window] >= 4), clarity=float(clarity[window]))


def _windows() -> tuple[tuple[int, int, int, int], ...]:
    """x0, y0, x1, y1 of the whole square and of parts of it, so that a chest off centre is found too."""
    windows = {(0, 0, SIDE, SIDE)}
    for side, steps in ((60, (0, 6, 12)), (48, (0, 8, 16, 24))):
        windows |= {(x, y, x + side, y + side) for x in steps for y in steps}
        for start in (0, (SIDE - side) // 2, SIDE - side):
            windows |= {(start, 0, start + side, SIDE), (0, start, SIDE, start + side)}
    return tuple(sorted(windows))


def _evened(grey: Grey) -> Grey:
    """(SIDE, SIDE) the picture with local brightness and contrast normalised, so that exposure does not matter."""
    square = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    reach = 0.155 * SIDE
    off = square - cv2.GaussianBlur(square, (0, 0), reach)
    spread = np.sqrt(np.maximum(cv2.GaussianBlur(off * off, (0, 0), reach), 0)) + 0.02
    return np.asarray(np.clip(off / spread, -2.5, 2.5), np.float32)


def _cells(part: Grey) -> Grey:
    cells = cv2.resize(part, (12, 12), interpolation=cv2.INTER_AREA)
    cells = cells - cells.mean()
    return np.asarray(cells / (np.linalg.norm(cells) + 0.012), np.float32)


WINDOWS = _windows()
