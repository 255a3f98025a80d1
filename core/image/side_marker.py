"""Side markers, the lead or burnt-in "R" or "L" on a film: which letter, and whether it is mirrored.

Every bright piece of the size of a letter near the rim is compared with all letters and digits, upright and mirrored,
askew by up to 12°, in several fonts. It counts where R or L fits well and nothing else fits nearly as well.
"""

import threading
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.image.marks import Levels, background
from core.types import Grey

STEPS = (72, 40, 24)  # of 255: contrast of a marker with its surroundings; lead on a soft film has the least
STROKE = 0.03  # of the long side: the widest stroke
SHORTEST, TALLEST = 0.016, 0.09  # of the long side
LEAST = 11  # px high: smaller R, A, B and 8 look alike
RIM = 0.3  # of width: markers are looked for this near to either side
CELL, ROOM = 20, 24  # px: the height that every piece is brought to, and the square that it is laid into
FIT = {"R": 0.84, "L": 0.94}  # the least correlation; an L is a plain shape, and corners of other things look like it
MARGIN = {"R": 0.06, "L": 0.10}  # margin over every other letter
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/\\-|"
_DRAWING = threading.Lock()  # otherwise each of twenty people on a fresh server would draw all templates, 0.4 s of CPU
ALIKE = {"L": "J"}  # a mirrored L and a J have the same shape in many fonts, and J marks no side


@dataclass(frozen=True)
class SideMarker:
    """A letter at a side of the film.

    letter:   "R" or "L".
    mirrored: True if it is mirrored.
    x, y:     its centre, as fractions of width and height.
    fit:      correlation with the best template, 0 to 1.
    """

    letter: str
    mirrored: bool
    x: float
    y: float
    fit: float


def side_markers(grey: Grey) -> list[SideMarker]:
    """All reliable markers, the best fit first.

    grey: (h, w) from 0 (black) to 1 (white), bone bright, upright, without margins, long side at most 1024.
    """
    levels = np.round(grey * 255).astype(np.uint8)
    height, width = levels.shape
    stroke = max(4, round(STROKE * max(levels.shape)))
    residue = np.asarray(cv2.subtract(levels, background(levels, stroke)), np.uint8)
    best: dict[tuple[int, int], SideMarker] = {}
    for step in STEPS:
        for box, patch in _pieces(residue, step):
            match = _match(patch)
            if match is None:
                continue
            letter, mirrored, fit = match
            x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
            place = round(x / width * 25), round(y / height * 25)  # one marker at several steps
            if place not in best or fit > best[place].fit:
                best[place] = SideMarker(letter, mirrored, x / width, y / height, fit)
    return sorted(best.values(), key=lambda marker: -marker.fit)


def _pieces(residue: Levels, step: int) -> list[tuple[tuple[int, int, int, int], Grey]]:
    """(x, y, w, h) and the picture (ROOM, ROOM) of every isolated piece near a side that is as tall as a letter."""
    height, width = residue.shape
    longest = max(height, width)
    _, label, stats, _ = cv2.connectedComponentsWithStats((residue > step).astype(np.uint8), connectivity=8)
    x, y, w, h, area = stats.T
    tall = (h >= max(LEAST, SHORTEST * longest)) & (h <= TALLEST * longest)
    fits = tall & (w >= 0.3 * h) & (w <= 1.2 * h) & (area >= 0.12 * w * h) & (area <= 0.75 * w * h)
    fits &= (x > 2) & (y > 2) & (x + w < width - 2) & (y + h < height - 2)
    fits &= np.abs((x + w / 2) / width - 0.5) > 0.5 - RIM
    fits[0] = False
    pieces = []
    for piece in np.flatnonzero(fits).tolist():
        beside = np.maximum(x[piece] - (x + w), x - (x[piece] + w[piece]))
        level = np.abs(y + h / 2 - (y[piece] + h[piece] / 2)) < 0.5 * h[piece]
        like = (h > 0.5 * h[piece]) & (h < 2 * h[piece]) & level & (beside > -0.3 * h[piece])
        if (like & (beside < 0.8 * h[piece])).any():  # part of a word
            continue
        left, top, across, down = stats[piece, :4].tolist()
        part = slice(top, top + down), slice(left, left + across)
        inside = cv2.dilate((label[part] == piece).astype(np.uint8), np.ones((3, 3), np.uint8))
        ink = np.where(inside > 0, residue[part], 0).astype(np.float32)
        pieces.append(((left, top, across, down), _brought(np.minimum(ink / np.percentile(ink[ink > step], 60), 1))))
    return pieces


def _match(patch: Grey) -> tuple[str, bool, float] | None:
    """The letter, whether it is mirrored, and its fit; None if undecided."""
    with _DRAWING:
        names, templates = _templates()
    fits = templates @ _standardised(patch)
    best = int(fits.argmax())
    letter, mirrored = names[best]
    if letter not in FIT or fits[best] < FIT[letter]:
        return None
    same = {(letter, mirrored), (ALIKE.get(letter, ""), not mirrored)}
    others = np.array([name not in same for name in names])
    if fits[best] - fits[others].max() < MARGIN[letter]:
        return None
    return letter, mirrored, float(fits[best])


@cache
def _templates() -> tuple[list[tuple[str, bool]], Grey]:
    """(letter, mirrored) of each template, and the templates (T, ROOM * ROOM), standardised."""
    names, rows = [], []
    for letter in LETTERS:
        for drawn in _drawn(letter):
            for mirrored in (False, True):
                for angle in (-12, -6, 0, 6, 12):
                    centre = (drawn.shape[1] / 2, drawn.shape[0] / 2)
                    shape = drawn[:, ::-1] if mirrored else drawn
                    turned = cv2.warpAffine(
                        np.ascontiguousarray(shape), cv2.getRotationMatrix2D(centre, angle, 1), drawn.shape[::-1]
                    )
                    y, x = np.nonzero(turned > 96)
                    ink = turned[y.min() : y.max() + 1, x.min() : x.max() + 1] / 255
                    names.append((letter, mirrored))
                    rows.append(_standardised(_brought(np.asarray(ink, np.float32))))
    return names, np.stack(rows)


def _drawn(letter: str) -> list[Levels]:
    """The letter in every font, (96, 96), white on black."""
    pictures = []
    for stroke in (0, 2, 4):
        picture = Image.new("L", (96, 96))
        font = ImageFont.load_default(60)
        ImageDraw.Draw(picture).text((48, 48), letter, fill=255, font=font, anchor="mm", stroke_width=stroke)
        pictures.append(np.asarray(picture))
    for face, stroke in (
        (cv2.FONT_HERSHEY_SIMPLEX, 4),
        (cv2.FONT_HERSHEY_SIMPLEX, 9),
        (cv2.FONT_HERSHEY_TRIPLEX, 4),
    ):
        blank = np.zeros((96, 96), np.uint8)
        pictures.append(np.asarray(cv2.putText(blank, letter, (24, 70), face, 2.0, (255,), stroke, cv2.LINE_AA)))
    return pictures


def _brought(ink: Grey) -> Grey:
    """(ROOM, ROOM) the ink CELL px high, its proportions kept, in the middle of a black square."""
    height, width = ink.shape
    across = min(ROOM, max(1, round(width * CELL / height)))
    square = np.zeros((ROOM, ROOM), np.float32)
    top, left = (ROOM - CELL) // 2, (ROOM - across) // 2
    square[top : top + CELL, left : left + across] = cv2.resize(ink, (across, CELL), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(square, (0, 0), 0.8), np.float32)


def _standardised(patch: Grey) -> Grey:
    flat = patch.ravel() - patch.mean()
    return np.asarray(flat / (np.linalg.norm(flat) + 1e-6), np.float32)
