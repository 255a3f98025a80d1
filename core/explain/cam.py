"""Class activation maps: the feature maps of a stage, weighted by what they do for the finding."""

from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import method


@method(
    "grad-cam",
    title="Grad-CAM",
    family="class activation",
    needs="stage",
    layered=True,
    signed=False,
    unit="logits a cell",
    misleads="It averages each feature map's weight over the whole film, so it can light up a place that did not "
    "count; the cells are coarse, and their edges are no anatomy.",
    source="Selvaraju et al. 2017, arXiv:1610.02391",
)
def grad_cam(evidence: Evidence) -> Tensor:
    """Where the feature maps of the stage speak for the finding; coarse, stable.

    At the last stage before global average pooling and one linear layer, the cells before clipping at zero
    add up to the logit less its bias.

    Returns: (N, h, w), >= 0, in logits a cell.
    """
    weights = evidence.feature_gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * evidence.features).sum(dim=1).clamp(min=0)
