"""Feature ablation: whole regions of the film are hidden, one at a time."""

from captum.attr import FeatureAblation
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import method
from core.explain.occlusion import Cover
from core.explain.passes import Altered
from core.explain.reference import reference
from core.explain.regions import RegionCount, RegionKind, regions_of


@method(
    "feature-ablation",
    title="Feature ablation",
    family="perturbation",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per zone",
    by_region=True,
    misleads="Where two zones carry the same information neither gets any heat, since the other one is still there; "
    "and a large zone outweighs a small one.",
    source="Zeiler and Fergus 2014, arXiv:1311.2901, over zones of the lungs or superpixels",
    by=FeatureAblation,
    cost="tens",
    bfloat16=True,
)
def feature_ablation(
    evidence: Evidence, *, regions: RegionKind = "zones", superpixels: RegionCount = 32, fill: Cover = "mean"
) -> Tensor:
    """How much the score drops when a third of a lung, the heart or all the rest is hidden; easy to read.

    Returns: (1, S, S), signed: the drop of the logit, constant over a zone.
    Raises:  NoLungs if zones need lungs and the film has none.
    """
    cut = regions_of(evidence, regions, superpixels)
    altered = Altered(evidence, ("ablation", regions, superpixels, fill), len(cut))
    return FeatureAblation(altered).attribute(
        altered.film,
        reference(evidence, fill)[None],
        feature_mask=cut.mask(evidence.images.device),
        perturbations_per_eval=altered.size,
    )[:, 0]
