"""Synthetic concepts: changes to a film, drawn or of the exposure, that a network should ignore."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core import lung_network
from core.errors import NoLungs
from core.image.prepare import film_box, windowed
from core.lettering import font
from core.registry import Registry
from core.types import Heat, Radiograph

Drawing = Callable[[Radiograph, np.random.Generator], Heat]
_LETTER = (0.05, 0.07)  # of the long side: the height of a lead letter
_PRINT = (0.026, 0.034)  # of the long side: the height of burnt-in print
_METAL = 0.97  # grey of lead and titanium, 0 to 1
_CHEST = (0.14, 0.12, 0.86, 0.78)  # x0, y0, x1, y1 of the lungs on a typical frontal film, as shares of it
_DENSE = 75  # percentile of the grey between the lungs: that of the heart
_INNER = 0.03  # of the long side: least distance of an opacity's centre from the edge of the lungs


@dataclass(frozen=True)
class SyntheticConcept:
    """A registry entry.

    title:  for the screen.
    plain:  the change to the film, in one sentence.
    change: the film's grey, changed.
    """

    name: str
    title: str
    plain: str
    change: Drawing

    def on(self, film: Radiograph, *, seed: int = 0) -> Radiograph:
        """The film with the concept: same size, depth and levels; place and size vary with film and seed.

        Raises: NoLungs if it needs lungs and none are found.
        """
        chance = np.random.default_rng([seed, int(film.key, 16)])
        before = windowed(film.pixels, film.black, film.white)
        after = self.change(film, chance)
        stored = film.black + after.astype(np.float64) * (film.white - film.black)
        deepest = 2 ** min(film.origin.bits, 8 * film.pixels.dtype.itemsize) - 1
        most = max(int(film.pixels.max()), deepest)
        drawn = np.clip(np.rint(stored), 0, most).astype(film.pixels.dtype)
        pixels = np.where(after == before, film.pixels, drawn)  # values beyond black or white stay, too
        step = f"{self.title}: drawn by Lightbox, to test whether a network responds."
        return replace(film, pixels=pixels, name=f"{film.name} · {self.title}", steps=(*film.steps, step))


synthetic_concepts: Registry[SyntheticConcept] = Registry("concept", package="core.layers.concepts")


def concept(name: str, *, title: str) -> Callable[[Drawing], Drawing]:
    """Registers a function (film, random numbers) -> (H, W) float32 grey, 0 to 1; its first line is the help text."""

    def register(change: Drawing) -> Drawing:
        plain = (change.__doc__ or "").strip().split("\n")[0]
        synthetic_concepts.add(name, SyntheticConcept(name, title, plain, change))
        return change

    return register


@concept("side-marker", title="Side marker")
def side_marker(film: Radiograph, chance: np.random.Generator) -> Heat:
    """A lead letter in an upper corner: R at the patient's right, or L at the left."""
    right = bool(chance.integers(2))
    x, y = chance.uniform(0.06, 0.13), chance.uniform(0.06, 0.16)
    letter, at = ("R", (x, y)) if right else ("L", (1 - x, y))
    ink = _ink(film, letter, at, size=chance.uniform(*_LETTER), turn=chance.normal(0, 6))
    return _laid(_grey(film), ink, _METAL)


@concept("burnt-in-text", title="Burnt-in text")
def burnt_in_text(film: Radiograph, chance: np.random.Generator) -> Heat:
    """Two lines of white print at an edge, as burnt in by a portable machine."""
    place = ("PORTABLE", "BEDSIDE", "ICU", "WARD")[chance.integers(4)]
    lying = ("SUPINE", "ERECT")[chance.integers(2)]
    lines = f"{place} AP {lying}\n{chance.integers(60, 121)} kV  {chance.integers(1, 10)} mAs"
    x, y = (0.2, 0.8)[chance.integers(2)] + chance.normal(0, 0.02), (0.06, 0.94)[chance.integers(2)]
    ink = _ink(film, lines, (x, y), size=chance.uniform(*_PRINT))
    return _laid(_grey(film), ink, 1.0)


@concept("pacemaker", title="Pacemaker")
def pacemaker(film: Radiograph, chance: np.random.Generator) -> Heat:
    """A pacemaker below a collarbone, mostly the left one, with a lead to the heart."""
    grey = _grey(film)
    x0, y0, x1, y1 = _chest(film)
    wide, high = x1 - x0, y1 - y0
    left = chance.uniform() < 0.8  # the patient's left, on screen right

    def px(x: float, y: float) -> NDArray[np.float64]:
        return np.array([x0 + (x if left else 1 - x) * wide, y0 + y * high])

    can = px(chance.uniform(0.84, 0.96), chance.uniform(0.14, 0.26))
    half = wide * chance.uniform(0.065, 0.085) * np.array([1.0, chance.uniform(0.8, 1.0)])
    tip = px(chance.uniform(0.56, 0.68) if left else chance.uniform(0.32, 0.44), chance.uniform(0.7, 0.84))
    vein = px(0.45 if left else 0.55, chance.uniform(0.1, 0.2))
    atrium = px(0.42 if left else 0.58, chance.uniform(0.6, 0.7))
    body = np.zeros(grey.shape, np.uint8)
    angle = float(chance.normal(0, 12))
    cv2.ellipse(body, _whole(can), _whole(half), angle, 0, 360, (255,), cv2.FILLED, cv2.LINE_AA)
    header = can - [0.0, 0.75 * half[1]]
    cv2.ellipse(body, _whole(header), _whole(half * [0.6, 0.5]), angle, 0, 360, (255,), cv2.FILLED, cv2.LINE_AA)
    thick = max(1, round(wide * 0.008))
    down = np.array([0.0, high])
    path = _curve([header, vein - 0.04 * down, vein + 0.15 * down, atrium, tip])
    cv2.polylines(body, [np.round(path * 16).astype(np.int32)], False, (255,), thick, cv2.LINE_AA, 4)
    return _laid(grey, np.asarray(body / 255, np.float32), _METAL)


@concept("opacity", title="Opacity in a lung")
def opacity(film: Radiograph, chance: np.random.Generator) -> Heat:
    """A roundish, patchy shadow as dense as the heart over a part of a lung."""
    grey, inside = _grey(film), lung_network.segment(film)
    height, width = grey.shape
    middle = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    places = np.argwhere(middle > min(_INNER * max(grey.shape), 0.7 * float(middle.max())))
    y, x = places[chance.integers(len(places))]
    radius = chance.uniform(0.07, 0.13) * min(height, width)
    down, across = np.ogrid[:height, :width]
    ball = np.clip(1 - ((down - y) ** 2 + (across - x) ** 2) / radius**2, 0, 1)
    rough = cv2.resize(
        chance.standard_normal((12, 12)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    cover = np.minimum(1, 1.6 * ball * np.clip(1 + 0.25 * rough, 0.4, 1.6)) * chance.uniform(0.75, 1.0)
    rim = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), max(1.0, 0.006 * max(grey.shape)))
    x0, y0, x1, y1 = map(int, _box(inside))
    between = grey[y0:y1, x0:x1][~inside[y0:y1, x0:x1]]
    dense = float(np.percentile(between, _DENSE)) if between.size else 0.8
    return np.asarray(grey + cover * rim * np.maximum(dense - grey, 0), np.float32)


@concept("over-exposed", title="Over-exposed")
def over_exposed(film: Radiograph, chance: np.random.Generator) -> Heat:
    """An overexposed film: everything is darker, and the finest vessels of the lungs disappear."""
    grey = _grey(film)
    lost = np.float32(chance.uniform(0.06, 0.14))  # share of the darkest pixels, which become black
    curve = chance.uniform(1.5, 2.2)
    return np.asarray(np.clip((grey - lost) / (1 - lost), 0, 1) ** curve, np.float32)


@concept("rotated", title="Rotated")
def rotated(film: Radiograph, chance: np.random.Generator) -> Heat:
    """The film is rotated by 8 to 20 degrees; the uncovered corners are filled from its edges."""
    grey = _grey(film)
    x0, y0, x1, y1 = film_box(film)  # a black frame stays upright: it is cropped before the network sees it
    size = x1 - x0, y1 - y0
    angle = chance.uniform(8, 20) * (1 if chance.integers(2) else -1)
    turn = cv2.getRotationMatrix2D((size[0] / 2 - 0.5, size[1] / 2 - 0.5), float(angle), 1.0)
    # Otherwise the network would see black corners rather than the rotation.
    inside = cv2.warpAffine(grey[y0:y1, x0:x1], turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    grey[y0:y1, x0:x1] = inside
    return grey


def _grey(film: Radiograph) -> Heat:
    return windowed(film.pixels, film.black, film.white)


def _laid(grey: Heat, ink: Heat, level: float) -> Heat:
    """The film with the ink (0 to 1) wherever that is brighter; its edge is as soft as a film's."""
    soft = cv2.GaussianBlur(ink, (0, 0), max(0.6, 0.0006 * max(grey.shape)))
    return np.asarray(grey + soft * np.maximum(np.float32(level) - grey, 0), np.float32)


def _ink(film: Radiograph, text: str, at: tuple[float, float], *, size: float, turn: float = 0.0) -> Heat:
    """(H, W) 0 to 1, the text centred at (x, y), in shares of the film without empty margins, and kept inside it."""
    left, top, right, bottom = film_box(film)
    wide, high = right - left, bottom - top
    letters = font(max(6, round(size * max(wide, high))))
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    x0, y0, x1, y1 = probe.multiline_textbbox((0, 0), text, font=letters)
    x = left + min(max(at[0] * wide, (x1 - x0) / 2 + 2), wide - (x1 - x0) / 2 - 2)
    y = top + min(max(at[1] * high, (y1 - y0) / 2 + 2), high - (y1 - y0) / 2 - 2)
    sheet = Image.new("L", film.pixels.shape[::-1])
    ImageDraw.Draw(sheet).multiline_text((x - (x0 + x1) / 2, y - (y0 + y1) / 2), text, fill=255, font=letters)
    if turn:
        sheet = sheet.rotate(turn, Image.Resampling.BILINEAR, center=(x, y))
    return np.asarray(np.asarray(sheet) / 255, np.float32)


def _chest(film: Radiograph) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of the lungs together, in px; where they usually are if none are found."""
    try:
        return _box(lung_network.segment(film))
    except NoLungs:
        height, width = film.pixels.shape
        return _CHEST[0] * width, _CHEST[1] * height, _CHEST[2] * width, _CHEST[3] * height


def _box(inside: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _curve(through: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(n, 2) a smooth curve through the points, a Catmull-Rom spline."""
    ends = [through[0], *through, through[-1]]
    steps = np.linspace(0, 1, 24)[:, None]
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        part = 2 * b + (c - a) * steps + (2 * a - 5 * b + 4 * c - d) * steps**2 + (3 * b - a - 3 * c + d) * steps**3
        parts.append(part / 2)
    return np.concatenate(parts)


def _whole(pair: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(pair[0])), round(float(pair[1]))
