"""RISE: the score of many films with random parts hidden."""

from typing import Annotated

import torch
from torch import Tensor

from core.errors import BadSetting
from core.explain.evidence import Evidence
from core.explain.method import Bounds, method
from core.explain.occlusion import Cover
from core.explain.reference import reference

_AT_ONCE = 64  # masks in memory at once when they are summed


@method(
    "rise",
    title="RISE",
    family="perturbation",
    needs="none",
    layered=False,
    signed=True,
    unit="logits above mean",
    misleads="It is a random sample: places of little weight are noise that changes with the seed; and the network "
    "has never seen films with holes.",
    source="Petsiuk et al. 2018, arXiv:1806.07421",
    by=None,
    why="Captum has none",
    cost="hundreds",
    bfloat16=True,
)
def rise(
    evidence: Evidence,
    *,
    masks: Annotated[int, Bounds(100, 8000, "random masks, one network pass each")] = 1000,
    cells: Annotated[int, Bounds(2, 32, "cells per side of a mask before it is enlarged")] = 7,
    probability: Annotated[float, Bounds(0.05, 0.95, "share of the cells that stay visible")] = 0.5,
    fill: Cover = "mean",
    seed: Annotated[int, Bounds(0, 2**31 - 1, "random seed for the masks")] = 0,
) -> Tensor:
    """Which places raise the score of a randomly masked film when they stay visible; slow, blurry.

    Two things differ from the paper. It weights masks by probabilities; here by logits, which add up. It weights by
    the score itself, so that every pixel gets the mean score and the map's zero means nothing; here by the score minus
    its mean, so that zero is a place that does not matter and below zero speaks against the finding.

    Returns: (1, S, S), signed: by how many logits films that show the pixel exceed the mean of all masked films.
    Raises:  BadSetting where the cells are smaller than a pixel.
    """
    image, side = evidence.image, evidence.image.shape[-1]
    if cells > side:
        raise BadSetting(f"cells is {cells}, but the network sees {side} × {side} px. Choose {side} or less.")
    cover, drawn = reference(evidence, fill), RandomMasks(masks, cells, probability, seed, evidence.image)

    def make(start: int, stop: int) -> Tensor:
        return torch.lerp(cover, image, drawn(start, stop)[:, None])

    def maps() -> Tensor:
        scores = evidence.answers(("rise", masks, cells, probability, fill, seed), masks, make)
        scores = (scores - scores.mean(dim=0)) / (masks * probability)
        total = scores.new_zeros(scores.shape[1], side * side)
        for start in range(0, masks, _AT_ONCE):
            part = scores[start : start + _AT_ONCE]
            total = total + part.T @ drawn(start, start + len(part)).flatten(1)
        return total.reshape(-1, side, side)

    heats = evidence.tape.remember(("rise", masks, cells, probability, fill, seed), maps)
    return heats[evidence.finding][None]


class RandomMasks:
    """Smooth random masks; called with (start, stop), gives (stop - start, S, S) from 0 (hidden) to 1 (visible).

    As in the paper: a small grid of coin flips, enlarged bilinearly to one cell more than the film, cropped at random.
    Random values are drawn once, on the CPU: the same masks on every device, in batches of any size.
    """

    def __init__(self, number: int, cells: int, probability: float, seed: int, image: Tensor) -> None:
        side = image.shape[-1]
        chance = torch.Generator().manual_seed(seed)
        cell = -(-side // cells)  # px
        self._grids = torch.rand(number, cells, cells, generator=chance) < probability
        self._shifts = torch.randint(0, cell, (2, number), generator=chance)
        # Bilinear enlarging is one matrix down and one across; a shift is another range of their rows.
        enlarging = torch.nn.functional.interpolate(
            torch.eye(cells)[None], size=(cells + 1) * cell, mode="linear", align_corners=False
        )[0]
        self._shifted = enlarging.unfold(1, side, 1).transpose(0, 1).to(image)  # (shifts, cells, S)

    def __call__(self, start: int, stop: int) -> Tensor:
        down, across = (self._shifted[shift[start:stop].to(self._shifted.device)] for shift in self._shifts)
        grids = self._grids[start:stop].to(self._shifted)
        return torch.einsum("ncy,ncd,ndx->nyx", down, grids, across)
