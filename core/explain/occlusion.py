"""Occlusion: a window is moved over the film and hides what lies under it."""

from typing import Annotated

from captum.attr import Occlusion
from torch import Tensor

from core.errors import BadSetting
from core.explain.evidence import Evidence
from core.explain.method import Bounds, Choice, method
from core.explain.passes import Altered
from core.explain.reference import ReferenceKind, reference

Cover = Annotated[ReferenceKind, Choice("fill for the hidden part")]


@method(
    "occlusion",
    title="Occlusion",
    family="perturbation",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per window",
    misleads="Where a finding shows in two places, hiding one changes little, since the other still supports it; and "
    "the network has never seen such a window.",
    source="Zeiler and Fergus 2014, arXiv:1311.2901",
    by=Occlusion,
    cost="hundreds",
    bfloat16=True,
)
def occlusion(
    evidence: Evidence,
    *,
    window: Annotated[int, Bounds(1, 1024, "side of the window, px of the network's input")] = 32,
    stride: Annotated[int, Bounds(1, 1024, "px from one window to the next")] = 16,
    fill: Cover = "mean",
) -> Tensor:
    """How much the score drops when a small window of the film is hidden; slow, easy to read.

    Windows lie at multiples of the stride; the last ones are cut at the film's edge. (S - window) / stride + 1
    windows per side: 169 passes at 224 px.

    Returns: (1, S, S), signed: the mean drop of the logit over the windows that cover the pixel.
    Raises:  BadSetting where the window is larger than the input, or the stride leaves gaps.
    """
    image, side = evidence.image, evidence.image.shape[-1]
    if window > side:
        raise BadSetting(f"window is {window} px, but the network sees {side} × {side} px. Choose {side} px or less.")
    if stride > window:
        raise BadSetting(
            f"stride is {stride} px, but the window is {window} px: what lies between would never be hidden. "
            f"Choose {window} px or less."
        )
    across = -(-(side - window) // stride) + 1
    altered = Altered(evidence, ("occlusion", window, stride, fill), across**2)
    channels = len(image)
    return Occlusion(altered).attribute(
        altered.film,
        (channels, window, window),
        (channels, stride, stride),
        baselines=reference(evidence, fill)[None],
        perturbations_per_eval=altered.size,
    )[:, 0]
