"""Cables, electrodes, tubes, ports and pacemakers drawn onto films, with the mask of what was drawn.

What is denser takes more of the beam: a device brightens each pixel by a share of what is left to white. Ribs and
heart stay visible through it, as on real films.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Pixels8 = NDArray[np.uint8]
_FINE = 2  # drawn at so many times the size and averaged down, since a lead is about a pixel wide
_COUNTED = 0.06  # of the way to white: the faintest that counts as drawn


def with_devices(film: Pixels8, chance: Generator, *, fewest: int = 1) -> tuple[Pixels8, Pixels8]:
    """The film (S, S) with `fewest` to four devices, and their mask (S, S), 0 or 255."""
    density = np.zeros(film.shape, np.float32)
    for _ in range(int(chance.integers(fewest, 5))):
        device = _DEVICES[int(chance.choice(len(_DEVICES), p=_SHARES))]
        density = 1 - (1 - density) * (1 - device(len(film), chance))
    room = np.float32(255) - film
    bright = film + room * density
    return np.round(bright).astype(np.uint8), ((room * density > 255 * _COUNTED) * 255).astype(np.uint8)


def _lead(side: int, chance: Generator) -> NDArray[np.float32]:
    """A cable in a wide curve over the film."""
    return _stroke(side, _curve(chance, chance.uniform(0, 1, (4, 2))), chance, chance.uniform(0.002, 0.009))


def _electrode(side: int, chance: Generator) -> NDArray[np.float32]:
    """A snap or ring, most of them with the cable that ends in it."""
    centre, radius = chance.uniform(0.08, 0.92, 2), chance.uniform(0.010, 0.026)
    canvas = _canvas(side)
    hollow = chance.random() < 0.5
    width = max(1, round(radius * 0.4 * len(canvas))) if hollow else -1
    cv2.circle(canvas, _pixel(centre, canvas), round(radius * len(canvas)), (1.0,), width, cv2.LINE_AA)
    density = _small(canvas, side, chance.uniform(0.3, 0.9))
    if chance.random() < 0.7:
        ways = np.vstack([centre, centre + chance.normal(0, 0.15, 2), chance.uniform(-0.1, 1.1, (2, 2))])
        cable = _stroke(side, _curve(chance, ways), chance, chance.uniform(0.002, 0.006))
        density = np.maximum(density, cable)
    return density


def _tube(side: int, chance: Generator) -> NDArray[np.float32]:
    """A tube down the middle, into a lung or from the arm to the heart: a line, or two edges and a stripe."""
    top = np.array([chance.uniform(0.42, 0.58), -0.05])
    if chance.random() < 0.5:  # a central line from the neck or the arm
        top = np.array([chance.uniform(0, 1), chance.uniform(0, 0.25)])
    end = np.array([chance.uniform(0.35, 0.65), chance.uniform(0.25, 0.9)])
    ways = np.vstack([top, top + (end - top) * 0.4 + chance.normal(0, 0.06, 2), end + chance.normal(0, 0.06, 2), end])
    line = _curve(chance, ways)
    if chance.random() < 0.5:
        return _stroke(side, line, chance, chance.uniform(0.004, 0.010))
    outer, inner = (_stroke(side, line, chance, width, strength=0.3) for width in (0.024, 0.014))
    edges: NDArray[np.float32] = np.maximum(outer - inner, 0)
    return np.maximum(edges, _stroke(side, line, chance, 0.004))


def _pacemaker(side: int, chance: Generator) -> NDArray[np.float32]:
    """A metal can below a collar bone and one or two leads to the heart."""
    left = chance.random() < 0.5
    centre = np.array([chance.uniform(0.12, 0.28) if left else chance.uniform(0.72, 0.88), chance.uniform(0.15, 0.35)])
    canvas = _canvas(side)
    axes = (round(chance.uniform(0.04, 0.07) * len(canvas)), round(chance.uniform(0.035, 0.06) * len(canvas)))
    cv2.ellipse(canvas, _pixel(centre, canvas), axes, chance.uniform(0, 180), 0, 360, (1.0,), -1, cv2.LINE_AA)
    density = _small(canvas, side, chance.uniform(0.5, 0.95))
    for _ in range(int(chance.integers(1, 3))):
        heart = np.array([chance.uniform(0.45, 0.68), chance.uniform(0.5, 0.75)])
        ways = np.vstack([centre, centre - (0.0, 0.08), [0.5, 0.25], heart]) + chance.normal(0, 0.03, (4, 2))
        density = np.maximum(density, _stroke(side, _curve(chance, ways), chance, chance.uniform(0.004, 0.009)))
    return density


def _wires(side: int, chance: Generator) -> NDArray[np.float32]:
    """Loops of wire or clips along the breastbone."""
    density = np.zeros((side, side), np.float32)
    x, y = chance.uniform(0.44, 0.56), chance.uniform(0.2, 0.35)
    for loop in range(int(chance.integers(3, 7))):
        canvas = _canvas(side)
        centre = np.array([x + chance.normal(0, 0.008), y + 0.075 * loop])
        axes = (round(chance.uniform(0.012, 0.022) * len(canvas)), round(chance.uniform(0.008, 0.018) * len(canvas)))
        cv2.ellipse(canvas, _pixel(centre, canvas), axes, chance.uniform(-40, 40), 0, 360, (1.0,), _FINE, cv2.LINE_AA)
        density = np.maximum(density, _small(canvas, side, chance.uniform(0.4, 0.9)))
    return density


_DEVICES: tuple[Callable[[int, Generator], NDArray[np.float32]], ...] = (_lead, _electrode, _tube, _pacemaker, _wires)
_SHARES = (0.35, 0.30, 0.20, 0.10, 0.05)


def _curve(chance: Generator, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(64, 2) a Bezier curve of third degree through the first and the last of four points, x and y as shares."""
    t = np.linspace(0, 1, 64)[:, None]
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    line = np.sum([weight * point for weight, point in zip(weights, points, strict=True)], axis=0)
    return np.asarray(line)


def _stroke(
    side: int, line: NDArray[np.float64], chance: Generator, width: float, *, strength: float = 0.0
) -> NDArray[np.float32]:
    canvas = _canvas(side)
    way = np.round(line * len(canvas)).astype(np.int32)
    cv2.polylines(canvas, [way], False, (1.0,), max(1, round(width * len(canvas))), cv2.LINE_AA)
    return _small(canvas, side, strength or chance.uniform(0.15, 0.75))


def _canvas(side: int) -> NDArray[np.float32]:
    return np.zeros((_FINE * side, _FINE * side), np.float32)


def _pixel(point: NDArray[np.float64], canvas: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(point[0]) * len(canvas)), round(float(point[1]) * len(canvas))


def _small(canvas: NDArray[np.float32], side: int, strength: float) -> NDArray[np.float32]:
    drawn = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(drawn * np.float32(strength), np.float32)
