"""A synthetic frontal PA chest radiograph, whose lungs and opacity are known to the pixel.

Attenuation is summed along each ray through soft tissue, air and bone, then exposed: beam, scatter, noise, blur.
The patient's right is on screen left. Pages label it as drawn; the pixels carry no text but the side letter.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.image import anatomy
from core.image.anatomy import AIR, SOFT, Canvas, Plate, points
from core.types import Origin, Radiograph, seal

Mask = NDArray[np.bool_]

SMALLEST = 64  # px per side
WHITE = 4095  # 12 bits
DRAWN = Origin(format="drawn", mode="I;16", bits=12)
STEPS = ("Drawn by Lightbox: synthetic, no patient data.",)  # part of the keys of the films in the shipped atlases
LETTER_R = points((-4, 6), (-4, -6), (1, -6), (4, -4.5), (4, -1.5), (1, 0), (-4, 0), (0, 0), (4.5, 6))  # mm


@dataclass(frozen=True)
class Opacity:
    """A roundish consolidation at a chosen place.

    x, y:     its centre, as fractions of the film's width and height.
    radius:   as a fraction of the film's shorter side.
    strength: share of the air that it replaces, above 0 to 1 (1 is as dense as the heart).
    behind_heart: whether it lies in the lung that the heart covers, where little air is left to replace.
    """

    x: float
    y: float
    radius: float = 0.07
    strength: float = 0.8
    behind_heart: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1 and 0 < self.radius <= 0.5 and 0 < self.strength <= 1):
            raise ValueError(f"{self} is out of bounds: x, y 0 to 1; radius above 0 to 0.5; strength above 0 to 1")


@dataclass(frozen=True, eq=False)
class Phantom:
    """A drawn radiograph with its ground truth.

    lungs:   (H, W) bool, the lung fields seen clear of heart, mediastinum and diaphragm.
    opacity: (H, W) bool, where the opacity replaced their air; all False without an opacity.
    """

    radiograph: Radiograph
    lungs: Mask
    opacity: Mask

    def __post_init__(self) -> None:
        object.__setattr__(self, "lungs", seal(self.lungs))
        object.__setattr__(self, "opacity", seal(self.opacity))


def draw(*, seed: int = 0, height: int = 1024, width: int = 1024, opacity: Opacity | None = None) -> Phantom:
    """A frontal chest with its lungs and opacity; the same seed and size give the same film to the last bit.

    The seed determines build, ribs, vessels, heart, tilt and exposure. Pixels are uint16 of 12 bits, bone bright.
    Raises: ValueError if a side is below 64 px, or the opacity touches no lung.
    """
    if min(height, width) < SMALLEST:
        raise ValueError(f"{width} x {height} px is too small for a phantom, expected {SMALLEST} or more a side")
    chance = np.random.default_rng(seed)
    plate = Plate(height, width, chance)
    heart = plate.fill(anatomy.HEART * chance.normal(1, 0.04, 2))
    middle = plate.fill(anatomy.MEDIASTINUM)
    cavity, below = anatomy.cavity(plate, chance)
    lungs = (cavity & ~heart & ~middle & ~below).astype(bool)

    air = 150 * plate.rounded(cavity, 62)  # mm of aerated lung along the ray
    air *= 1 - 0.80 * plate.rounded(below, 9) - 0.20 * plate.rounded(below, 60)
    air *= 1 - np.maximum(0.75 * plate.rounded(middle, 8), 0.78 * plate.rounded(heart, 24))
    attenuation = SOFT * (anatomy.body(plate, chance) - air) + AIR * air
    attenuation += 0.02 * plate.cloud(chance, 40, 5) + 0.012 * plate.cloud(chance, 6, 3) * (air / 150)
    attenuation += anatomy.vessels(plate, chance) * np.clip(air / 90, 0, 1) ** 2
    for gas, depth in ((anatomy.STOMACH, chance.uniform(5, 30)), (anatomy.WINDPIPE, 20.0)):
        attenuation -= SOFT * depth * plate.rounded(plate.fill(gas), 8)
    attenuation += anatomy.skeleton(plate, chance)

    planted = np.zeros((height, width), bool)
    if opacity is not None:
        ball = _ball(plate, opacity)  # drawn last: the same seed gives the same film with and without it
        field = (cavity & heart & ~below).astype(bool) if opacity.behind_heart else lungs
        planted = (ball > 0) & field
        if not planted.any():
            raise ValueError(f"{opacity} touches no lung of phantom {seed}")
        attenuation += np.minimum(ball, air) * np.float32(opacity.strength * (SOFT - AIR))

    film = Radiograph(
        pixels=_exposed(plate, np.maximum(attenuation, 0), lungs, chance),
        name=f"phantom {seed}",
        black=0,
        white=WHITE,
        origin=DRAWN,
        spacing=(plate.spacing, plate.spacing),
        view="PA",
        steps=STEPS,
    )
    return Phantom(film, lungs, planted)


def _ball(plate: Plate, opacity: Opacity) -> Canvas:
    """(H, W) mm of the opacity along the ray, its rim uneven."""
    y, x = np.ogrid[: plate.height, : plate.width]
    radius = opacity.radius * min(plate.height, plate.width)
    off = np.hypot(x + 0.5 - opacity.x * plate.width, y + 0.5 - opacity.y * plate.height) / radius
    patchy = plate.cloud(np.random.default_rng(1), 14, 4)
    depth = np.maximum(1 - off**2, 0) * np.clip(1 + 0.2 * patchy, 0.4, 1.6)
    return np.asarray(3.5 * radius * plate.spacing * depth, np.float32)


def _exposed(plate: Plate, attenuation: Canvas, lungs: Mask, chance: np.random.Generator) -> NDArray[np.uint16]:
    """(H, W) the film: beam falloff, scatter, quantum noise, blur and the reader's usual windowing."""
    y, x = np.ogrid[-1 : 1 : plate.height * 1j, -1 : 1 : plate.width * 1j]
    lean = chance.normal(0, 0.05, 2)
    beam = (1 - 0.08 * (x**2 + y**2) + lean[0] * x + lean[1] * y).astype(np.float32)
    light = np.exp(-attenuation) * beam
    small = cv2.resize(light, (64, 64), interpolation=cv2.INTER_AREA)
    light += 0.10 * cv2.resize(cv2.GaussianBlur(small, (0, 0), 6), (plate.width, plate.height))
    light = cv2.GaussianBlur(light, (0, 0), max(0.45, 0.25 / plate.spacing))
    quanta = chance.normal(9000, 1500) * (plate.spacing / 0.37) ** 2  # a pixel in the open beam
    light += np.sqrt(light / max(quanta, 1)) * chance.standard_normal(light.shape, dtype=np.float32)
    density = -np.log(np.maximum(light, 1e-4))
    low = float(np.percentile(density[lungs], 5)) * chance.uniform(0.5, 0.65)
    high = float(np.percentile(density, 99.5))
    toe = np.logaddexp(0, 9 * (density - low) / (high - low)) / 9  # film darkens softly towards black
    grey = 100 + (WHITE - 450) * np.clip(toe, 0, 1.1)
    _mark(plate, grey, chance)
    film: NDArray[np.uint16] = np.clip(np.round(grey), 0, WHITE).astype(np.uint16)
    return film


def _mark(plate: Plate, grey: Canvas, chance: np.random.Generator) -> None:
    """A lead R at the patient's right shoulder, a little askew, as technicians place it."""
    askew = np.radians(chance.normal(0, 6))
    turn = np.array([[np.cos(askew), -np.sin(askew)], [np.sin(askew), np.cos(askew)]])
    corner = np.array([20.0, 22.0]) / plate.spacing + chance.normal(0, 4, 2) / plate.spacing
    stroke = np.round((LETTER_R @ turn.T / plate.spacing + corner) * 16).astype(np.int32)
    stencil = np.zeros(grey.shape, np.uint8)
    cv2.polylines(stencil, [stroke], False, (255,), max(1, round(1.8 / plate.spacing)), cv2.LINE_AA, 4)
    cover = cv2.GaussianBlur(stencil, (0, 0), 0.8).astype(np.float32) / 255
    grey += cover * (0.97 * WHITE - grey)
