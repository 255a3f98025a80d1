"""Pictures that are not an upright frontal chest: films spoiled on purpose, and drawings. Gates are fitted and measured
on them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import SupportsInt

import cv2
import numpy as np

from core.image.arrangement import through
from core.image.phantom import draw
from core.image.prepare import windowed
from core.types import Grey, Origin, Radiograph

SIDE = 256  # px of a drawing
FRONTAL = "upright frontal chest"
_MADE = Origin(format="PNG", mode="L", bits=8)
Change = Callable[[Grey, np.random.Generator], Grey]


@dataclass(frozen=True)
class Kind:
    """A kind of picture that is not an upright frontal chest.

    name:   for sentences: "This looks like ...".
    change: the grey (H, W), 0 to 1, of a frontal film, changed; a drawing ignores it.
    """

    name: str
    change: Change

    def of(self, film: Radiograph, chance: np.random.Generator) -> Radiograph:
        """The picture of this kind, made from the film."""
        film = through(film, "")
        return _picture(self.change(windowed(film.pixels, film.black, film.white), chance), self.name)


def _picture(grey: Grey, name: str) -> Radiograph:
    return Radiograph((grey.clip(0, 1) * 255).round().astype(np.uint8), name, 0, 255, _MADE)


def _on_its_side(grey: Grey, chance: np.random.Generator) -> Grey:
    return np.rot90(grey, int(chance.choice((1, 3))))


def _upside_down(grey: Grey, chance: np.random.Generator) -> Grey:
    return np.rot90(grey, 2)


def _inverted(grey: Grey, chance: np.random.Generator) -> Grey:
    return 1 - grey


def _part(grey: Grey, chance: np.random.Generator) -> Grey:
    """A window of 30 to 50 % of each side."""
    height, width = (max(8, round(side * float(chance.uniform(0.3, 0.5)))) for side in grey.shape)
    top, left = chance.integers(grey.shape[0] - height + 1), chance.integers(grey.shape[1] - width + 1)
    return grey[top : top + height, left : left + width]


def _blank(grey: Grey, chance: np.random.Generator) -> Grey:
    level = float(chance.uniform(0.1, 0.9))
    return np.asarray(level + 0.03 * cloud(chance, float(chance.uniform(1, 30))), np.float32)


def _lateral(grey: Grey, chance: np.random.Generator) -> Grey:
    """A chest seen from the side: one dark field between breastbone and spine, oblique ribs, heart in front."""
    picture = np.full((SIDE, SIDE), 0.55, np.float32)
    middle = (int(chance.integers(115, 145)), int(chance.integers(110, 140)))
    _oval(picture, middle, (chance.integers(55, 80), chance.integers(85, 115)), float(chance.uniform(5, 20)), 0.18)
    back = int(chance.integers(180, 215))
    for step, top in enumerate(range(-8, SIDE, 17)):
        cv2.rectangle(picture, (back + step, top), (back + step + 24, top + 13), (0.85,), -1)
    for rib in range(8):
        top = 30 + 26 * rib
        cv2.line(picture, (back, top), (60, top + int(chance.integers(25, 60))), (0.42,), 3)
    _oval(picture, (95, 165), (chance.integers(30, 45), chance.integers(28, 42)), 30.0, 0.75)
    _oval(picture, (130, 245), (110, chance.integers(35, 55)), 5.0, 0.8)
    return _exposed(picture if chance.random() < 0.5 else picture[:, ::-1], chance)


def _slice(grey: Grey, chance: np.random.Generator) -> Grey:
    """An axial CT slice: an oval body on black, two dark lungs, spine and heart."""
    picture = np.zeros((SIDE, SIDE), np.float32)
    middle = (128, int(chance.integers(118, 140)))
    _oval(picture, middle, (chance.integers(95, 122), chance.integers(65, 95)), 0.0, 0.6)
    for side in (-1, 1):
        lung = (128 + side * int(chance.integers(42, 52)), middle[1])
        _oval(picture, lung, (chance.integers(28, 40), chance.integers(42, 60)), side * 8.0, 0.08)
    _oval(picture, (128 + int(chance.integers(0, 18)), middle[1] - 12), (28, 30), 20.0, 0.7)
    _oval(picture, (128, middle[1] + 52), (13, 15), 0.0, 0.95)
    return _exposed(picture, chance, blur=1.0)


def _page(grey: Grey, chance: np.random.Generator) -> Grey:
    """A page with lines of text, bars and a curve."""
    page = np.full((SIDE, SIDE), int(chance.integers(215, 255)), np.uint8)
    for top in range(20, SIDE, int(chance.integers(14, 30))):
        text = "".join(chance.choice(list("abcdefghik lmnorstu "), 28))
        cv2.putText(page, text, (8, top), cv2.FONT_HERSHEY_SIMPLEX, float(chance.uniform(0.3, 0.6)), (25,), 1)
    for left in chance.integers(0, SIDE, 4):
        cv2.rectangle(page, (int(left), int(chance.integers(SIDE))), (int(left) + 20, SIDE), (100,), -1)
    picture = np.asarray(page / 255, np.float32)
    return picture if chance.random() < 0.6 else 1 - picture


def _texture(grey: Grey, chance: np.random.Generator) -> Grey:
    """Clouds of one or two sizes, a gradient, discs: what a photograph may look like in grey."""
    fine, coarse = cloud(chance, float(chance.uniform(0.5, 5))), cloud(chance, float(chance.uniform(8, 50)))
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    lean = chance.normal(0, 0.15, 2)
    picture = 0.5 + chance.uniform(0, 0.2) * fine + chance.uniform(0, 0.25) * coarse + lean[0] * x + lean[1] * y
    picture = np.asarray(picture, np.float32)
    for _ in range(int(chance.integers(0, 6))):
        middle = (int(chance.integers(SIDE)), int(chance.integers(SIDE)))
        _oval(
            picture,
            middle,
            (chance.integers(8, 80), chance.integers(8, 80)),
            float(chance.uniform(0, 180)),
            float(chance.random()),
        )
    return picture


def cloud(chance: np.random.Generator, size: float) -> Grey:
    """(SIDE, SIDE) smooth noise with deviation 1; size: of its grains, in px."""
    noise = cv2.GaussianBlur(chance.standard_normal((SIDE, SIDE), dtype=np.float32), (0, 0), size)
    return np.asarray((noise - noise.mean()) / (noise.std() + 1e-6), np.float32)


def _exposed(picture: Grey, chance: np.random.Generator, *, blur: float | None = None) -> Grey:
    soft = cv2.GaussianBlur(picture, (0, 0), blur or float(chance.uniform(2, 5)))
    soft = soft + 0.03 * cloud(chance, 6) + 0.02 * cloud(chance, 1)
    return np.asarray(soft * chance.uniform(0.8, 1.1), np.float32)


def _oval(
    picture: Grey, middle: tuple[int, int], axes: tuple[SupportsInt, SupportsInt], turn: float, grey: float
) -> None:
    cv2.ellipse(picture, middle, (int(axes[0]), int(axes[1])), turn, 0, 360, (grey,), -1, cv2.LINE_AA)


def _lateral_phantom(grey: Grey, chance: np.random.Generator) -> Grey:
    """A drawn chest with one lung only, stretched over the whole film: one dark field, as seen from the side."""
    film = draw(seed=int(chance.integers(10**6)), height=SIDE, width=SIDE).radiograph
    drawn = windowed(film.pixels, film.black, film.white)
    half = drawn[:, : SIDE // 2 + 16] if chance.random() < 0.5 else drawn[:, SIDE // 2 - 16 :]
    return np.asarray(cv2.resize(half, (round(SIDE * float(chance.uniform(0.7, 1.0))), SIDE)), np.float32)


def _leaves(grey: Grey, chance: np.random.Generator) -> Grey:
    """Discs that cover each other, with radii by a power law: the statistics of natural photographs.

    Source: Lee, Mumford and Huang 2001, doi:10.1023/A:1011109015675 (dead leaves model).
    """
    picture = np.full((SIDE, SIDE), 0.5, np.float32)
    for _ in range(600):
        radius = int(min(SIDE / 2, 3 * (1 - float(chance.random())) ** -0.5))
        middle = (int(chance.integers(SIDE)), int(chance.integers(SIDE)))
        cv2.circle(picture, middle, radius, (float(chance.random()),), -1, cv2.LINE_AA)
    return np.asarray(picture + 0.03 * cloud(chance, 0.7), np.float32)


KINDS = (
    Kind("a chest on its side", _on_its_side),
    Kind("a chest upside-down", _upside_down),
    Kind("a film with inverted grey scale", _inverted),
    Kind("a part of a film", _part),
    Kind("a blank film", _blank),
    Kind("a lateral view", _lateral),
    Kind("a CT slice", _slice),
    Kind("a page or a chart", _page),
    Kind("a photograph or a texture", _texture),
)
# Kinds that no gate is fitted on; gates are measured on them.
UNSEEN = (
    Kind("a lateral view made of a phantom", _lateral_phantom),
    Kind("a texture like a photograph's", _leaves),
)
