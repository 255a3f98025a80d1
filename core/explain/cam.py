"""Class activation maps: the feature maps of a stage, weighted by their effect on the finding.

`signed` leaves out the papers' last step, which sets to zero what speaks against the finding. Where a paper also drops
negative weights, the signed map is the one for the finding minus the one for its opposite (the negated score).
"""

from typing import Annotated

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from core.explain.evidence import Evidence
from core.explain.method import Choice, method
from core.models.architecture import Network

Signed = Annotated[bool, Choice("keep what counts against the finding, below zero")]


def rectified(cells: Tensor, *, signed: bool) -> Tensor:
    """The cells (N, h, w), those below zero set to zero unless the map is signed."""
    return cells if signed else cells.clamp(min=0)


def last_layer(network: Network) -> nn.Linear | None:
    """The one linear layer of a head that is global average pooling and that layer; None for any other head.

    Dropout between them is fine: it does nothing outside training.
    """
    if not isinstance(network.head, nn.Sequential):
        return None
    parts = [part for part in network.head if not isinstance(part, nn.Flatten | nn.Dropout | nn.Identity)]
    if len(parts) != 2 or not isinstance(parts[0], nn.AdaptiveAvgPool2d) or not isinstance(parts[1], nn.Linear):
        return None
    return parts[1] if parts[0].output_size in (1, (1, 1)) else None


def _pooled_and_linear(network: Network, stage: str | None) -> str:
    if last_layer(network) is None:  # first: do not recommend the last stage where it is refused as well
        return "its head is not global average pooling and one linear layer. Choose Grad-CAM, which suits any head."
    if stage not in (None, network.last_stage):
        return (
            f"it reads its weights off the layer after {network.last_stage}. Choose that, or Grad-CAM, which gives the "
            "same map there and works at every layer."
        )
    return ""


@method(
    "cam",
    title="CAM",
    family="class activation",
    needs="none",
    layered=True,
    signed=None,
    unit="logits per cell",
    misleads="It is exact for the last feature maps, but a cell there has seen far more of the film than the square it "
    "covers, so what counted may lie beside it.",
    source="Zhou et al. 2016, arXiv:1512.04150",
    by=None,
    why="Captum has none",
    bfloat16="signed",
    fits=_pooled_and_linear,
)
def cam(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """Where the last feature maps support the finding, read from the weights of the last layer; coarse, exact.

    Before clipping at zero the cells add up to the logit minus its bias: the weights are divided by the number of
    cells, as the average pooling divides. The paper pools by summing and torch-cam leaves the division out.

    Returns: (N, h, w), in logits per cell.
    """
    layer = last_layer(evidence.network)
    if layer is None:
        raise ValueError("CAM needs a head of global average pooling and one linear layer")
    features = evidence.features
    weights = layer.weight[evidence.finding].detach().to(features.dtype) / features[0, 0].numel()
    return rectified(torch.einsum("k,nkhw->nhw", weights, features), signed=signed)


@method(
    "grad-cam",
    title="Grad-CAM",
    family="class activation",
    needs="stage",
    layered=True,
    signed=None,
    unit="logits per cell",
    misleads="It averages each feature map's weight over the whole film, so it can light up a place that did not "
    "count; the cells are coarse, and their edges are no anatomy.",
    source="Selvaraju et al. 2017, arXiv:1610.02391",
    by=LayerGradCam,
    bfloat16="signed",
)
def grad_cam(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """Where the feature maps of the stage support the finding; coarse, stable.

    At the last stage before global average pooling and one linear layer it equals CAM.

    Returns: (N, h, w), in logits per cell.
    """
    replay = evidence.replay
    attribution = LayerGradCam(replay, replay.layer)
    return attribution.attribute(replay.images, target=evidence.finding, relu_attributions=not signed)[:, 0]


@method(
    "grad-cam-plus-plus",
    title="Grad-CAM++",
    family="class activation",
    needs="stage",
    layered=True,
    signed=None,
    unit="weighted logits",
    misleads="It evens out strong and weak places, so that many light up; at inner layers without a ReLU (DenseNet) "
    "often none does.",
    source="Chattopadhay et al. 2018, arXiv:1710.11063",
    by=None,
    why="Captum has none",
    bfloat16=True,
)
def grad_cam_plus_plus(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """Where the feature maps of the stage support the finding, in several places at once; coarse.

    The paper takes Y = exp(S) for the score S and weighs map A by the sum over its cells of alpha relu(dY/dA), where
    alpha = Y'' / (2 Y'' + sum(A) Y'''). The network is piecewise linear from A to S, so with g = dS/dA the derivatives
    of Y are exp(S) g, exp(S) g² and exp(S) g³. exp(S) cancels in alpha, which where g > 0 is 1 / (2 + g sum(A)), and
    stays as one factor of the whole map, left out here as in other libraries. The paper's maps come out of a ReLU;
    where others add up to less than zero (DenseNet's inner stages) the sum counts as zero, or alpha would have a pole.

    pytorch-grad-cam adds 1e-6 to 2 g² + sum(A) g³, which is often smaller, and so weighs by the size of g³ instead;
    torch-cam 0.5 loses the division (it divides a copy). Signed: minus the same with -g.

    Returns: (N, h, w); times exp(logit) it is the paper's.
    """
    gradient, features = evidence.feature_gradient, evidence.features
    total = features.sum(dim=(2, 3), keepdim=True).clamp(min=0)

    def weights(slope: Tensor) -> Tensor:
        slope = slope.clamp(min=0)
        return (slope / (2 + slope * total)).sum(dim=(2, 3), keepdim=True)

    difference = weights(gradient) - weights(-gradient) if signed else weights(gradient)
    return rectified((difference * features).sum(dim=1), signed=signed)


@method(
    "hires-cam",
    title="HiRes-CAM",
    family="class activation",
    needs="stage",
    layered=True,
    signed=None,
    unit="logits per cell",
    misleads="At earlier layers the gradient varies from cell to cell by chance, and the map with it: it gets noisy.",
    source="Draelos and Carin 2020, arXiv:2011.08891",
    by=None,
    why="Captum has none",
    bfloat16="signed",
)
def hires_cam(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """Where the stage contributed to the finding, each cell with its own weight; coarse, noisier at earlier stages.

    Returns: (N, h, w), in logits per cell: gradient times feature map, summed over the maps.
    """
    return rectified((evidence.feature_gradient * evidence.features).sum(dim=1), signed=signed)


@method(
    "xgrad-cam",
    title="XGrad-CAM",
    family="class activation",
    needs="stage",
    layered=True,
    signed=None,
    unit="logits per cell",
    misleads="It averages each feature map's slope over the cells where that is active, so it can light up an active "
    "place that did not count.",
    source="Fu et al. 2020, arXiv:2008.02312",
    by=None,
    why="Captum has none",
    bfloat16="signed",
)
def xgrad_cam(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """Where the stage supports the finding, each feature map weighted by its slope where it is active; coarse.

    The paper's weight is sum(g A) / sum(A) for maps A that come out of a ReLU; each map's part then adds up to the same
    as in HiRes-CAM. Where A falls below zero (DenseNet's inner stages) that sum may be nearly zero, and one map takes
    over: with that formula, as in other libraries, float32 and bfloat16 maps of the shipped networks correlated down to
    -0.98 at stage 2. So the cells' magnitude is used, sum(g |A|) / sum(|A|): a mean of slopes, which equals the paper's
    weight wherever A >= 0.

    Returns: (N, h, w), in logits per cell.
    """
    features = evidence.features
    size = features.abs()
    total = size.sum(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(size.dtype).tiny)  # a dead map adds nothing
    weights = (evidence.feature_gradient * size).sum(dim=(2, 3), keepdim=True) / total
    return rectified((weights * features).sum(dim=1), signed=signed)


@method(
    "layer-cam",
    title="Layer-CAM",
    family="class activation",
    needs="stage",
    layered=True,
    signed=None,
    unit="logits per cell",
    misleads="It reads only slopes that support the finding, so it can light up a place that counts against it.",
    source="Jiang et al. 2021, doi:10.1109/TIP.2021.3089943",
    by=None,
    why="Captum has none",
    bfloat16=True,
)
def layer_cam(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """Where single cells of the stage support the finding; made for earlier, finer layers and for fusing them.

    Signed, with the slopes that speak against it as well, it is HiRes-CAM.

    Returns: (N, h, w), in logits per cell.
    """
    gradient = evidence.feature_gradient
    weights = gradient if signed else gradient.clamp(min=0)
    return rectified((weights * evidence.features).sum(dim=1), signed=signed)


@method(
    "eigen-cam",
    title="Eigen-CAM",
    family="class activation",
    needs="none",
    layered=True,
    signed=None,
    unit="activation",
    misleads="It does not depend on the finding: it shows what excites the layer most, be it a pacemaker or a letter.",
    source="Muhammad and Yeasin 2020, arXiv:2008.00299",
    by=None,
    why="Captum has none",
    bfloat16=True,
    specific=False,
)
def eigen_cam(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """What most of the stage's feature maps have in common, whatever the finding; coarse, smooth.

    The (cells × maps) matrix of the features is projected on its first right singular vector. A singular vector's sign
    is arbitrary: here the one whose map has a sum of zero or more, which after a ReLU leaves no cell below zero.
    pytorch-grad-cam centres the maps first, which the paper does not, and keeps whatever sign comes out.

    Returns: (N, h, w), in the stage's own units; signed, below zero is the opposite pattern, not what speaks against.
    """
    features = evidence.features
    if not features.isfinite().all():  # no eigenvectors; the caveat says so
        return torch.full_like(features[:, 0], torch.nan)
    flat = features.flatten(2).double().cpu()  # eigenvectors of near ties need double, which not every GPU has
    if flat.shape[1] <= flat.shape[2]:
        vector = torch.linalg.eigh(flat @ flat.mT).eigenvectors[:, :, -1]
        cells = torch.einsum("nk,nkc->nc", vector, flat)
    else:
        values, vectors = torch.linalg.eigh(flat.mT @ flat)
        cells = vectors[:, :, -1] * values[:, -1:].clamp(min=0).sqrt()
    cells = torch.where(cells.sum(dim=1, keepdim=True) < 0, -cells, cells)
    return rectified(cells.to(features).reshape(-1, *features.shape[-2:]), signed=signed)
