"""Marks drawn onto a film after the exposure: letters, lines of text, arrows.

Ink is flat, pure white or black (any grey on a black ground), and its edge is a step.
Anatomy, tubes and electrodes seldom are all three; a lead letter under the tube seldom is, and is normal anyway.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.types import Grey

Levels = NDArray[np.uint8]

LONGEST = 1024  # px, long side at which ink is looked for
STEP = 56  # of 255: the least that ink stands out from its surroundings
PURE = 232  # of 255: how white (or black, turned over) ink on a film is
EMPTY = 14  # of 255: black surroundings, on which grey ink counts too
FLAT = 0.25  # of the step: the most that ink varies within itself
SHARP = 0.55  # of the step: the least that its edge rises from one pixel to the next but one
WIDEST = 0.06  # of the long side: the widest stroke or arrowhead
SHORTEST, TALLEST = 0.009, 0.10  # of the long side: the height of a letter or arrow
PRINT = 4  # letters that make a line of small print
MOST = 200  # most pieces checked; a page of print has more


@dataclass(frozen=True)
class Mark:
    """One piece of ink or a line of them, as fractions of width and height.

    crisp: True if it is as flat and sharp-edged as only drawn shapes are; rib ends on small films are not.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    pieces: int = 1
    crisp: bool = False

    @property
    def centre(self) -> tuple[float, float]:
        """x and y."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


def marks(grey: Grey) -> list[Mark]:
    """Every piece of ink on the film; letters in a row are joined to one line.

    grey: (h, w) from 0 (black) to 1 (white), long side at most `LONGEST`.
    """
    levels = np.round(grey * 255).astype(np.uint8)
    aspect = levels.shape[0] / levels.shape[1]
    lines = []
    for polarity in (levels, 255 - levels):
        ground = background(polarity, max(2, round(WIDEST * max(levels.shape))))
        raised = cv2.subtract(polarity, ground) > STEP
        pure = raised & ((polarity >= PURE) | (ground <= EMPTY))
        sure = _lines(_pieces(pure, polarity, ground, flat=FLAT, sharp=SHARP), aspect)
        lines += sure
        # Small print is all edge and reaches no pure white: it counts only where it forms a line, and only once.
        fine = _lines(_pieces(raised, polarity, ground, flat=0.6, sharp=0.9), aspect)
        lines += [line for line in fine if line.pieces >= PRINT and not any(_overlap(line, mark) for mark in sure)]
    return lines


def _pieces(mask: NDArray[np.bool_], levels: Levels, ground: Levels, *, flat: float, sharp: float) -> list[Mark]:
    height, width = levels.shape
    longest = max(height, width)
    _, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    size = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    fits = (size >= max(4, SHORTEST * longest)) & (size <= TALLEST * longest)
    fits &= stats[:, cv2.CC_STAT_HEIGHT] >= max(4, 0.6 * SHORTEST * longest)
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[:, cv2.CC_STAT_WIDTH], top + stats[:, cv2.CC_STAT_HEIGHT]
    rim = (left <= 2) | (top <= 2) | (right >= width - 2) | (bottom >= height - 2)
    fits &= ~rim | (stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1) > 3)  # a frame's edge is no letter
    fits[0] = False  # the rest of the film
    steep = _steepness(mask, levels, ground, np.asarray(label, np.int32), len(stats))
    pieces = []
    for piece in np.flatnonzero(fits & (steep >= 0.7 * sharp))[:MOST].tolist():
        x, y, w, h, _ = stats[piece].tolist()
        part = slice(max(y - 1, 0), y + h + 1), slice(max(x - 1, 0), x + w + 1)
        evenness, rise = _ink(levels[part], ground[part], label[part] == piece)
        if evenness <= flat and rise >= sharp:
            crisp = evenness <= 0.12 and rise >= 0.8
            pieces.append(Mark(x / width, y / height, (x + w) / width, (y + h) / height, crisp=crisp))
    return pieces


def _steepness(
    mask: NDArray[np.bool_], levels: Levels, ground: Levels, label: NDArray[np.int32], count: int
) -> NDArray[np.float64]:
    """(count,) mean rise / mean step along the rim of each piece, so that few need a closer look."""
    stencil = mask.astype(np.uint8)
    at = np.flatnonzero(stencil > cv2.erode(stencil, np.ones((3, 3), np.uint8)))  # the rim
    piece = label.ravel()[at]
    across = cv2.morphologyEx(levels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).ravel()[at]
    step = cv2.subtract(levels, ground).ravel()[at]
    rise = np.bincount(piece, weights=across, minlength=count)
    return np.asarray(rise / np.maximum(np.bincount(piece, weights=step, minlength=count), 1))


def background(levels: Levels, stroke: int) -> Levels:
    """(h, w) the film without bright things thinner than `stroke` px; made at a quarter of the size, for speed."""
    height, width = levels.shape
    pooled = cv2.erode(levels, np.ones((4, 4), np.uint8))[::4, ::4]
    kernel = np.ones((stroke // 4 + 1, stroke // 4 + 1), np.uint8)
    opened = cv2.dilate(cv2.erode(pooled, kernel), np.ones((stroke // 4 + 2, stroke // 4 + 2), np.uint8))
    return np.asarray(cv2.resize(opened, (width, height)), np.uint8)


def _ink(levels: Levels, ground: Levels, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """How much the piece varies within itself, and how steep its edge is, both as shares of its step."""
    values = levels[inside].astype(np.float32)
    step = float(np.median(values - ground[inside].astype(np.float32)))
    across = cv2.morphologyEx(levels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    within = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    # A thin stroke is all rim, and half of its pixels are mixed with the ground: only the purer half counts there.
    core = levels[within].astype(np.float32) if within.sum() >= 12 else values[values >= np.median(values)]
    low, high = np.percentile(core, (10, 90)) if within.sum() >= 12 else (core.min(), core.max())
    return float(high - low) / step, float(np.median(across[inside & ~within])) / step


def _overlap(one: Mark, other: Mark) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def _lines(pieces: Iterable[Mark], aspect: float) -> list[Mark]:
    """Pieces of similar height that lie side by side, joined from left to right."""
    lines: list[Mark] = []
    for piece in sorted(pieces, key=lambda mark: mark.x0):
        tall = piece.y1 - piece.y0
        for at, line in enumerate(lines):
            height = line.y1 - line.y0
            gap = (piece.x0 - line.x1) / aspect  # in units of the film's height
            if (
                0.5 < tall / height < 2
                and gap < 1.0 * max(tall, height)
                and abs(piece.centre[1] - line.centre[1]) < 0.5 * height
            ):
                lines[at] = Mark(
                    line.x0, min(line.y0, piece.y0), max(line.x1, piece.x1), max(line.y1, piece.y1), line.pieces + 1
                )
                break
        else:
            lines.append(piece)
    return lines
