"""Feature ablation: whole regions of the film are hidden, one at a time."""

from collections.abc import Hashable

import torch
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import method
from core.explain.occlusion import Fill
from core.explain.reference import Reference, reference
from core.explain.regions import Kind, Number, Regions, painted, regions_of


@method(
    "feature-ablation",
    title="Feature ablation",
    family="perturbation",
    needs="none",
    layered=False,
    signed=True,
    unit="logits a zone",
    misleads="Of two zones that say the same neither gets anything, since the other one is still there; and a large "
    "zone outweighs a small one.",
    source="Captum FeatureAblation, over zones of the lungs or superpixels",
    cost="tens",
    bfloat16=True,
)
def feature_ablation(
    evidence: Evidence, *, regions: Kind = "zones", superpixels: Number = 32, fill: Fill = "mean"
) -> Tensor:
    """How much the score falls when a third of a lung, the heart or all the rest is hidden; easy to read.

    Returns: (1, S, S), signed: the fall of the logit, the same all over a zone.
    Raises:  NoLungs where zones are asked for and the film has none.
    """
    found = regions_of(evidence, regions, superpixels)
    shown = ~torch.eye(len(found), dtype=torch.bool)
    logits = scores(evidence, found, shown, fill, ("each", regions, superpixels))
    return painted(found, evidence.tape.logits[0, evidence.finding] - logits[:, evidence.finding])


def scores(evidence: Evidence, found: Regions, shown: Tensor, fill: Reference, key: Hashable) -> Tensor:
    """(M, F) logits of the film with only some regions shown.

    shown: (M, n) bool, one altered film a row.
    key:   what `shown` and the regions depend on.
    """
    image, cover = evidence.image, reference(evidence, fill)
    labels, shown = torch.from_numpy(found.labels).to(image.device), shown.to(image.device)

    def make(start: int, stop: int) -> Tensor:
        return torch.where(shown[start:stop][:, labels][:, None], image, cover)

    return evidence.answers(("regions", key, fill), len(shown), make)
