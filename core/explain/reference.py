"""Baselines of the path methods: films made from the film that cannot show the finding."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from core.explain.evidence import Evidence

ReferenceKind = Literal["black", "white", "blurred", "mean"]
_BLUR = 1 / 16  # of the film's side: standard deviation of the Gaussian; 14 px at 224 px, wider than a rib
_WIDTHS = (1 / 32, 1 / 16, 1 / 8)  # of the side, of the blurred films among several
_NOISES = 2  # films of noise among several


def reference(evidence: Evidence, kind: ReferenceKind) -> Tensor:
    """(C, S, S) the film's black or white everywhere, the film blurred, or its mean grey; normalised as the film is."""
    image = evidence.image
    if kind == "blurred":
        return blurred(image, _BLUR)
    if kind == "mean":
        return image.mean(dim=(1, 2), keepdim=True).expand_as(image).contiguous()
    return torch.zeros_like(image) + (evidence.black if kind == "black" else evidence.white)


def references(evidence: Evidence, seed: int) -> Tensor:
    """(8, C, S, S) baselines: black, white, mean grey, three blurs, two of noise.

    The blurs are 1/32, 1/16 and 1/8 of the side wide (standard deviation); the noise has the film's own mean and
    standard deviation and is seeded. All are made from the film itself, so that no other patient's film is needed.
    """
    image = evidence.image
    plain = [reference(evidence, "black"), reference(evidence, "white"), reference(evidence, "mean")]
    blurs = [blurred(image, width) for width in _WIDTHS]
    spread, middle = image.std(dim=(1, 2), keepdim=True), image.mean(dim=(1, 2), keepdim=True)
    noises = [middle + spread * one for one in gaussian(image, seed, 0, _NOISES)]
    return torch.stack([*plain, *blurs, *noises])


def gaussian(image: Tensor, seed: int, start: int, stop: int) -> Tensor:
    """(stop - start, C, S, S) standard normal noise: draws `start` to `stop` of the seed.

    Each draw has a generator of its own on the processor, so that it depends neither on the batch it comes in nor on
    the device.
    """
    draws = [torch.randn(image.shape, generator=_generator(seed, number)) for number in range(start, stop)]
    return like(torch.stack(draws), image)


def uniform(seed: int, count: int) -> Tensor:
    """(count,) float64 numbers from 0 to below 1."""
    return torch.rand(count, generator=_generator(seed, 0), dtype=torch.float64)


def like(values: Tensor, image: Tensor) -> Tensor:
    """The values in the image's precision, then on its device; in this order, as Apple GPUs have no double."""
    return values.to(image.dtype).to(image.device)


def blurred(image: Tensor, width: float) -> Tensor:
    """(C, S, S) after a Gaussian whose standard deviation is `width` of a side; the film is mirrored at its edges."""
    sigma = max(width * image.shape[-1], 0.5)  # px
    reach = min(round(3 * sigma), image.shape[-1] - 1)
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype) / sigma) ** 2)
    bell = (bell / bell.sum()).repeat(len(image), 1, 1)
    padded = functional.pad(image[None], (reach, reach, reach, reach), mode="reflect")
    across = functional.conv2d(padded, bell[:, :, None, :], groups=len(image))
    return functional.conv2d(across, bell[:, :, :, None], groups=len(image))[0]


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + number)  # a prime: no two draws share a generator
