"""The shapes of the drawn chest, and the brushes that draw them.

Everything is in millimetres of the body: x from the midline to screen right (the patient's left), y down from the
lung tips. A function gives attenuation, thickness or a mask on the whole film.
"""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Canvas = NDArray[np.float32]
Stencil = NDArray[np.uint8]
Points = NDArray[np.float64]

SOFT, AIR = 0.0165, 0.0048  # attenuation per mm of soft tissue and of aerated lung


def points(*pairs: tuple[float, float]) -> Points:
    """(n, 2) mm from pairs of x and y."""
    return np.array(pairs, np.float64)


CAVITY = points((12, 20), (30, 2), (55, -3), (84, 14), (108, 52), (124, 100), (133, 155), (138, 210), (139, 262),
                (120, 300), (60, 300), (12, 290))  # fmt: skip
MEDIASTINUM = points((-24, -90), (24, -90), (20, -20), (24, 10), (29, 45), (37, 58), (35, 74), (30, 84),
                     (38, 100), (42, 122), (30, 330), (-26, 330), (-30, 160), (-27, 110), (-24, 70), (-26, 20),
                     (-20, -20))  # fmt: skip
HEART = points((32, 100), (42, 120), (56, 141), (73, 164), (84, 188), (84, 206), (70, 219), (20, 228), (-28, 220),
               (-40, 190), (-42, 165), (-33, 138), (-20, 115), (10, 95))  # fmt: skip
WINDPIPE = points((-8, -95), (8, -95), (7, -20), (6, 40), (8, 66), (26, 90), (22, 95), (0, 76), (-20, 93), (-25, 87),
                  (-9, 64), (-8, 40), (-8, -20))  # fmt: skip
TRUNK = points((-52, -140), (52, -140), (54, -80), (60, -52), (95, -36), (150, -30), (195, -14), (190, 40), (172, 90),
               (164, 150), (160, 220), (150, 300), (150, 620), (-150, 620), (-150, 300), (-160, 220), (-164, 150),
               (-172, 90), (-190, 40), (-195, -14), (-150, -30), (-95, -36), (-60, -52), (-54, -80))  # fmt: skip
STOMACH = points((38, 232), (60, 224), (84, 232), (88, 244), (64, 250), (42, 246))
CLAVICLE = points((14, 24), (40, 16), (72, 4), (105, -12), (135, -22), (160, -24))
BLADE = points((112, 2), (140, -12), (166, -4), (172, 22), (160, 50), (150, 92), (141, 128), (134, 122), (128, 80))
FINEST = 0.28  # mm, radius of the last vessels drawn
# Direction from the hilum (radians below the horizontal, outwards) and first radius in mm: the bases get the most.
BRANCHES = ((-1.25, 2.6), (-0.75, 2.5), (-0.3, 2.3), (0.2, 2.7), (0.6, 3.3), (0.95, 3.8), (1.3, 3.6))
MIRROR = np.array([-1.0, 1.0])


class Plate:
    """Maps millimetres of the body to pixels of the film, and draws there."""

    def __init__(self, height: int, width: int, chance: np.random.Generator) -> None:
        elongation = max(height, width) / min(height, width)
        short = 372 - 30 * min(1.0, (elongation - 1) / 0.4)  # mm; a long film is exposed from nearer
        self.height, self.width = height, width
        self.spacing = round(short / min(height, width), 4)  # mm a pixel
        tilt = np.radians(chance.normal(0, 1.2))
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        self.matrix = turn * chance.normal(1, 0.025, 2) / self.spacing  # mm to px
        top = 52 + 0.1 * (height * self.spacing - 372) + chance.normal(0, 4)  # mm from film edge to lung tips
        self.tips = np.array([width / 2 + chance.normal(0, 4) / self.spacing, top / self.spacing])

    def px(self, at: Points) -> Points:
        """(n, 2) mm to (n, 2) px."""
        return np.asarray(at @ self.matrix.T + self.tips)

    def blank(self) -> Canvas:
        """(H, W) zeros."""
        return np.zeros((self.height, self.width), np.float32)

    def fill(self, outline: Points) -> Stencil:
        """(H, W), 1 within the closed smooth outline through (n, 2) mm."""
        stencil = np.zeros((self.height, self.width), np.uint8)
        corners = np.round(self.px(smooth(outline, closed=True)) * 16).astype(np.int32)
        cv2.fillPoly(stencil, [corners], (1,), shift=4)
        return stencil

    def rounded(self, stencil: Stencil, rim: float) -> Canvas:
        """(H, W), 0 outside the stencil, rising like a ball's edge to 1 at `rim` mm inside it."""
        depth = cv2.distanceTransform(stencil, cv2.DIST_L2, 5).astype(np.float32, copy=False)
        depth = np.minimum(depth * np.float32(self.spacing / rim), np.float32(1))
        return np.asarray(np.sqrt(depth * (2 - depth)), np.float32)

    def cloud(self, chance: np.random.Generator, grain: float, octaves: int) -> Canvas:
        """(H, W), cloudy noise of about unit standard deviation; `grain` is the coarsest, in mm."""
        total = self.blank()
        for octave in range(octaves):
            cell = max(1.0, grain / self.spacing / 2**octave)
            small = chance.normal(size=(int(self.height / cell) + 4, int(self.width / cell) + 4)).astype(np.float32)
            total += cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_CUBIC) / np.float32(
                0.7 * 2**octave
            )
        return total

    def tube(
        self,
        canvas: Canvas,
        line: Points,
        radius: float,
        peak: Points | float,
        marrow: float = 0.7,
        *,
        capped: bool = True,
    ) -> None:
        """Add a hollow bone to the canvas: (n, 2) mm of centreline, `radius` in mm, peak attenuation along it."""
        reach = int(radius / self.spacing) + 3
        track = self.px(line)
        corner = np.maximum(np.floor(track.min(0)).astype(int) - reach, 0)
        far = np.minimum(np.ceil(track.max(0)).astype(int) + reach, (self.width, self.height))
        if (far - corner < 2).any():
            return  # beyond the film
        paper = np.full((far[1] - corner[1], far[0] - corner[0]), 255, np.uint8)
        ink = np.zeros(paper.shape, np.float32)
        steps = np.round(track - corner).astype(int).tolist()
        for start, end, value in zip(steps[:-1], steps[1:], np.broadcast_to(peak, len(steps)).tolist(), strict=False):
            cv2.line(paper, start, end, (0,))
            cv2.line(ink, start, end, (value,))
        drawn = paper == 0
        if not drawn.any():
            return
        distance, nearest = cv2.distanceTransformWithLabels(paper, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        weight = np.zeros(int(nearest.max()) + 1, np.float32)
        weight[nearest[drawn]] = ink[drawn]
        if not capped:
            for x, y in (steps[0], steps[-1]):
                if 0 <= x < paper.shape[1] and 0 <= y < paper.shape[0]:
                    weight[nearest[y, x]] = 0
        across = (distance * (self.spacing / radius)) ** 2
        wall = np.sqrt(np.maximum(1 - across, 0)) - marrow * np.sqrt(np.maximum(0.64 - across, 0))
        canvas[corner[1] : far[1], corner[0] : far[0]] += (wall * weight[nearest]).astype(np.float32)


def smooth(through: Points, *, closed: bool, count: int = 160) -> Points:
    """(count, 2) points of the smooth curve through (n, 2) points."""
    if closed:
        through = np.vstack([through, through[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(through, axis=0).T) ** 0.6)])  # centripetal: no loops
    curve = CubicSpline(along, through, bc_type="periodic" if closed else "natural")
    return np.asarray(curve(np.linspace(0, along[-1], count)))


def body(plate: Plate, chance: np.random.Generator) -> Canvas:
    """(H, W) mm of body along the ray: trunk and neck, breasts, and the arms that hang away from it."""
    thick = 205 * plate.rounded(plate.fill(TRUNK), 78)
    y = ((np.arange(plate.height) - plate.tips[1]) * plate.spacing).astype(np.float32)[:, None]
    thick *= 0.66 + 0.34 * np.clip((y + 40) / 130, 0, 1)  # the shoulders are thinner than the belly
    for side in (1, -1):
        arm = points((176, -20), (214, -12), (232, 40), (262, 190), (272, 420), (214, 420), (212, 200), (184, 96))
        thick = np.maximum(thick, 120 * plate.rounded(plate.fill(arm * (side, 1)), 45))
    x = ((np.arange(plate.width) - plate.tips[0]) * plate.spacing).astype(np.float32)
    breast = np.clip(1.3 - np.hypot((np.abs(x) - 78) / 62, (y - 178) / 58), 0, 0.6)
    return np.asarray(thick + breast * np.float32(chance.uniform(0, 26)), np.float32)


def cavity(plate: Plate, chance: np.random.Generator) -> tuple[Stencil, Stencil]:
    """(H, W) the two chest cavities as seen from the front, and (H, W) what lies below the diaphragm's domes."""
    both = plate.fill(CAVITY) | plate.fill(CAVITY * MIRROR)
    below = np.zeros_like(both)
    right, left = chance.normal(196, 4), chance.normal(208, 4)  # the liver lifts the right dome
    for side, top in ((-1, right), (1, left)):
        x = np.linspace(0, 150, 16)
        dome = (
            top
            + ((left + right) / 2 + 8 - top) * np.clip(1 - x / 50, 0, 1)
            + 56 * np.clip((x - 50) / 90, 0, None) ** 2.1
        )
        outline = np.vstack([np.column_stack([x, dome]), points((150, 700), (0, 700))]) * (side, 1)
        corners = np.round(plate.px(outline) * 16).astype(np.int32)
        cv2.fillPoly(below, [corners], (1,), shift=4)
    return both, below


def vessels(plate: Plate, chance: np.random.Generator) -> Canvas:
    """(H, W) attenuation of the lung vessels: trees that leave the hila and thin out at each fork."""
    drawn = plate.blank()
    radii: list[float] = []  # mm, one per branch
    places: list[tuple[float, float]] = []  # mm, four per branch: it bends twice

    # 12,000 pieces: as plain numbers, and mapped to the film together, they take a third of the time of small arrays.
    def grow(x: float, y: float, angle: float, length: float, radius: float) -> None:
        if radius < FINEST:
            return
        radii.append(radius)
        places.append((x, y))
        for _ in range(3):
            angle += chance.normal(0, 0.13)
            x, y = x + float(np.cos(angle)) * length / 3, y + float(np.sin(angle)) * length / 3
            places.append((x, y))
        spread = chance.uniform(0.25, 0.6)
        for side in (-1, 1):
            fork = angle + side * spread * chance.uniform(0.5, 1.2)
            grow(x, y, fork, length * chance.uniform(0.7, 0.92), radius * chance.uniform(0.66, 0.8))

    for side, hilum in ((-1, points((-36, 112))), (1, points((42, 104)))):
        for direction, radius in BRANCHES:
            angle = direction + chance.normal(0, 0.1)
            x, y = (hilum[0] + chance.normal(0, 5, 2)).tolist()
            grow(x, y, angle if side > 0 else np.pi - angle, chance.uniform(24, 34), radius)
    layers: dict[int, Stencil] = {}
    bends = np.round(plate.px(np.array(places)) * 16).astype(np.int32).reshape(-1, 4, 2).tolist()
    for radius, branch in zip(radii, bends, strict=True):
        level = round(2 * float(np.log2(radius / FINEST)))
        if level not in layers:
            layers[level] = np.zeros((plate.height, plate.width), np.uint8)
        for start, end in pairwise(branch):
            cv2.line(layers[level], start, end, (255,), max(1, round(2 * radius / plate.spacing)), cv2.LINE_AA, 4)
    for level, layer in layers.items():
        radius = FINEST * 2 ** (level / 2)
        seen = cv2.GaussianBlur(layer, (0, 0), max(0.4, 0.3 * radius / plate.spacing)).astype(np.float32)
        drawn += seen * np.float32(7.5 * radius * (SOFT - AIR) / 255)  # more than a tube's 2 r: they cross in depth
    return drawn


def skeleton(plate: Plate, chance: np.random.Generator) -> Canvas:
    """(H, W) attenuation of ribs, spine, clavicles, shoulder blades and upper arms."""
    bones = plate.blank()
    _ribs(plate, chance, bones)
    _spine(plate, chance, bones)
    clavicle = np.linspace(0.3, 0.6, 160)
    for side in (-1, 1):
        droop = np.column_stack([np.zeros(6), chance.normal(0, 1.5) + np.linspace(0, chance.normal(0, 4), 6)])
        plate.tube(bones, smooth((CLAVICLE + droop) * (side, 1), closed=False), 6.2, clavicle, 0.8)
        blade = plate.fill(BLADE * (side, 1))
        bones += 0.14 * plate.rounded(blade, 3)
        edge = smooth(BLADE[3:] * (side, 1), closed=False)
        plate.tube(bones, edge, 3.0, 0.28, 0.3)
        spine = smooth(points((118, 14), (140, 0), (165, -14), (184, -18)) * (side, 1), closed=False)
        plate.tube(bones, spine, 5, 0.2)
        head = points((180, -4), (196, 2), (203, 18), (197, 34), (184, 38), (174, 26), (172, 8))
        bones += 0.42 * plate.rounded(plate.fill(head * (side, 1)), 14)
        shaft = smooth(points((192, 22), (212, 90), (232, 190), (240, 300)) * (side, 1), closed=False)
        plate.tube(bones, shaft, 11, 0.6, 0.8, capped=False)
    return bones


def _ribs(plate: Plate, chance: np.random.Generator, bones: Canvas) -> None:
    # A rib is a ring in a plane that slopes forward: seen from the front it runs out and down behind, turns at the
    # chest wall, where the ray meets it lengthwise, and comes back in front, still falling, until cartilage begins.
    edge = smooth(CAVITY[1:9], closed=False)
    gap = chance.normal(22.5, 0.6)
    for number in range(11):
        back = -8 + gap * number + chance.normal(0, 0.8)
        fall = min(118, 40 + 13 * number) + chance.normal(0, 3)
        lateral = back + 0.5 * fall
        reach = float(np.interp(lateral, edge[6:, 1], edge[6:, 0])) - 3
        front = 0.80 if number < 7 else 0.80 - 0.07 * (number - 6)  # share of the half ring that is bone
        turn = np.linspace(0, np.pi * front, 90)
        for side in (-1, 1):
            wobble = chance.normal(0, 1.0)
            x = 20 + (reach - 20) * np.sin(turn)
            y = back + wobble + fall * (1 - np.cos(turn)) / 2 - 5 * np.sin(turn * 2) * (turn < np.pi / 2)
            run, depth = np.hypot(np.gradient(x), np.gradient(y)), 0.62 * reach * np.gradient(-np.cos(turn))
            along = np.minimum(np.hypot(run, depth) / run, 2.0)  # mm of bone per mm seen
            peak = 0.25 * along * np.where(turn < np.pi / 2, 1.0, 0.85)
            peak *= np.clip((turn[-1] - turn) / 0.25, 0, 1)  # bone fades into cartilage
            half = int(np.argmax(x))
            plate.tube(bones, np.column_stack([side * x, y])[: half + 2], 6.0, peak[: half + 2], 0.72, capped=False)
            plate.tube(bones, np.column_stack([side * x, y])[half:], 6.6, peak[half:], 0.72, capped=False)


def _spine(plate: Plate, chance: np.random.Generator, bones: Canvas) -> None:
    column = plate.fill(points((-15, -150), (15, -150), (17, 100), (24, 640), (-24, 640), (-17, 100)))
    bones += 0.22 * plate.rounded(column, 15)
    pitch = chance.normal(24.5, 0.6)
    for number in range(-4, 22):
        y = -14 + pitch * number
        half, tall = 16 + 0.45 * max(number, 0), 0.40 * pitch
        waist = points((-half, y - tall), (0, y - tall + 1), (half, y - tall), (half - 2, y), (half, y + tall),
                       (0, y + tall - 1), (-half, y + tall), (-half + 2, y))  # fmt: skip
        vertebra = plate.fill(waist)
        if not vertebra.any():
            continue
        bones += 0.12 * plate.rounded(vertebra, 3)
        for x in (-0.62 * half, 0.62 * half):
            ring = points((x - 3, y - 2), (x, y - 7), (x + 3, y - 2), (x, y + 4))
            plate.tube(bones, smooth(np.vstack([ring, ring[:1]]), closed=False), 1.6, 0.07, 0)
        plate.tube(bones, points((0, y + 2), (0, y + 11)), 2.6, 0.10, 0.3)
        wing = smooth(points((half - 4, y - 4), (half + 8, y - 7), (half + 15, y - 8)), closed=False, count=20)
        for side in (-1, 1):
            plate.tube(bones, wing * (side, 1), 4.0, 0.12, 0.5)
