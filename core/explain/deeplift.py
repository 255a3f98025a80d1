"""DeepLIFT: how the difference from another film travels through the network, unit by unit."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from core.explain.evidence import Evidence
from core.explain.flow import LINEAR, Flow, OperationRule, advised, gradient, logits_of, obstacle, refuse_no_relu
from core.explain.method import Bounds, method
from core.explain.path import Baseline
from core.explain.reference import reference, references
from core.models.architecture import Network

_NEAR = 1e-10  # smaller differences count as zero, as in Captum


class _RescaleRelu(Function):
    """ReLU whose gradient is the ratio of the differences out and in (the paper's Rescale rule)."""

    @staticmethod
    def forward(context: Any, film: Tensor, other: Tensor, most: float = math.inf) -> Tensor:
        context.save_for_backward(film, other)
        context.most = most
        return film.clamp(0, most)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        film, other = context.saved_tensors
        change = film - other
        ratio = (film.clamp(0, context.most) - other.clamp(0, context.most)) / change
        active = (film > 0) & (film < context.most)
        slope = torch.where(change.abs() < _NEAR, active.to(film.dtype), ratio)
        return gradients[0] * slope, None, None


class _MaxPool(Function):
    """Max pooling whose difference goes to one place: the film's peak if that is higher, else the other film's."""

    @staticmethod
    def forward(context: Any, film: Tensor, other: Tensor, settings: tuple[Any, ...]) -> Tensor:
        peak, place = functional.max_pool2d(film, *settings, return_indices=True)
        other_peak, other_place = functional.max_pool2d(other, *settings, return_indices=True)
        place = torch.where(peak > other_peak, place, other_place).flatten(2)
        before = (film - other).flatten(2).gather(2, place)
        after = (peak - other_peak).flatten(2)
        context.shape = film.shape
        context.save_for_backward(place, torch.where(before.abs() < _NEAR, 0, after / before))
        return peak

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        place, ratio = context.saved_tensors
        spread = gradients[0].new_zeros(context.shape).flatten(2)
        return spread.scatter_add(2, place, gradients[0].flatten(2) * ratio).reshape(context.shape), None, None


def _relu(_: Any, flow: Flow, **__: Any) -> tuple[Tensor, ...]:
    film, other = flow.parts
    output: Tensor = _RescaleRelu.apply(film, other)  # type: ignore[no-untyped-call]
    return output, other.clamp(min=0)


def _hardtanh(_: Any, flow: Flow, min_val: float, max_val: float, **__: Any) -> tuple[Tensor, ...]:
    refuse_no_relu(min_val)
    film, other = flow.parts
    output: Tensor = _RescaleRelu.apply(film, other, max_val)  # type: ignore[no-untyped-call]
    return output, other.clamp(0, max_val)


def _max_pool(function: Any, flow: Flow, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    film, other = flow.parts
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    given = {"stride": None, "padding": 0, "dilation": 1, "ceil_mode": False} | dict(zip(names, args, strict=False))
    settings = tuple((given | kwargs)[name] for name in names)
    output: Tensor = _MaxPool.apply(film, other, settings)  # type: ignore[no-untyped-call]
    return output, function(other, *args, **kwargs)


RULES: Mapping[str, OperationRule] = {**LINEAR, "relu": _relu, "hardtanh": _hardtanh, "max_pool2d": _max_pool}


def _has_rules(network: Network, stage: str | None) -> str:
    def attempt(network: Network, noise: Tensor) -> str:
        logits_of(network, Flow(RULES, noise, -noise))
        return ""

    return advised(obstacle(network, "deeplift", attempt))


@method(
    "deeplift",
    title="DeepLIFT",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per pixel",
    misleads="It explains the difference to the baseline in one step: two networks with identical outputs can get "
    "different maps.",
    source="Shrikumar et al. 2017, arXiv:1704.02685 (Rescale rule)",
    by=None,
    why="Captum's does not add up where a max pooling follows a ReLU, as in these networks",
    cost="few",
    fits=_has_rules,
)
def deeplift(evidence: Evidence, *, baseline: Baseline = "black") -> Tensor:
    """Which pixels account for the score, compared with an empty film, in one pass; fine, adds up exactly.

    Captum 0.9's map does not add up wherever a max pooling follows a ReLU, as in each of our networks: its ReLU reads
    the gradient before the pooling's rule has changed it, and where pooling windows overlap, it keeps only the last.
    Elsewhere the two are equal.

    Returns: (1, S, S), signed, summed over the channels; its sum is logit(film) - logit(baseline).
    """
    return _compared(evidence, baseline, reference(evidence, baseline)[None])


@method(
    "deeplift-shap",
    title="DeepLIFT-SHAP",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per pixel",
    misleads="The films it compares with are made of this one, so it answers what sets the film apart from black, "
    "white, grey, blur and noise, not from a healthy chest.",
    source="Lundberg and Lee 2017, arXiv:1705.07874; Shrikumar et al. 2017, arXiv:1704.02685",
    by=None,
    why="Captum's does not add up where a max pooling follows a ReLU, as in these networks",
    cost="tens",
    fits=_has_rules,
)
def deeplift_shap(
    evidence: Evidence,
    *,
    seed: Annotated[int, Bounds(0, 2**31 - 1, "random seed for the two noise films among the baselines")] = 0,
) -> Tensor:
    """Which pixels account for the score, compared with eight empty, blurred and noisy films; adds up exactly.

    The mean of DeepLIFT over the baselines of expected gradients: black, white, mean grey, the film blurred at 1/32,
    1/16 and 1/8 of its side, and two films of noise.

    Returns: (1, S, S), signed, summed over the channels; its sum is logit(film) minus the baselines' mean logit.
    """
    return _compared(evidence, f"shap {seed}", references(evidence, seed))


def _compared(evidence: Evidence, key: str, others: Tensor) -> Tensor:
    """(1, S, S) mean of DeepLIFT over the baselines (B, C, S, S)."""
    size = max(1, evidence.batch(graph=True) // 2)  # film and baseline run side by side
    total = torch.zeros_like(evidence.image)
    for start in range(0, len(others), size):
        some = others[start : start + size]
        films = evidence.image.expand_as(some)
        slopes = gradient(evidence, f"deeplift {key} {start} {len(some)}", RULES, films, some)
        total = total + (slopes * (films - some)).sum(dim=0)
    return (total / len(others)).sum(dim=0)[None]
