"""The gradient in many noisy copies of the film: its mean, its mean square, its variance."""

from typing import Annotated

import torch
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import Bounds, Choice, method
from core.explain.reference import gaussian, like

Samples = Annotated[int, Bounds(4, 200, "noisy copies of the film")]
Noise = Annotated[float, Bounds(0.01, 0.5, "standard deviation of the noise, as a share of the film's range of grey")]
Seed = Annotated[int, Bounds(0, 2**31 - 1, "of the noise; the same seed gives the same map")]


@method(
    "smoothgrad",
    title="SmoothGrad",
    family="gradient",
    needs="none",
    layered=False,
    signed=None,
    unit="logits a grey-level deviation",
    misleads="Smoother does not mean truer: the noisy copies are no films that the network was trained on.",
    source="Smilkov et al. 2017, arXiv:1706.03825",
    cost="tens",
)
def smoothgrad(
    evidence: Evidence,
    *,
    samples: Samples = 25,
    noise: Noise = 0.15,
    seed: Seed = 0,
    signed: Annotated[bool, Choice("keep the sign, summed over the channels")] = False,
) -> Tensor:
    """Where a small change of grey would change the score most, averaged over noisy copies; less grainy.

    The paper draws the absolute value and finds noise of 10 to 20 % of the range best.

    Returns: (1, S, S), >= 0: the largest absolute mean over the channels; or signed: their sum.
    """
    mean = _moments(evidence, samples, noise, seed)[0][None] / samples
    found = mean.sum(dim=1) if signed else mean.abs().amax(dim=1)
    return like(found, evidence.images)


@method(
    "smoothgrad-squared",
    title="SmoothGrad²",
    family="gradient",
    needs="none",
    layered=False,
    signed=False,
    unit="(logits a grey-level deviation)²",
    misleads="Squares hide whether a place speaks for or against the finding, and a few pixels outshine all others.",
    source="Hooker et al. 2019, arXiv:1806.10758",
    cost="tens",
)
def smoothgrad_squared(evidence: Evidence, *, samples: Samples = 25, noise: Noise = 0.15, seed: Seed = 0) -> Tensor:
    """Where the score is touchy, for or against, in noisy copies of the film: the mean squared change.

    Returns: (1, S, S), >= 0, summed over the channels.
    """
    square = _moments(evidence, samples, noise, seed)[1] / samples
    return like(square.sum(dim=0)[None], evidence.images)


@method(
    "vargrad",
    title="VarGrad",
    family="gradient",
    needs="none",
    layered=False,
    signed=False,
    unit="(logits a grey-level deviation)²",
    misleads="A place that steadily counts has little variance and stays dark: it shows where the network wavers.",
    source="Adebayo et al. 2018, arXiv:1810.03307",
    cost="tens",
)
def vargrad(evidence: Evidence, *, samples: Samples = 25, noise: Noise = 0.15, seed: Seed = 0) -> Tensor:
    """Where noise makes the network change its mind about a pixel: the variance of the change.

    The paper takes the variance of the samples: mean square less squared mean, divided by their number and not by
    one less. Captum does the same.

    Returns: (1, S, S), >= 0, summed over the channels.
    """
    mean, square = _moments(evidence, samples, noise, seed) / samples
    variance: Tensor = (square - mean.square()).clamp(min=0)
    return like(variance.sum(dim=0)[None], evidence.images)


def _moments(evidence: Evidence, samples: int, noise: float, seed: int) -> Tensor:
    """(2, C, S, S) sum of the gradients and of their squares; the three methods share them.

    Summed in double precision, on the processor where every machine has it: their difference may be small.
    """
    image = evidence.image
    deviation = noise * (image.max() - image.min())

    def make(start: int, stop: int) -> Tensor:
        return image + deviation * gaussian(image, seed, start, stop)

    def gather(gradients: Tensor, start: int, stop: int) -> Tensor:
        precise = gradients.cpu().double()
        return torch.stack([precise.sum(dim=0), precise.square().sum(dim=0)])

    return evidence.gathered(("noise", samples, noise, seed), samples, make, gather)
