"""Layer-wise relevance propagation, for networks where it conserves the relevance."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.flow import advised, obstacle
from core.explain.method import method
from core.explain.relevance import RelevancePass
from core.models.architecture import Network

TOLERANCE = 0.01  # share of the score's relevance that may be gained or lost on the way to the film


def _conserves(network: Network, stage: str | None) -> str:
    def attempt(network: Network, noise: Tensor) -> str:
        films = torch.cat([noise, 1 - noise / 2])  # the second one is brighter
        relevance = RelevancePass(network, films, float(films.min()), float(films.max()))
        if abs((share := relevance.arriving) - 1) > TOLERANCE:
            return f"{share:.0%} of the relevance arrives at the film, not all of it"
        up, down = relevance.pushed(0)
        if float((relevance.rest[0] - relevance.rest[1]).abs().max()) > TOLERANCE * float((up - down).mean()):
            return "the contributions do not add up to its scores"
        return ""

    return advised(obstacle(network, "lrp", attempt), "Choose integrated gradients.")


@method(
    "lrp",
    title="Layer-wise relevance (LRP)",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per pixel",
    misleads="It distributes the present score: below the last layer only what raised a unit is followed, so a place "
    "that lowered the score, or would change it, may get nothing.",
    source="Bach et al. 2015, doi:10.1371/journal.pone.0130140; Montavon et al. 2017, arXiv:1512.02479",
    by=None,
    why="Captum's has no rule for some layers of these networks, and loses relevance at batch norms",
    cost="few",
    fits=_conserves,
)
def lrp(evidence: Evidence) -> Tensor:
    """How the score is distributed over the pixels, layer by layer, with nothing lost on the way; fine, low in noise.

    Captum's LRP has no rule for some layers of these networks (Flatten, Identity) and loses relevance at batch norms.
    The rules are in core/explain/relevance.py: LRP-0 in the last layer, z+ in all others, z^B at the film.

    Returns: (N, S, S), signed, summed over the channels; its sum is the logit minus the last layer's bias.
    """

    def followed(findings: Sequence[int]) -> dict[int, Tensor]:
        relevance = RelevancePass(evidence.network, evidence.images, evidence.black, evidence.white)
        return {finding: relevance.of(finding).sum(dim=1) for finding in findings}

    def ask(findings: Sequence[int]) -> dict[int, Tensor]:
        evidence.work.expect(len(evidence.images))
        relevances = followed(findings)
        images = len(evidence.images)
        # Each layer runs for the value, for what pushes up and for what pushes down.
        evidence.ran(forwards=3 * images, backwards=2 * images * len(findings))
        evidence.work.step(images)  # other threads may run here, so no graph may be left
        return relevances

    with torch.no_grad():
        return evidence.shared("lrp", ask)
