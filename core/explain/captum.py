"""Methods that Captum does well: thin calls."""

import warnings
from typing import Annotated, Literal

import torch
from captum.attr import GuidedBackprop, IntegratedGradients
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import Bounds, Choice, method

_BATCH = 8  # images a step of integrated gradients; more does not pay on two cores


@method(
    "integrated-gradients",
    title="Integrated gradients",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits a pixel",
    misleads="It explains the difference to the baseline: with a black one, black lung is absent and gets little.",
    source="Sundararajan et al. 2017, arXiv:1703.01365",
    cost="tens",
)
def integrated_gradients(
    evidence: Evidence,
    *,
    steps: Annotated[int, Bounds(8, 200, "steps between baseline and film")] = 32,
    baseline: Annotated[Literal["black", "mean"], Choice("what the film is compared with")] = "black",
) -> Tensor:
    """Which pixels account for the score, compared with an empty film; fine, adds up to the difference.

    Returns: (N, S, S), signed, summed over the channels; its sum approaches logit(film) - logit(baseline).
    """
    images = evidence.images
    start = torch.full_like(images, evidence.black)
    if baseline == "mean":
        start = images.mean(dim=(2, 3), keepdim=True).expand_as(images).contiguous()
    found: Tensor = IntegratedGradients(evidence.network).attribute(
        images, baselines=start, target=evidence.finding, n_steps=steps, internal_batch_size=_BATCH
    )
    evidence.ran(forwards=steps * len(images), backwards=steps * len(images))
    return found.sum(dim=1).float()


@method(
    "guided-backprop",
    title="Guided backprop",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits a grey-level deviation",
    misleads="It draws edges of the film much the same for every finding and even for a network with random weights.",
    source="Springenberg et al. 2015, arXiv:1412.6806",
)
def guided_backprop(evidence: Evidence) -> Tensor:
    """Which edges and textures excite the network on the way to the finding; sharp, hardly specific.

    Returns: (N, S, S), signed, summed over the channels.
    """
    images = evidence.images.clone().requires_grad_()
    with warnings.catch_warnings():
        # Captum announces its hooks each time; it removes them, and the network is behind its door meanwhile.
        warnings.filterwarnings("ignore", message="Setting backward hooks on ReLU activations")
        found: Tensor = GuidedBackprop(evidence.network).attribute(images, target=evidence.finding)
    evidence.ran(forwards=1, backwards=1)
    return found.sum(dim=1)
