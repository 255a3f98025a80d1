"""Random changes that a radiologist would still read the same way, on whole batches."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def augment(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Varied films at the training size.

    images:  (N, S, S) uint8.
    Returns: (N, 1, size, size) float32, each film at mean 0 and deviation 1, as the network gets it.

    Turned up to 10°, moved, scaled differently in x and y (the frame's aspect betrays the source), mirrored,
    gamma and sharpness varied (so does resolution), a rectangle at the edge wiped out (so do side markers). Never
    upside-down. Mirroring puts the heart on the right in half of the films: the network can then not use the side
    of the heart, and will not notice a situs inversus.
    """
    count = len(images)
    films = images[:, None].float() / 255

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    angle = uniform(-10, 10) * math.pi / 180
    scale = torch.exp(uniform(math.log(0.80), math.log(1.05)))  # of the film that is seen
    aspect = torch.exp(uniform(-0.12, 0.12))
    mirror = (uniform(0, 1) < 0.5).float() * -2 + 1
    x_scale, y_scale = scale * aspect, scale / aspect
    theta = torch.stack(
        [
            torch.stack([x_scale * angle.cos() * mirror, -y_scale * angle.sin(), uniform(-0.08, 0.08)], dim=1),
            torch.stack([x_scale * angle.sin() * mirror, y_scale * angle.cos(), uniform(-0.08, 0.08)], dim=1),
        ],
        dim=1,
    )
    if images.shape[-1] >= 2 * size:  # or sampling would alias
        films = functional.avg_pool2d(films, images.shape[-1] // size)
    grid = functional.affine_grid(theta, [count, 1, size, size], align_corners=False)
    films = functional.grid_sample(films, grid, mode="bilinear", padding_mode="border", align_corners=False)

    films = films.clamp(1e-3, 1) ** torch.exp(uniform(-0.4, 0.4)).reshape(-1, 1, 1, 1)
    coarse = functional.interpolate(films, scale_factor=0.5, mode="bilinear", antialias=True, align_corners=False)
    coarse = functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    films = torch.lerp(films, coarse, uniform(-0.5, 1).clamp(min=0).reshape(-1, 1, 1, 1))
    films = _wipe_edge(films, generator)
    return standardised(films + torch.randn(films.shape, generator=generator) * 0.01)


def standardised(films: Tensor) -> Tensor:
    """Each film at mean 0 and deviation 1: `Input.mean == "film"` for a batch."""
    deviation, mean = torch.std_mean(films, dim=(1, 2, 3), keepdim=True)
    return (films - mean) / deviation.clamp(min=1e-3)


def _wipe_edge(films: Tensor, generator: torch.Generator) -> Tensor:
    """One rectangle at the edge of every second film set to the film's mean: markers and labels sit there."""
    size = films.shape[-1]
    films = films.clone()
    for film in films:
        if torch.rand((), generator=generator) < 0.5:
            continue
        high, wide = (int(n) for n in torch.randint(size // 10, size // 3, (2,), generator=generator))
        top = int(torch.randint(0, size - high, (), generator=generator))
        left = int(torch.randint(0, size - wide, (), generator=generator))
        match int(torch.randint(0, 4, (), generator=generator)):
            case 0:
                top, high = 0, high // 2
            case 1:
                top, high = size - high // 2, high // 2
            case 2:
                left, wide = 0, wide // 2
            case _:
                left, wide = size - wide // 2, wide // 2
        film[:, top : top + high, left : left + wide] = film.mean()
    return films
