"""What one unit of a stage sees on this film, pixel by pixel: deconvolution, guided backprop, plain gradient."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from core.errors import BadSetting, Unfit
from core.explain.evidence import reached
from core.explain.flow import Flow, NoRule, Rule
from core.explain.guided import DECONVOLUTION, GUIDED
from core.image.prepare import prepare
from core.layers.activations import known_stage
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Cleaning, Explanation, Radiograph
from core.work import Work

Kind = Literal["deconvolution", "guided-backprop", "neuron-gradient"]
Of = Literal["greatest", "mean"]
_UNIT = "activation a grey-level deviation"


@dataclass(frozen=True)
class Told:
    """How a unit is followed back to the film; rules: what its ReLUs do on the way, None for the plain gradient."""

    title: str
    plain: str
    misleads: str
    source: str
    rules: Mapping[str, Rule] | None


KINDS: dict[Kind, Told] = {
    "guided-backprop": Told(
        "Guided backprop",
        "Which edges and textures of this film excite the unit.",
        "It draws edges much the same for a network with random weights.",
        "Springenberg et al. 2015, arXiv:1412.6806; as Captum NeuronGuidedBackprop",
        GUIDED,
    ),
    "deconvolution": Told(
        "Deconvolution",
        "What the network would paint if it ran backwards from the unit, keeping only what excites it.",
        "It ignores which units this film excited on the way: much of the picture comes from the weights.",
        "Zeiler and Fergus 2014, arXiv:1311.2901; as Captum NeuronDeconvolution",
        DECONVOLUTION,
    ),
    "neuron-gradient": Told(
        "Gradient",
        "Where a small change of grey would excite the unit more (or less, where it is below zero).",
        "It is noisy, and speaks of small changes only.",
        "Simonyan et al. 2014, arXiv:1312.6034; as Captum NeuronGradient",
        None,
    ),
}


def unit_map(
    classifier: Classifier,
    radiograph: Radiograph,
    stage: str,
    channel: int,
    kind: Kind,
    *,
    of: Of = "greatest",
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> Explanation:
    """The unit followed back to the pixels of the film, at the network's own size.

    of:     the unit's greatest cell on this film, or the mean of all its cells.
    Raises: UnknownName for a stage; BadSetting for a unit that is not there; Unfit where the network has operations
            that the kind has no rule for; Stopped as `work` says.
    """
    start = time.perf_counter()
    card, told, cleaning, work = classifier.checkpoint, KINDS[kind], cleaning or Cleaning(), work or Work()
    with torch.inference_mode(False):
        prepared = prepare(radiograph, card.input, cleaning)
    with torch.inference_mode(False), classifier.alone(work) as network:
        known_stage(card, network, stage)
        try:
            found, cell = followed(network, prepared.image[None].to(classifier.device), stage, channel, kind, of=of)
        except NoRule as error:
            raise Unfit(
                f"{told.title} of a unit cannot be had of {card.name}: {error}. Choose the gradient."
            ) from error
    heat = found[0].sum(dim=0).to(torch.float32).cpu().numpy().copy()
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
        title=told.title,
        cleaning=cleaning,
        changed=settings,
        caveat=f"Unit {channel} of {stage} is silent on this film: nothing leads back to the pixels." * silent,
        void=silent,
    )


def followed(
    network: Network, images: Tensor, stage: str, channel: int, kind: Kind, *, of: Of = "greatest"
) -> tuple[Tensor, tuple[int, int] | None]:
    """The unit's gradient in one image by the rules of the kind, and the cell that it is of; None for the mean.

    images:  (1, C, S, S), normalised, on the network's device.
    Returns: (1, C, S, S).
    Raises:  BadSetting for a unit that is not there; NoRule.
    """
    rules = KINDS[kind].rules
    root = images.detach().requires_grad_()
    with torch.enable_grad():
        maps: Tensor = reached(network, root, stage) if rules is None else flowed(network, rules, root, stage)
        known_channel(maps, stage, channel)
        unit = maps[0, channel]
        row, column = divmod(int(unit.detach().argmax()), unit.shape[1])
        value = unit[row, column] if of == "greatest" else unit.mean()
        (found,) = torch.autograd.grad(value, root)
    return found, (row, column) if of == "greatest" else None


def flowed(network: Network, rules: Mapping[str, Rule], images: Tensor, stage: str) -> Tensor:
    """As `reached`, under other rules. Raises: NoRule."""
    anything: Callable[..., Any] = reached
    found: Tensor = anything(network, Flow(rules, images), stage).parts[0]
    return found


def known_channel(maps: Tensor, stage: str, channel: int) -> None:
    """Raises: BadSetting for a unit that maps (N, K, h, w) of the stage do not have."""
    if not 0 <= channel < maps.shape[1]:
        raise BadSetting(f"{stage} has no unit {channel}; it has units 0 to {maps.shape[1] - 1}. Choose one of them.")
