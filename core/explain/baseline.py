"""Control maps that explain nothing: a real map has to beat them."""

from typing import Annotated

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.explain.evidence import Evidence
from core.explain.method import Bounds, method

_SOFT = 1 / 56  # of the film's side: standard deviation of the lung mask's edge, 4 px at 224 px


@method(
    "random-map",
    title="Random map",
    family="baseline",
    needs="none",
    layered=False,
    signed=False,
    unit="no unit",
    misleads="It explains nothing: a map whose figures are no better than these is no better than chance.",
    source="Hooker et al. 2019, arXiv:1806.10758 (random ranking of pixels)",
    by=None,
    why="Captum has no controls",
    specific=False,
)
def random_map(evidence: Evidence, *, seed: Annotated[int, Bounds(0, 2**31 - 1, "random seed")] = 0) -> Tensor:
    """Random noise, independent of film and network: the least that a real map has to beat.

    Returns: (N, S, S), each pixel uniform from 0 to 1, the same for every film.
    """
    side = evidence.images.shape[-1]
    noise = torch.rand(side, side, generator=torch.Generator().manual_seed(seed))
    return noise.to(evidence.images).expand(len(evidence.images), -1, -1)


@method(
    "edge-map",
    title="Edge map",
    family="baseline",
    needs="none",
    layered=False,
    signed=False,
    unit="no unit",
    misleads="It explains nothing: it follows ribs and borders whatever the network computes, and a real map that "
    "looks like it may show edges only.",
    source="Adebayo et al. 2018, arXiv:1810.03292 (edge detector as a control); Sobel",
    by=None,
    why="Captum has no controls",
    specific=False,
)
def edge_map(evidence: Evidence) -> Tensor:
    """The edges of the film, without any network: a map that looks like this one shows edges.

    Returns: (N, S, S), >= 0: length of the Sobel gradient, the mean over the channels.
    """
    images = functional.pad(evidence.images, (1, 1, 1, 1), mode="replicate")
    smooth, slope = torch.tensor([1.0, 2.0, 1.0]) / 4, torch.tensor([-1.0, 0.0, 1.0]) / 2
    filters = torch.stack([torch.outer(smooth, slope), torch.outer(slope, smooth)])[:, None].to(images)
    slopes = functional.conv2d(images.flatten(0, 1)[:, None], filters).square().sum(dim=1)
    return slopes.sqrt().reshape(evidence.images.shape).mean(dim=1)


@method(
    "centre-gaussian",
    title="Centre Gaussian",
    family="baseline",
    needs="none",
    layered=False,
    signed=False,
    unit="no unit",
    misleads="It explains nothing: films are centred on the chest, so that a blob in the middle hits a lot; a real "
    "map has to hit more.",
    source="Judd et al. 2012, MIT-CSAIL-TR-2012-001 (centre prior)",
    by=None,
    why="Captum has no controls",
    specific=False,
)
def centre_gaussian(
    evidence: Evidence,
    *,
    width: Annotated[float, Bounds(0.02, 2, "standard deviation as a share of the film's side")] = 0.25,
) -> Tensor:
    """The same blob in the middle of every film: a real map has to beat it.

    Returns: (N, S, S), 1 in the middle, falling to 0.
    """
    side = evidence.images.shape[-1]
    off = (torch.arange(side).to(evidence.images) + 0.5) / side - 0.5
    bell = torch.exp(-(off**2) / (2 * width**2))
    return torch.outer(bell, bell).expand(len(evidence.images), -1, -1)


@method(
    "lung-mask",
    title="Lung mask",
    family="baseline",
    needs="none",
    layered=False,
    signed=False,
    unit="no unit",
    misleads="It explains nothing: it marks both lungs on every film, ill or well; a real map says where in them.",
    source="the outline of the lungs by core.lung_network, edge softened",
    by=None,
    why="Captum has no controls",
    specific=False,
)
def lung_mask(evidence: Evidence) -> Tensor:
    """Both lungs, whatever the classifier computes: the score of a map that merely stays inside them.

    Returns: (1, S, S), 1 inside the lungs, 0 away from them.
    Raises:  NoLungs if no lungs are found.
    """
    lungs = evidence.lungs().astype(np.float32)
    soft = cv2.GaussianBlur(lungs, (0, 0), _SOFT * len(lungs))
    return torch.from_numpy(soft.clip(0, 1)).to(evidence.image)[None]
