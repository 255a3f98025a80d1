"""Gradients that ReLUs let through only where they are positive, and their product with Grad-CAM."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from core.explain.evidence import Evidence
from core.explain.flow import LINEAR, Flow, Rule, each, gradient, logits_of, reason, refuse_no_relu
from core.explain.method import method
from core.models.architecture import Network


class _Relu(Function):
    """ReLU whose gradient is cut below zero: everywhere (deconvolution), or where it was active (guided).

    most: where it ends: 6 for ReLU6.
    """

    @staticmethod
    def forward(context: Any, values: Tensor, guided: bool, most: float = math.inf) -> Tensor:
        context.save_for_backward((values > 0) & (values < most))
        context.guided = guided
        return values.clamp(0, most)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        passed = gradients[0].clamp(min=0)
        return (passed * context.saved_tensors[0] if context.guided else passed), None, None


def _rules(*, guided: bool) -> dict[str, Rule]:
    def relu(_: Any, flow: Flow, **__: Any) -> tuple[Tensor, ...]:
        found: Tensor = _Relu.apply(flow.parts[0], guided)  # type: ignore[no-untyped-call]
        return (found,)

    def hardtanh(_: Any, flow: Flow, min_val: float, max_val: float, **__: Any) -> tuple[Tensor, ...]:
        refuse_no_relu(min_val)
        found: Tensor = _Relu.apply(flow.parts[0], guided, max_val)  # type: ignore[no-untyped-call]
        return (found,)

    return {**LINEAR, "max_pool2d": each, "relu": relu, "hardtanh": hardtanh}


GUIDED: Mapping[str, Rule] = _rules(guided=True)
DECONVOLUTION: Mapping[str, Rule] = _rules(guided=False)


def _needs_relu(network: Network, stage: str | None) -> str:
    def attempt(network: Network, noise: Tensor) -> str:
        logits_of(network, Flow(GUIDED, noise))
        return ""

    return reason(network, "guided", attempt)


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
    cost="few",
    fits=_needs_relu,
)
def guided_backprop(evidence: Evidence) -> Tensor:
    """Which edges and textures excite the network on the way to the finding; sharp, hardly specific.

    Returns: (N, S, S), signed, summed over the channels.
    """
    return gradient(evidence, "guided", GUIDED, evidence.images).sum(dim=1)


@method(
    "deconvolution",
    title="Deconvolution",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits a grey-level deviation",
    misleads="It ignores which units this film excited, so much of the picture comes from the weights and the "
    "poolings' switches, not from the finding; it is noisier than guided backprop.",
    source="Zeiler and Fergus 2014, arXiv:1311.2901",
    cost="few",
    fits=_needs_relu,
)
def deconvolution(evidence: Evidence) -> Tensor:
    """What the network would paint if it ran backwards from the finding, keeping only what speaks for it.

    Returns: (N, S, S), signed, summed over the channels.
    """
    return gradient(evidence, "deconvolution", DECONVOLUTION, evidence.images).sum(dim=1)


@method(
    "guided-grad-cam",
    title="Guided Grad-CAM",
    family="gradient",
    needs="stage",
    layered=True,
    signed=True,
    unit="logits × logits a grey-level deviation",
    misleads="Its fine edges come from guided backprop and would be there for any finding; only the coarse choice of "
    "place is the finding's own.",
    source="Selvaraju et al. 2017, arXiv:1610.02391",
    cost="few",
    fits=_needs_relu,
)
def guided_grad_cam(evidence: Evidence) -> Tensor:
    """The edges that excite the network, shown only where Grad-CAM finds the finding; sharp and placed.

    Grad-CAM is enlarged bilinearly, as in the paper; Captum's default is by nearest neighbour.

    Returns: (N, S, S), signed, summed over the channels; the size of the film, whatever the stage's.
    """
    weights = evidence.feature_gradient.mean(dim=(2, 3), keepdim=True)
    coarse = (weights * evidence.features).sum(dim=1, keepdim=True).clamp(min=0)
    size = evidence.images.shape[-2:]
    placed = functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return (placed * gradient(evidence, "guided", GUIDED, evidence.images)).sum(dim=1)
