"""Drawn cases to start with: synthetic films, each with a story, whose truth is known to the pixel."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image.anatomy import Points
from core.image.phantom import DRAWN, STEPS, WHITE, Opacity, draw
from core.types import Plane, Radiograph

SIDE = 1024  # px
_WRIST = np.array([500.0, 900.0])  # of the hand, in px of SIDE, as below
_FINGERS = (  # knuckle and tip of each
    ((330, 560), (200, 240)),
    ((420, 500), (370, 120)),
    ((510, 490), (530, 90)),
    ((600, 520), (690, 150)),
    ((330, 760), (110, 540)),
)


@dataclass(frozen=True)
class DrawnCase:
    """A film that is drawn when it is opened, the same to the last bit each time.

    story: one line on its content and what to look for.
    film:  side in px -> the film; its `planes` hold what was drawn into it as a finding.
    """

    title: str
    story: str
    film: Callable[[int], Radiograph]

    @property
    def file_name(self) -> str:
        """The title as a file name without its ending."""
        return "-".join(re.findall(r"[a-z0-9]+", self.title.lower()))


def case(number: int) -> DrawnCase:
    """Any number from 0: those of `CASES`, then further chests, about half of them with an opacity in a lung.

    Raises: ValueError below 0.
    """
    if number < 0:
        raise ValueError(f"there is no case {number}; they count from 0")
    if number < len(CASES):
        return CASES[number]
    title, chance = f"Drawn chest {number}", np.random.default_rng(number)
    if chance.random() < 0.5:
        return DrawnCase(title, "Nothing is drawn into these lungs.", partial(_chest, number, title))
    right, upper = chance.random(2) < 0.5
    where = f"{'right' if right else 'left'} lung"
    opacity = Opacity(0.28 if right else 0.74, 0.30 if upper else 0.60, radius=float(chance.uniform(0.05, 0.08)))
    story = f"One opacity is drawn into the {where}."
    return DrawnCase(title, story, partial(_chest, number, title, opacity=opacity, where=where))


def _chest(seed: int, title: str, side: int, *, opacity: Opacity | None = None, where: str = "") -> Radiograph:
    phantom = draw(seed=seed, height=side, width=side, opacity=opacity)
    planes = (Plane(f"Drawn opacity, {where}", phantom.opacity, is_truth=True),) if opacity else ()
    return replace(phantom.radiograph, name=title, planes=planes)


def _burnt_in(title: str, side: int) -> Radiograph:
    """A normal chest with letters as a mobile unit burns them in."""
    film = _chest(3, title, side)
    letters, scale = np.zeros(film.pixels.shape, np.uint8), side / SIDE
    for text, x, y in (("PORTABLE", 640, 70), ("AP ERECT", 640, 120), ("07:42", 640, 170), ("L", 940, 300)):
        at, size = (round(x * scale), round(y * scale)), (2.2 if len(text) == 1 else 1.4) * scale
        cv2.putText(letters, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (255,), max(1, round(3 * scale)), cv2.LINE_AA)
    pixels = np.maximum(film.pixels, (letters / 255 * WHITE).astype(np.uint16))
    return replace(film, pixels=pixels)


def _upside_down(title: str, side: int) -> Radiograph:
    film = _chest(2, title, side, opacity=Opacity(0.72, 0.5, radius=0.06), where="left lung")
    planes = tuple(replace(plane, shape=np.rot90(plane.shape, 2)) for plane in film.planes)
    return replace(film, pixels=np.rot90(film.pixels, 2), planes=planes)


def _hand(title: str, side: int) -> Radiograph:
    """A hand: soft tissue and bones as rounded limbs, exposed like a chest."""
    chance, scale = np.random.default_rng(0), side / SIDE
    flesh, bone = np.zeros((2, side, side), np.float32)

    def limb(canvas: NDArray[np.float32], start: Points, end: Points, thick: float, thin: float) -> None:
        stencil = np.zeros(canvas.shape, np.uint8)
        for along in np.linspace(0, 1, 40):
            x, y = np.round((start + (end - start) * along) * scale * 16).astype(int).tolist()
            cv2.circle(stencil, (x, y), round((thick + (thin - thick) * along) * scale * 16), (255,), -1, shift=4)
        depth = np.minimum(cv2.distanceTransform(stencil, cv2.DIST_L2, 5) / (thick * scale), 1)
        np.maximum(canvas, np.sqrt(depth * (2 - depth)), out=canvas)

    for (x, y), (tip_x, tip_y) in _FINGERS:
        knuckle, tip = np.array([x, y], float), np.array([tip_x, tip_y], float)
        root = knuckle + (_WRIST - knuckle) * 0.75
        limb(flesh, root, knuckle, 80, 48)
        limb(flesh, knuckle, tip, 48, 34)
        joints = [root, knuckle, knuckle + (tip - knuckle) * 0.45, knuckle + (tip - knuckle) * 0.74, tip]
        for place, (start, end) in enumerate(pairwise(joints)):
            limb(bone, start + (end - start) * 0.05, start + (end - start) * 0.95, 21 - 2 * place, 18 - 2 * place)
            limb(bone, end, end, 24 - 3 * place, 24 - 3 * place)
    limb(flesh, np.array([500.0, 840.0]), np.array([500.0, 1120.0]), 115, 110)
    for x, y in ((430, 850), (480, 835), (530, 838), (575, 850), (450, 895), (510, 890), (565, 900)):
        limb(bone, np.array([x, y], float), np.array([x, y], float), 29, 29)
    for x, thick in ((455, 46), (556, 32)):  # radius and ulna
        limb(bone, np.array([x, 955.0]), np.array([x, 1100.0]), thick, thick)

    light = np.exp(-0.9 * flesh - 1.2 * bone * np.minimum(2 * flesh, 1))
    light += 0.015 * np.sqrt(light) * chance.standard_normal(light.shape, dtype=np.float32)
    grey = 1 - cv2.GaussianBlur(light, (0, 0), 1.1 * scale)
    pixels = np.clip(np.round(grey / 0.9 * WHITE), 0, WHITE).astype(np.uint16)
    return Radiograph(pixels, title, 0, WHITE, DRAWN, steps=STEPS)


def _cases() -> tuple[DrawnCase, ...]:
    right = Opacity(0.28, 0.56, radius=0.07)
    behind = Opacity(0.58, 0.56, radius=0.06, strength=1.0, behind_heart=True)
    drawings: tuple[tuple[str, str, Callable[[str, int], Radiograph]], ...] = (
        (
            "Opacity, right lung",
            "One opacity is drawn into the right lung. Does the heat lie on it?",
            partial(_chest, 0, opacity=right, where="right lung"),
        ),
        ("Normal chest", "Nothing is drawn into these lungs. Does the model agree?", partial(_chest, 1)),
        (
            "Behind the heart",
            "Easily missed: an opacity where the heart covers the lung.",
            partial(_chest, 4, opacity=behind, where="behind the heart"),
        ),
        ("Marker and text", "A normal chest with burnt-in text. Does the model look at the letters?", _burnt_in),
        ("Upside-down", "Stored upside-down. The answer is withheld until the film is rotated.", _upside_down),
        ("Not a chest", "A hand. A classifier names a finding anyway; Lightbox withholds it.", _hand),
    )
    return tuple(DrawnCase(title, story, partial(film, title)) for title, story, film in drawings)


CASES = _cases()
