"""Maps from the gradient of a logit with respect to the image."""

from captum.attr import InputXGradient, Saliency
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import method


@method(
    "saliency",
    title="Saliency",
    family="gradient",
    needs="images",
    layered=False,
    signed=False,
    unit="logits per grey-level deviation",
    misleads="It shows where a small change would move the answer, not what it is based on; single pixels are noise.",
    source="Simonyan et al. 2014, arXiv:1312.6034",
    by=Saliency,
)
def saliency(evidence: Evidence) -> Tensor:
    """Where a small change of grey would change the finding's score most; fine, noisy.

    Returns: (N, S, S), >= 0: the largest absolute gradient over the channels.
    """
    return Saliency(evidence.replay).attribute(evidence.replay.images, target=evidence.finding).amax(dim=1)


@method(
    "input-x-gradient",
    title="Input × gradient",
    family="gradient",
    needs="images",
    layered=False,
    signed=True,
    unit="logits per pixel",
    misleads="Mid-grey pixels get none, whatever they mean, because the film's mean grey is zero to the network.",
    source="Shrikumar et al. 2016, arXiv:1605.01713",
    by=InputXGradient,
)
def input_x_gradient(evidence: Evidence) -> Tensor:
    """Which pixels, with their present brightness, push the finding's score up or down; fine, noisy.

    Returns: (N, S, S), signed, summed over the channels.
    """
    return InputXGradient(evidence.replay).attribute(evidence.replay.images, target=evidence.finding).sum(dim=1)
