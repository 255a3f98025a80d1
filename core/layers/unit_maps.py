"""What excites one unit of a stage on this film, pixel by pixel: deconvolution, guided backprop, plain gradient."""

import time
from dataclasses import dataclass
from typing import Any, Literal

import torch
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop
from torch import Tensor

from core.errors import BadSetting, Unfit
from core.explain.evidence import up_to
from core.explain.flow import advised
from core.explain.guided import hook_relu6, relu_obstacle
from core.image.prepare import prepare
from core.layers.activations import known_stage
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Cleaning, Explanation, Radiograph
from core.work import Work

UnitMethod = Literal["deconvolution", "guided-backprop", "neuron-gradient"]
UnitCell = Literal["greatest", "mean"]
_UNIT = "activation per grey-level deviation"


@dataclass(frozen=True)
class UnitMethodEntry:
    """A way to attribute a unit to the film; by: Captum's class for it."""

    title: str
    plain: str
    misleads: str
    source: str
    by: type[NeuronGuidedBackprop | NeuronDeconvolution | NeuronGradient]


UNIT_METHODS: dict[UnitMethod, UnitMethodEntry] = {
    "guided-backprop": UnitMethodEntry(
        "Guided backprop",
        "Which edges and textures of this film excite the unit.",
        "It draws edges much the same for a network with random weights.",
        "Springenberg et al. 2015, arXiv:1412.6806",
        NeuronGuidedBackprop,
    ),
    "deconvolution": UnitMethodEntry(
        "Deconvolution",
        "The picture that the network draws when run backwards from the unit, keeping only what excites it.",
        "It ignores which units this film excited on the way: much of the picture comes from the weights.",
        "Zeiler and Fergus 2014, arXiv:1311.2901",
        NeuronDeconvolution,
    ),
    "neuron-gradient": UnitMethodEntry(
        "Gradient",
        "Where a small change of grey would excite the unit more (or less, where it is below zero).",
        "It is noisy, and holds for small changes only.",
        "Simonyan et al. 2014, arXiv:1312.6034",
        NeuronGradient,
    ),
}


def unit_gradient_map(
    classifier: Classifier,
    radiograph: Radiograph,
    stage: str,
    channel: int,
    kind: UnitMethod,
    *,
    of: UnitCell = "greatest",
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> Explanation:
    """The unit attributed to the pixels of the film, at the network's input size.

    of:     the unit's strongest cell on this film, or the mean of all its cells.
    Raises: UnknownName for a stage; BadSetting for an unknown unit; Unfit if the kind lacks a rule for one of the
            network's operations; Stopped by `work`.
    """
    start = time.perf_counter()
    card, entry, cleaning, work = classifier.checkpoint, UNIT_METHODS[kind], cleaning or Cleaning(), work or Work()
    with torch.inference_mode(False):
        prepared = prepare(radiograph, card.input, cleaning)
    with torch.inference_mode(False), classifier.alone(work) as network:
        known_stage(card, network, stage)
        if kind != "neuron-gradient" and (why := relu_obstacle(network)):
            reason = advised(why, "Choose the gradient.")
            raise Unfit(f"{entry.title} of a unit is not available for {card.name}: {reason}")
        gradient, cell = unit_gradient(network, prepared.image[None].to(classifier.device), stage, channel, kind, of=of)
    heat = gradient[0].sum(dim=0).to(torch.float32).cpu().numpy().copy()
    settings: dict[str, Any] = {"channel": channel}
    settings |= {"of": "mean of its cells"} if cell is None else {"row": cell[0], "column": cell[1]}
    silent = not heat.any()
    return Explanation(
        radiograph=radiograph.key,
        checkpoint=card.key,
        heat=heat,
        placement=prepared.placement,
        signed=True,
        unit=_UNIT,
        method=kind,
        finding="",
        layer=stage,
        settings=settings,
        seconds=time.perf_counter() - start,
        passes=(1, 1),
        title=entry.title,
        cleaning=cleaning,
        changed=settings,
        computed_by=f"Captum {entry.by.__name__}",
        caveat=f"Unit {channel} of {stage} is silent on this film, so there is no map." * silent,
        void=silent,
    )


def unit_gradient(
    network: Network, images: Tensor, stage: str, channel: int, kind: UnitMethod, *, of: UnitCell = "greatest"
) -> tuple[Tensor, tuple[int, int] | None]:
    """The unit's gradient in one image by the rules of the kind, and its cell; None for the mean of all cells.

    images:  (1, C, S, S), normalised, on the network's device.
    Returns: (1, C, S, S).
    Raises:  BadSetting for an unknown unit.
    """
    cell: list[tuple[int, int]] = []

    def unit(maps: Tensor) -> Tensor:
        check_channel(maps, stage, channel)
        if of == "mean":
            return maps[:, channel].mean(dim=(1, 2))
        row, column = divmod(int(maps[0, channel].argmax()), maps.shape[3])
        cell.append((row, column))
        return maps[:, channel, row, column]

    front = up_to(network, stage)
    captum = UNIT_METHODS[kind].by(front, front[-1])
    if kind != "neuron-gradient":
        hook_relu6(captum.guided_backprop if kind == "guided-backprop" else captum.deconv, front)
    attribution = captum.attribute(images.detach().requires_grad_(), unit)
    return attribution, cell[0] if cell else None


def check_channel(maps: Tensor, stage: str, channel: int) -> None:
    """Raises: BadSetting for a unit that maps (N, K, h, w) of the stage do not have."""
    if not 0 <= channel < maps.shape[1]:
        raise BadSetting(f"{stage} has no unit {channel}; it has units 0 to {maps.shape[1] - 1}. Choose one of them.")
