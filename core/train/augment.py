"""Augmentation: random changes that do not alter the diagnosis, on whole batches, on the films' device."""

import math

import torch
from torch import Tensor
from torch.nn import functional

_EMPTIED = 0.04  # of the side: margin around filled lungs
_MARGIN = (0.02, 0.08)  # of the side: margin around the lungs where the background is replaced


def augment(
    images: Tensor, size: int, generator: torch.Generator, *, lungs: Tensor | None = None, replaced: float = 0.0
) -> tuple[Tensor, Tensor | None]:
    """Augmented films at the training size, and their lungs.

    images:   (N, S, S) uint8.
    lungs:    (N, s, s) uint8, 0 to 255 (certainly lung), the same square at any size; None if not needed.
    replaced: share of the films, 0 to 1, whose background outside the dilated lungs is replaced; needs `lungs`.
    Returns:  (N, 1, size, size) float32, each film standardised, as the network's input; and
              (N, 1, size, size) float32 from 0 to 1, the lungs.

    Films are turned by up to 10°, moved, scaled differently in x and y (the frame's aspect reveals the source) and
    mirrored; gamma and sharpness vary (resolution reveals it, too); a rectangle at the edge is wiped out (so do side
    markers). Never upside-down. Mirroring puts the heart on the right in half of the films: the network cannot use the
    side of the heart, and will not notice a situs inversus.
    """
    chance = _Chance(len(images), generator, images.device)
    theta = _placement(chance)
    films = _sampled(images, theta, size).clamp(1e-3, 1)
    inside = None if lungs is None else _sampled(lungs, theta, size)

    films = films ** torch.exp(chance.uniform(-0.4, 0.4))
    coarse = functional.interpolate(films, scale_factor=0.5, mode="bilinear", antialias=True, align_corners=False)
    coarse = functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    films = torch.lerp(films, coarse, chance.uniform(-0.5, 1).clamp(min=0))
    if replaced > 0:
        if inside is None:
            raise ValueError("replacing the background needs the lungs")
        films = _elsewhere(films, inside, replaced, chance)
    films = _wipe_edge(films, chance)
    return standardised(films + chance.normal(films.shape) * 0.01), inside


def emptied(films: Tensor, lungs: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`share` of the films with their dilated lungs filled with black, one grey or smooth noise; and a mask of these
    films.

    films:   (N, 1, S, S) standardised.
    lungs:   (N, 1, S, S) from 0 to 1.
    Returns: the films, standardised again if changed, and (N,) bool. An emptied film has no diagnosis: a network that
             learns to give all findings equal probability on it gains nothing from what is outside the lungs.
    """
    chance = _Chance(len(films), generator, films.device)
    black = films.amin(dim=(1, 2, 3), keepdim=True)
    kind = chance.uniform(0, 3)
    grain = int(torch.randint(2, 9, (), generator=generator))
    clouds = functional.interpolate(
        chance.normal((len(films), 1, grain, grain)), size=films.shape[-2:], mode="bicubic", align_corners=False
    )
    fill = torch.where(kind < 1, black, torch.where(kind < 2, chance.uniform(-2, 2), clouds))
    chosen = chance.uniform(0, 1) < share
    empty = torch.where(grown(lungs, _EMPTIED) > 0.5, fill, films)
    return torch.where(chosen, standardised(empty), films), chosen.flatten()


def standardised(films: Tensor) -> Tensor:
    """Each film standardised: `Input.mean == "film"` for a batch."""
    deviation, mean = torch.std_mean(films, dim=(1, 2, 3), keepdim=True)
    return (films - mean) / deviation.clamp(min=1e-3)


def grown(lungs: Tensor, margin: float) -> Tensor:
    """(N, 1, S, S) lungs, 0 to 1, dilated by `margin` of the side."""
    reach = max(1, round(margin * lungs.shape[-1]))
    wide, side = 2 * reach + 1, (0, reach)
    along = functional.max_pool2d(lungs, (1, wide), stride=1, padding=side)  # a row, then a column: equal to a square
    return functional.max_pool2d(along, (wide, 1), stride=1, padding=side[::-1])


class _Chance:
    """Random numbers for a batch: drawn on the CPU, so that a seed gives the same on every device."""

    def __init__(self, count: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.generator, self.device = count, generator, device

    def uniform(self, low: float, high: float) -> Tensor:
        """(N, 1, 1, 1)."""
        numbers = torch.rand(self.count, 1, 1, 1, generator=self.generator) * (high - low) + low
        return numbers.to(self.device)

    def normal(self, shape: torch.Size | tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator).to(self.device)


def _placement(chance: _Chance) -> Tensor:
    """(N, 2, 3) the sampling grid of each film."""
    angle = chance.uniform(-10, 10) * math.pi / 180
    scale = torch.exp(chance.uniform(math.log(0.80), math.log(1.05)))  # share of the film that is visible
    aspect = torch.exp(chance.uniform(-0.12, 0.12))
    mirror = (chance.uniform(0, 1) < 0.5).float() * -2 + 1
    wide, high = scale * aspect, scale / aspect
    rows = [
        torch.cat([wide * angle.cos() * mirror, -high * angle.sin(), chance.uniform(-0.08, 0.08)], dim=1),
        torch.cat([wide * angle.sin() * mirror, high * angle.cos(), chance.uniform(-0.08, 0.08)], dim=1),
    ]
    return torch.stack(rows, dim=1).reshape(-1, 2, 3)


def _sampled(planes: Tensor, theta: Tensor, size: int) -> Tensor:
    """(N, S, S) uint8 to (N, 1, size, size) float32, 0 to 1."""
    films = planes[:, None].float() / 255
    if planes.shape[-1] >= 2 * size:  # otherwise sampling would alias
        films = functional.avg_pool2d(films, planes.shape[-1] // size)
    grid = functional.affine_grid(theta, [len(planes), 1, size, size], align_corners=False)
    return functional.grid_sample(films, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _elsewhere(films: Tensor, lungs: Tensor, share: float, chance: _Chance) -> Tensor:
    """`share` of the films with another film, smooth noise or one grey outside their dilated lungs, softly edged.

    Background cues of the label (arms, markers, collimation, the size of the patient) are then useless.
    """
    count, size = len(films), films.shape[-1]
    low, high = (max(1, round(part * size)) for part in _MARGIN)
    margin = int(torch.randint(low, high + 1, (), generator=chance.generator))
    wide, half = grown(lungs, margin / size), margin // 2
    lung_share = functional.avg_pool2d(wide, 2 * half + 1, stride=1, padding=half, count_include_pad=False)

    stranger = films.roll(1 + int(torch.randint(0, max(count - 1, 1), (), generator=chance.generator)), dims=0)
    grain = int(torch.randint(2, 9, (), generator=chance.generator))
    clouds = functional.interpolate(chance.normal((count, 1, grain, grain)), size=(size, size), mode="bicubic")
    clouds = (0.5 + 0.25 * clouds).clamp(0, 1)
    even = chance.uniform(0, 1).expand_as(films)
    kind = chance.uniform(0, 3)
    background = torch.where(kind < 1, stranger, torch.where(kind < 2, clouds, even))
    return torch.where(chance.uniform(0, 1) < share, torch.lerp(background, films, lung_share), films)


def _wipe_edge(films: Tensor, chance: _Chance) -> Tensor:
    """One rectangle at the edge of every second film set to the film's mean: markers and labels are there."""
    steps = (torch.arange(films.shape[-1], device=films.device) + 0.5) / films.shape[-1]
    down, across = steps.reshape(1, 1, -1, 1), steps.reshape(1, 1, 1, -1)
    deep, along = chance.uniform(0.05, 0.17), chance.uniform(0.1, 0.33)
    start = chance.uniform(0, 1) * (1 - along)
    beside = chance.uniform(0, 1) < 0.5  # left or right, else top or bottom
    far = chance.uniform(0, 1) < 0.5
    into, past = torch.where(beside, across, down), torch.where(beside, down, across)
    into = torch.where(far, 1 - into, into)
    wiped = (into < deep) & (past >= start) & (past < start + along) & (chance.uniform(0, 1) < 0.5)
    return torch.where(wiped, films.mean(dim=(1, 2, 3), keepdim=True), films)
