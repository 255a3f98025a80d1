"""Class activation maps whose weights come from forward passes alone: by masking the film or removing feature maps."""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from core.explain.cam import Signed, rectified
from core.explain.evidence import Evidence
from core.explain.method import Bounds, method


@method(
    "score-cam",
    title="Score-CAM",
    family="class activation",
    needs="none",
    layered=True,
    signed=None,
    unit="activation",
    misleads="A film of which only a patch is left is unlike any the network has seen; its answer may be unreliable.",
    source="Wang et al. 2020, arXiv:1910.01279",
    by=None,
    why="Captum has none",
    cost="tens",
)
def score_cam(
    evidence: Evidence,
    *,
    channels: Annotated[int, Bounds(0, 2048, "feature maps to mask with, those that vary most; 0 for all")] = 64,
    signed: Signed = False,
) -> Tensor:
    """Which feature maps keep the finding's score high when only the places where they are active stay visible; coarse.

    Algorithm 1 of the paper: each feature map, enlarged bilinearly and scaled from 0 to 1 over its own range,
    multiplies the normalised film, so that what it leaves out becomes the mean grey, the paper's baseline of zero. The
    weights are the softmax over the maps of the logit's gain on the baseline, whose own logit cancels in it.
    Signed: minus the softmax of the losses, so that maps that keep the score low count below zero.

    channels: the paper masks with all maps. Those that vary most over the film (the choice of Faster-Score-CAM) are
              nearly enough: 64 of the last 1,024 gave maps that correlated 0.88 to 0.98 with those of all.
    Returns:  (1, h, w), in the stage's own units.
    """
    film, features = evidence.image, evidence.features[0]
    count = min(channels or len(features), len(features))
    spread = features.flatten(1).var(dim=1, correction=0)
    chosen = features[spread.argsort(descending=True, stable=True)[:count]]

    def masked(start: int, stop: int) -> Tensor:
        masks = functional.interpolate(
            chosen[start:stop, None], size=film.shape[-2:], mode="bilinear", align_corners=False
        )
        low, high = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
        shares = (masks - low) / (high - low)
        return film * torch.where(high > low, shares, torch.zeros_like(shares))  # an even map leaves nothing

    gains = evidence.answers(("score-cam", evidence.stage, count), count, masked)[:, evidence.finding]
    weights = gains.softmax(dim=0) - (-gains).softmax(dim=0) if signed else gains.softmax(dim=0)
    return rectified(torch.einsum("k,khw->hw", weights, chosen)[None], signed=signed)


@method(
    "ablation-cam",
    title="Ablation-CAM",
    family="class activation",
    needs="none",
    layered=True,
    signed=None,
    unit="share of the score × activation",
    misleads="It removes one feature map at a time: where several carry the same information, none seems to matter.",
    source="Desai and Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360",
    by=None,
    why="Captum has none",
    cost="hundreds",
)
def ablation_cam(evidence: Evidence, *, signed: Signed = False) -> Tensor:
    """Which feature maps the finding's score depends on: its drop when one is set to zero; coarse, no gradient.

    The weight of a map is (y - y without it) / |y|, for the logit y. At the last stage only the head runs, which
    costs next to nothing; at an earlier one everything after the stage runs once for each of its maps.

    The paper divides by y and assumes that it is above zero; a negative y would reverse the map's meaning, so |y| is
    used here. pytorch-grad-cam sets a map to zero only where the stage's lowest value is zero, and otherwise to
    ten million below it, which is no ablation.

    Returns: (1, h, w), share of the score times the stage's own units.
    """
    features = evidence.features

    def without(start: int, stop: int) -> Tensor:
        left = features.expand(stop - start, -1, -1, -1).clone()
        row = torch.arange(stop - start, device=left.device)
        left[row, row + start] = 0
        return left

    key = ("ablation-cam", evidence.stage)
    remaining = evidence.answers(key, features.shape[1], without, after=evidence.stage)[:, evidence.finding]
    score = evidence.tape.logits[0, evidence.finding]
    weights = (score - remaining) / score.abs().clamp(min=torch.finfo(score.dtype).tiny)
    return rectified(torch.einsum("k,nkhw->nhw", weights, features), signed=signed)
