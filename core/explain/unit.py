"""How much of the score passes through a stage, and what one of its units responds to."""

from typing import Annotated

import numpy as np
from captum.attr import InternalInfluence, LayerConductance, NeuronGradient
from torch import Tensor, nn

from core.errors import BadSetting
from core.explain.activation import one
from core.explain.evidence import Evidence, up_to
from core.explain.method import Bounds, method
from core.explain.passes import Passes, explained
from core.explain.path import Baseline
from core.explain.reference import ReferenceKind, reference
from core.models.architecture import Network

Steps = Annotated[int, Bounds(8, 200, "steps between baseline and film")]
Channel = Annotated[int, Bounds(-1, 4095, "one feature map; -1 for the sum of all")]


def _averaged(network: Network, stage: str | None) -> str:
    """Why internal influence would be flat at the stage."""
    first = next(network.head.children(), None)
    if stage == network.last_stage and isinstance(first, nn.AdaptiveAvgPool2d) and first.output_size in (1, (1, 1)):
        return "what follows averages all its cells, so each has the same influence. Choose an earlier layer."
    return ""


@method(
    "layer-conductance",
    title="Layer conductance",
    family="layer and unit",
    needs="none",
    layered=True,
    signed=True,
    unit="logits per cell",
    misleads="It explains the difference to the baseline, and a cell sees more of the film than it covers.",
    source="Dhamdhere et al. 2018, arXiv:1805.12233",
    by=LayerConductance,
    cost="tens",
)
def layer_conductance(
    evidence: Evidence, *, steps: Steps = 32, baseline: Baseline = "black", channel: Channel = -1
) -> Tensor:
    """Through which cells of the stage the score arises along the path from an empty film to this one.

    Returns: (1, h, w), signed; all cells together approach logit(film) - logit(baseline).
    """
    attribution = _along_path(evidence, LayerConductance, steps, baseline)
    return _one_or_all(attribution, channel, evidence.stage)


@method(
    "internal-influence",
    title="Internal influence",
    family="layer and unit",
    needs="none",
    layered=True,
    signed=True,
    unit="logits per unit",
    misleads="It shows the effect of more activity at a place, even where the film causes none.",
    source="Leino et al. 2018, arXiv:1802.03788",
    by=InternalInfluence,
    cost="tens",
    fits=_averaged,
)
def internal_influence(
    evidence: Evidence, *, steps: Steps = 32, baseline: Baseline = "black", channel: Channel = -1
) -> Tensor:
    """How strongly the score depends on each cell of the stage, averaged along the path from an empty film to this one.

    Returns: (1, h, w), signed, summed over the feature maps or of one of them.
    """
    attribution = _along_path(evidence, InternalInfluence, steps, baseline)
    return _one_or_all(attribution, channel, evidence.stage)


@method(
    "neuron-gradient",
    title="Unit gradient",
    family="layer and unit",
    needs="none",
    layered=True,
    signed=True,
    unit="activation per grey-level deviation",
    misleads="It is about one unit, whatever the finding; what excites it may count for the finding or against it.",
    source="Simonyan et al. 2014, arXiv:1312.6034",
    by=NeuronGradient,
    cost="few",
    specific=False,
)
def neuron_gradient(
    evidence: Evidence,
    *,
    channel: Annotated[int, Bounds(-1, 4095, "feature map of the unit; -1 for the most active")] = -1,
    row: Annotated[int, Bounds(-1, 1023, "cell of the unit; -1 for the most active")] = -1,
    column: Annotated[int, Bounds(-1, 1023, "cell of the unit; -1 for the most active")] = -1,
) -> Tensor:
    """Where a small change of grey would excite one unit of the stage most, whatever the finding; fine, noisy.

    A setting of -1 selects the most active unit that matches the other settings.

    Returns: (1, S, S), signed, summed over the channels of the image.
    Raises:  BadSetting for a unit that the stage does not have.
    """
    unit = _unit(evidence.features[0], {"channel": channel, "row": row, "column": column}, evidence.stage)

    def gradient() -> Tensor:
        front = up_to(evidence.network, evidence.stage)
        attribution = NeuronGradient(front, front[-1]).attribute(evidence.image[None].clone().requires_grad_(), unit)
        evidence.ran(forwards=1, backwards=1)
        return attribution.sum(dim=1)

    return evidence.tape.remember(("neuron-gradient", evidence.stage, unit), gradient)


def _along_path(
    evidence: Evidence, method: type[LayerConductance | InternalInfluence], steps: int, baseline: ReferenceKind
) -> Tensor:
    """(1, K, h, w) of the stage, along the path from a baseline to the film in `steps` steps (Gauss-Legendre)."""
    start = reference(evidence, baseline)[None]

    def attribute(passes: Passes) -> Tensor:
        films = passes.films
        shared = len(films) if method is LayerConductance else 0  # its batches share an end, which runs once
        return method(passes, passes.layer).attribute(
            films,
            start,
            additional_forward_args=passes.findings,
            n_steps=steps,
            internal_batch_size=passes.rows + shared,
        )

    return explained(evidence, (method.__name__, steps, baseline), attribute, count=steps, after=evidence.stage)


def _one_or_all(maps: Tensor, channel: int, stage: str) -> Tensor:
    """(1, h, w) of (1, K, h, w): one feature map, or their sum."""
    return maps.sum(dim=1) if channel < 0 else one(maps, channel, stage)


def _unit(features: Tensor, wanted: dict[str, int], stage: str) -> tuple[int, ...]:
    """(channel, row, column) of the most active unit of (K, h, w) that matches `wanted`; a negative index is any."""
    for (name, index), size in zip(wanted.items(), features.shape, strict=True):
        if index >= size:
            raise BadSetting(f"{name} is {index}; {stage} has {name}s 0 to {size - 1}. Choose one of them, or -1.")
    left = features[tuple(slice(None) if index < 0 else slice(index, index + 1) for index in wanted.values())]
    peak = np.unravel_index(int(left.argmax()), left.shape)
    return tuple(int(at) if index < 0 else index for at, index in zip(peak, wanted.values(), strict=True))
