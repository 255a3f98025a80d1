"""Gradients along paths from a baseline to the film: they add up to the difference of the scores."""

from typing import Annotated

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import Bounds, Choice, method
from core.explain.noise import Seed
from core.explain.passes import Passes, batches, explained
from core.explain.reference import ReferenceKind, gaussian, like, reference, references, uniform

Baseline = Annotated[ReferenceKind, Choice("baseline that the film is compared with")]


@method(
    "integrated-gradients",
    title="Integrated gradients",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per pixel",
    misleads="It explains the difference to the baseline: with a black one, black lung is absent and gets little.",
    source="Sundararajan et al. 2017, arXiv:1703.01365",
    by=IntegratedGradients,
    cost="tens",
)
def integrated_gradients(
    evidence: Evidence,
    *,
    steps: Annotated[int, Bounds(8, 200, "steps between baseline and film")] = 32,
    baseline: Baseline = "black",
) -> Tensor:
    """Which pixels account for the score, compared with an empty film; fine, adds up to the difference.

    The integral is computed by Gauss-Legendre quadrature, as in Captum.

    Returns: (1, S, S), signed, summed over the channels; its sum approaches logit(film) - logit(baseline).
    """
    start = reference(evidence, baseline)[None]

    def attribute(passes: Passes) -> Tensor:
        return IntegratedGradients(passes).attribute(
            passes.films,
            start,
            additional_forward_args=passes.findings,
            n_steps=steps,
            internal_batch_size=passes.rows,
        )

    return explained(evidence, ("integrated", steps, baseline), attribute, count=steps).sum(dim=1)


@method(
    "gradient-shap",
    title="Expected gradients (GradientSHAP)",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per pixel",
    misleads="The films it compares with are made of this one, so it answers what sets the film apart from black, "
    "white, grey, blur and noise, not from a healthy chest.",
    source="Erion et al. 2021, arXiv:1906.10670; Lundberg and Lee 2017, arXiv:1705.07874",
    by=None,
    why="Captum draws from a generator that all threads share, so its map cannot be repeated",
    cost="tens",
)
def gradient_shap(
    evidence: Evidence,
    *,
    samples: Annotated[int, Bounds(8, 400, "random draws of a baseline and of a step along the path from it")] = 64,
    noise: Annotated[float, Bounds(0, 0.5, "noise on the film, as a share of its range of grey; 0 for none")] = 0.0,
    seed: Seed = 0,
) -> Tensor:
    """Which pixels account for the score, compared with eight empty, blurred and noisy films; adds up on average.

    The baselines are black, white, mean grey, the film blurred at 1/32, 1/16 and 1/8 of its side, and two films of
    noise. They take turns, and the steps along the path from each are drawn one from each equal section of the path
    (stratified): the expectation is that of independent draws, the variance smaller. Captum's GradientShap draws from
    NumPy's generator, which all threads share, so its map could not be repeated.

    Returns: (1, S, S), signed, summed over the channels; its sum approaches logit(film) minus the mean logit of the
             baselines.
    """
    image, starts = evidence.image, references(evidence, seed)
    turns, along = draws(samples, len(starts), seed)
    deviation = noise * (image.max() - image.min())

    def part(passes: Passes, first: int, last: int) -> Tensor:
        ends = image.expand(last - first, *image.shape)
        ends = ends + deviation * gaussian(image, seed + 1, first, last) if noise else ends
        step, begun = like(along[first:last], image).reshape(-1, 1, 1, 1), starts[turns[first:last]]
        return (passes.gradients(step * ends + (1 - step) * begun) * (ends - begun)).sum(dim=1)

    def attribute(passes: Passes) -> Tensor:
        parts = [part(passes, first, last) for first, last in batches(samples, passes.size)]
        return sum(parts[1:], parts[0]) / samples

    return explained(evidence, ("expected", samples, noise, seed), attribute, count=samples).sum(dim=1)


def draws(samples: int, baselines: int, seed: int) -> tuple[Tensor, Tensor]:
    """(samples,) number of the baseline, in turns; and (samples,) how far along the path to the film, 0 to 1."""
    turns = torch.arange(samples) % baselines
    visits = torch.bincount(turns, minlength=baselines)
    stretch = torch.arange(samples) // baselines
    return turns, (stretch + uniform(seed, samples)) / visits[turns]
