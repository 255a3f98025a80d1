"""The relevance for a finding at each stage on one film: how much supports it, how much opposes it, how many units.

Relevance of a unit: activation × gradient of the logit, summed over its cells, in logits; the logit would fall by this
much without the unit if the rest of the network were linear (Shrikumar et al. 2016, arXiv:1605.01713). If the network
supports layer-wise relevance propagation (core.explain.relevance), the same figures are given for LRP, too: it
distributes the whole logit, so the sums of all stages are equal and only the carrying units change.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.explain.evidence import Tape
from core.explain.flow import Flow
from core.explain.method import methods
from core.explain.relevance import RelevancePass
from core.explain.replay import stage_relevance
from core.image.prepare import prepare
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.models.findings import place_of
from core.types import Cleaning, Radiograph
from core.work import Work

CARRIED = 0.8  # share of the positive relevance that the carriers have


@dataclass(frozen=True)
class RelevanceSummary:
    """Relevance of K units, in logits.

    speaks, against: sum over the units above zero, and over those below (<= 0).
    carriers:        the fewest units that together have CARRIED of the positive relevance; 0 if there is none.
    """

    speaks: float
    against: float
    carriers: int
    units: int

    @property
    def share(self) -> float:
        """Carriers as a share of all units."""
        return self.carriers / self.units


@dataclass(frozen=True)
class StageRelevance:
    """One stage by activation × gradient, and by LRP; None if the network does not support that."""

    stage: str
    gradient: RelevanceSummary
    lrp: RelevanceSummary | None


def relevances_by_stage(
    classifier: Classifier,
    radiograph: Radiograph,
    finding: str,
    *,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> tuple[tuple[StageRelevance, ...], str]:
    """Every stage of the network, and why LRP is missing, or "".

    One forward and one backward pass; LRP needs three and two more.
    Raises: UnknownName for the finding; Stopped.
    """
    card, cleaning, work = classifier.checkpoint, cleaning or Cleaning(), work or Work()
    place = place_of(card.findings, finding)
    with torch.inference_mode(False):
        prepared = prepare(radiograph, card.input, cleaning)
    with torch.inference_mode(False), classifier.alone(work) as network:
        images = prepared.image[None].to(classifier.device)
        first, *_ = stages = list(network.stages)
        tape = Tape(network, images, grad_from=first, wanted={place: stages})
        plain = {stage: relevance_summary(stage_relevance(tape, stage, place)[0].cpu().numpy()) for stage in stages}
        why = methods["lrp"].fits(network, None)
        dealt = {} if why else _dealt(network, images, place, prepared.black.to(images), prepared.white.to(images))
    return tuple(StageRelevance(stage, plain[stage], dealt.get(stage)) for stage in stages), why


def relevance_summary(relevance: NDArray[np.floating]) -> RelevanceSummary:
    """The relevance (K,) of units in three numbers."""
    values = relevance.astype(np.float64)
    above = np.sort(values[values > 0])[::-1]
    speaks = float(above.sum())
    carriers = int(np.searchsorted(above.cumsum(), CARRIED * speaks - 1e-9 * speaks)) + 1 if speaks else 0
    return RelevanceSummary(speaks, float(values[values < 0].sum()), carriers, len(values))


def carriers_text(summary: RelevanceSummary) -> str:
    """ "28 of 1024", the carriers; "none" if no unit has positive relevance."""
    return f"{summary.carriers} of {summary.units}" if summary.carriers else "none"


def missing_relevance_reasons(relevances: Sequence[StageRelevance], finding: str) -> tuple[str, ...]:
    """Why some stages show "none": a sentence for activation × gradient, one for LRP, where each applies."""
    gradient = {each.stage: each.gradient for each in relevances}
    lrp = {each.stage: each.lrp for each in relevances if each.lrp}
    reasons = []
    for rule, of_stage in (("activation × gradient", gradient), ("LRP", lrp)):
        stages = [stage for stage, carried in of_stage.items() if not carried.carriers]
        if stages:
            reasons.append(
                f"None: by {rule} no unit of {', '.join(stages)} has a relevance above zero, so nothing there "
                f"supports {finding} and no unit can carry {100 * CARRIED:.0f} % of it."
            )
    return tuple(reasons)


def _dealt(network: Network, images: Tensor, finding: int, black: Tensor, white: Tensor) -> dict[str, RelevanceSummary]:
    """Stage -> the relevance that LRP assigns to its units."""
    noted = {stage: _Note() for stage in network.stages}
    with torch.no_grad():
        RelevancePass(_noting(network, noted), images, black, white).of(finding)
    return {stage: relevance_summary(note.relevance.cpu().numpy()) for stage, note in noted.items()}


class _Note(nn.Module):
    """Passes its input on unchanged, and records the relevance (K,) on the way back."""

    relevance: Tensor

    def forward(self, flow: Flow) -> Flow:
        pushes: Sequence[Tensor] = flow.parts[1:]
        self.relevance = torch.zeros(pushes[0].shape[1], dtype=pushes[0].dtype, device=pushes[0].device)
        for push in pushes:
            push.register_hook(self._back)  # type: ignore[no-untyped-call]  # of a tensor of this pass alone
        return flow

    def _back(self, relevance: Tensor) -> None:
        self.relevance = self.relevance + relevance.detach()[0].sum(dim=(1, 2))


def _noting(network: Network, noted: dict[str, _Note]) -> Network:
    """The network's own layers, not copies, with a recorder after each stage."""
    ends = {child: stage for stage, child in network.stages.items()}
    children: OrderedDict[str, nn.Module] = OrderedDict()
    for child, module in network.features.named_children():
        children[child] = module
        if stage := ends.get(child):
            children[f"{child} noted"] = noted[stage]
    return Network(nn.Sequential(children), network.stages, network.head).eval()
