"""From a radiograph to the network's input and back; the only place for both."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.image.arrangement import through, turned
from core.types import Cleaning, Heat, Input, Pixels, Placement, Radiograph

_RESAMPLING = {
    "area": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_BLACK, _WHITE = 0.05, 0.97  # of black..white: largest deviation that counts as empty; JPEG ringing stays below
_EMPTY_ROW = 0.9  # share of a margin's row that is empty; the rest is text or a frame line
_THINNEST = 0.02  # of a side: anything thinner is a frame line at the rim, not film
_SMALLEST_FILM = 0.25  # of a side: if less than this would remain, the film is dark, not framed


@dataclass(frozen=True, eq=False)
class Prepared:
    """The network's input.

    image:     (C, S, S) float32, normalised as the card says.
    placement: where its square lies on the radiograph.
    black, white: (C, 1, 1) the film's black and white in the units of `image`.
    """

    image: Tensor
    placement: Placement
    black: Tensor
    white: Tensor

    @property
    def picture(self) -> NDArray[np.uint8]:
        """(S, S) uint8: the input as a viewable picture, film black to film white."""
        grey = (self.image[0] - self.black[0]) / (self.white[0] - self.black[0])
        pixels: NDArray[np.uint8] = (grey.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return pixels


def read_box(radiograph: Radiograph, cleaning: Cleaning) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the part of the film that the network reads, in pixels, excluding x1 and y1."""
    return film_box(radiograph) if cleaning.crop_borders else (0, 0, *radiograph.pixels.shape[::-1])


def without_margins(radiograph: Radiograph) -> Radiograph:
    """The film without flat margins, cut before something is painted on it, which could be taken for a margin."""
    x0, y0, x1, y1 = film_box(radiograph)
    return replace(radiograph, pixels=radiograph.pixels[y0:y1, x0:x1], planes=(), linear=None)


def prepare(radiograph: Radiograph, input: Input, cleaning: Cleaning | None = None) -> Prepared:
    """The network's input, computed the same way in training, evaluation, command line and dashboard.

    Order: cut margins away, windowed grey 0..1, fit to a square, mirror, turn, invert, denoise, CLAHE, normalise.
    Raises: BadSetting for a window that the film does not have.
    """
    cleaning = cleaning or Cleaning()
    radiograph = through(radiograph, cleaning.window)
    x0, y0, x1, y1 = read_box(radiograph, cleaning)
    grey = windowed(radiograph.pixels[y0:y1, x0:x1], radiograph.black, radiograph.white)
    square, inner = _fitted(grey, input)
    square = turned(square, cleaning)
    left, right = (inner[2], inner[0]) if cleaning.mirror else (inner[0], inner[2])
    if cleaning.invert:
        square = 1 - square
    square = _cleaned(np.array(square), cleaning)

    image, means, stds = _normalised(torch.from_numpy(square), input)
    return Prepared(
        image=image,
        placement=Placement(x0 + left, y0 + inner[1], x0 + right, y0 + inner[3], cleaning.turn % 4),
        black=((input.low - means) / stds).expand(input.channels, 1, 1),
        white=((input.high - means) / stds).expand(input.channels, 1, 1),
    )


def normalised(grey: Tensor, input: Input) -> Tensor:
    """(C, S, S) the network's input of a square film (S, S) of grey, 0 black to 1 white; the last step of `prepare`."""
    return _normalised(grey, input)[0]


def windowed(pixels: Pixels, black: float, white: float) -> Heat:
    """(H, W) float32 from 0 (`black` and below) to 1 (`white` and above)."""
    levels = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=np.float32)
    table = np.clip((levels - black) / (white - black), 0, 1)
    return np.take(table, pixels)


def film_box(radiograph: Radiograph) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the film without empty black or white margins; the whole film if it has none.

    Text and frame lines in a margin do not make it film; rows of which a tenth is neither black nor white do.
    """
    height, width = radiograph.pixels.shape
    step = max(1, max(height, width) // 512)
    thin = radiograph.pixels[::step, ::step]
    low, high = radiograph.black, radiograph.white
    grey = (thin.astype(np.float32) - low) / (high - low)
    rows = _inside(grey)
    columns = _inside(grey[rows[0] : rows[1]].T)
    y0, y1 = rows[0] * step, min(rows[1] * step, height)
    x0, x1 = columns[0] * step, min(columns[1] * step, width)
    if (y1 - y0) < _SMALLEST_FILM * height or (x1 - x0) < _SMALLEST_FILM * width:
        return 0, 0, width, height
    return x0, y0, x1, y1


def enlarge(heat: Heat, placement: Placement, shape: tuple[int, int]) -> Heat:
    """The map laid over the radiograph.

    heat:    (h, w), any unit; covers the network's whole square input.
    shape:   (H, W) of the radiograph.
    Returns: (H, W) float32, bilinear between cell centres and constant beyond them; NaN outside the placement.
    """
    stored = np.rot90(heat, -placement.turn)
    across, inside_x = _weights(placement.x0, placement.x1, stored.shape[1], shape[1])
    down, inside_y = _weights(placement.y0, placement.y1, stored.shape[0], shape[0])
    rows = _mixed(stored, down)
    placed = np.ascontiguousarray(_mixed(rows.T, across).T)
    placed[~inside_y] = np.nan
    placed[:, ~inside_x] = np.nan
    return placed


def upright(heat: Heat, placement: Placement) -> Heat:
    """The map in the stored film's orientation: neither turned nor mirrored."""
    stored = np.rot90(heat, -placement.turn)
    return stored[:, ::-1] if placement.x0 > placement.x1 else stored


def _inside(grey: Heat) -> tuple[int, int]:
    """First and last-plus-one row that is not margin; all rows where none would remain."""
    empty = np.maximum((grey < _BLACK).mean(axis=1), (grey > _WHITE).mean(axis=1)) > _EMPTY_ROW
    thinnest = np.ones((max(1, round(_THINNEST * len(grey))), 1), np.uint8)
    solid = cv2.morphologyEx((~empty).astype(np.uint8)[:, None], cv2.MORPH_OPEN, thinnest)
    rows = np.flatnonzero(solid)
    return (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, len(grey))


def _fitted(grey: Heat, input: Input) -> tuple[Heat, tuple[float, float, float, float]]:
    """The film as a square of `input.size`, and that square's edges in the pixels of `grey`."""
    height, width = grey.shape
    film = Image.fromarray(grey)
    size, resampling = input.size, _RESAMPLING[input.filter]
    if input.fit == "stretch":
        return np.asarray(film.resize((size, size), resampling)), (0.0, 0.0, float(width), float(height))
    if input.fit == "crop":
        side = min(height, width)
        left, top = (width - side) / 2, (height - side) / 2
        edges = (left, top, left + side, top + side)
        return np.asarray(film.resize((size, size), resampling, box=edges)), edges
    inner_width = max(1, round(size * width / max(height, width)))
    inner_height = max(1, round(size * height / max(height, width)))
    left_pad, top_pad = (size - inner_width) // 2, (size - inner_height) // 2
    square = np.zeros((size, size), np.float32)
    square[top_pad : top_pad + inner_height, left_pad : left_pad + inner_width] = np.asarray(
        film.resize((inner_width, inner_height), resampling)
    )
    x_scale, y_scale = width / inner_width, height / inner_height
    x0, y0 = -left_pad * x_scale, -top_pad * y_scale
    return square, (x0, y0, x0 + size * x_scale, y0 + size * y_scale)


def _cleaned(square: Heat, cleaning: Cleaning) -> Heat:
    if cleaning.denoise == "gaussian":
        square = np.asarray(cv2.GaussianBlur(square, (0, 0), 1.0), np.float32)
    elif cleaning.denoise == "median":
        square = np.asarray(cv2.medianBlur(square, 3), np.float32)
    if cleaning.clahe:
        levels = (square.clip(0, 1) * 65535).round().astype(np.uint16)
        equalised = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(levels)
        square = equalised.astype(np.float32) / np.float32(65535)
    return square


def _normalised(grey: Tensor, input: Input) -> tuple[Tensor, Tensor, Tensor]:
    """The input (C, S, S), and (C or 1, 1, 1) the mean and deviation that normalised it."""
    values = grey * (input.high - input.low) + input.low
    mean, std = _moments(values) if input.mean == "film" or input.std == "film" else (input.mean, input.std)
    means = torch.tensor(mean, dtype=torch.float32).reshape(-1, 1, 1)
    stds = torch.tensor(std, dtype=torch.float32).reshape(-1, 1, 1)
    return ((values.expand(input.channels, -1, -1) - means) / stds).contiguous(), means, stds


def _moments(values: Tensor) -> tuple[tuple[float], tuple[float]]:
    # The floor keeps a blank film finite; its prediction means nothing, and the film checks say why.
    return (float(values.mean()),), (max(float(values.std()), 1e-3),)


def _weights(
    start: float, stop: float, cells: int, pixels: int
) -> tuple[tuple[NDArray[np.intp], Heat], NDArray[np.bool_]]:
    """For each pixel: the cell before it and the share of the next; and whether it lies inside."""
    centres = np.arange(pixels) + 0.5
    position = ((centres - start) / (stop - start) * cells - 0.5).clip(0, cells - 1)
    before = np.minimum(position.astype(np.intp), max(cells - 2, 0))
    low, high = min(start, stop), max(start, stop)
    return (before, (position - before).astype(np.float32)), (centres >= low) & (centres < high)


def _mixed(values: Heat, weights: tuple[NDArray[np.intp], Heat]) -> Heat:
    before, share = weights
    after = np.minimum(before + 1, len(values) - 1)
    return values[before] * (1 - share)[:, None] + values[after] * share[:, None]
