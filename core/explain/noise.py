"""The gradient in many noisy copies of the film: its mean, its mean square, its variance."""

from itertools import count
from typing import Annotated, Any

from captum.attr import NoiseTunnel, Saliency
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import Bounds, Choice, method
from core.explain.passes import Passes, explained
from core.explain.reference import gaussian, like

Samples = Annotated[int, Bounds(4, 200, "noisy copies of the film")]
Noise = Annotated[float, Bounds(0.01, 0.5, "standard deviation of the noise, as a share of the film's range of grey")]
Seed = Annotated[int, Bounds(0, 2**31 - 1, "random seed for the noise; the same seed gives the same map")]


@method(
    "smoothgrad",
    title="SmoothGrad",
    family="gradient",
    needs="none",
    layered=False,
    signed=None,
    unit="logits per grey-level deviation",
    misleads="Smoother does not mean truer: the network was not trained on noisy copies.",
    source="Smilkov et al. 2017, arXiv:1706.03825",
    by=NoiseTunnel,
    cost="tens",
)
def smoothgrad(
    evidence: Evidence,
    *,
    samples: Samples = 25,
    noise: Noise = 0.15,
    seed: Seed = 0,
    signed: Annotated[bool, Choice("keep the sign, summed over the channels")] = False,
) -> Tensor:
    """Where a small change of grey would change the score most, averaged over noisy copies; less grainy.

    The paper draws the absolute value and finds noise of 10 to 20 % of the range best.

    Returns: (1, S, S), >= 0: the largest absolute mean over the channels; or signed: their sum.
    """
    mean = _tunnel(evidence, "smoothgrad", samples, noise, seed)
    heat = mean.sum(dim=1) if signed else mean.abs().amax(dim=1)
    return like(heat, evidence.images)


@method(
    "smoothgrad-squared",
    title="SmoothGrad²",
    family="gradient",
    needs="none",
    layered=False,
    signed=False,
    unit="(logits per grey-level deviation)²",
    misleads="Squares hide whether a place counts for or against the finding, and a few pixels dominate.",
    source="Hooker et al. 2019, arXiv:1806.10758",
    by=NoiseTunnel,
    cost="tens",
)
def smoothgrad_squared(evidence: Evidence, *, samples: Samples = 25, noise: Noise = 0.15, seed: Seed = 0) -> Tensor:
    """Where the score is sensitive, for or against, in noisy copies of the film: the mean squared change.

    Returns: (1, S, S), >= 0, summed over the channels.
    """
    square = _tunnel(evidence, "smoothgrad_sq", samples, noise, seed)
    return like(square.sum(dim=1), evidence.images)


@method(
    "vargrad",
    title="VarGrad",
    family="gradient",
    needs="none",
    layered=False,
    signed=False,
    unit="(logits per grey-level deviation)²",
    misleads="A place that counts in every copy has little variance and stays dark: it shows where the network is "
    "unstable.",
    source="Adebayo et al. 2018, arXiv:1810.03307",
    by=NoiseTunnel,
    cost="tens",
)
def vargrad(evidence: Evidence, *, samples: Samples = 25, noise: Noise = 0.15, seed: Seed = 0) -> Tensor:
    """Where noise changes how much a pixel counts: the variance of the change.

    The paper takes the variance of the samples: mean square minus squared mean, divided by their number and not by
    one less. Captum does the same.

    Returns: (1, S, S), >= 0, summed over the channels.
    """
    variance = _tunnel(evidence, "vargrad", samples, noise, seed).clamp(min=0)
    return like(variance.sum(dim=1), evidence.images)


def _tunnel(evidence: Evidence, kind: str, samples: int, noise: float, seed: int) -> Tensor:
    """(1, C, S, S) the output of Captum's NoiseTunnel in double precision; three methods share the gradients.

    The noise is ours, and Captum adds none: it would draw from the generator that all threads share, so that no map
    could be repeated. In double precision, on the processor where every machine has it, since the variance is a
    difference that may be small.
    """
    image = evidence.image
    deviation = noise * (image.max() - image.min())
    findings = evidence.together or (evidence.finding,)
    key = ("noise", samples, noise, seed, findings)
    size = evidence.tape.remember((*key, "size"), lambda: evidence.batch(graph=True))
    gradients: list[Tensor] = evidence.tape.remember(key, list)
    room = len(findings) * samples * image.nbytes < evidence.budget / 8

    def attribute(passes: Passes) -> Tensor:
        saliency = Saliency(passes)
        plain, calls = saliency.gradient_func, count()

        def precise(*call: Any) -> tuple[Tensor]:
            if (number := next(calls)) < len(gradients):
                return (gradients[number].double(),)
            (gradient,) = plain(*call)
            if room:
                gradients.append(gradient.cpu())
            return (gradient.cpu().double(),)

        saliency.gradient_func = precise
        return NoiseTunnel(saliency).attribute(
            passes.films,
            nt_type=kind,
            nt_samples=samples,
            nt_samples_batch_size=size,
            stdevs=0.0,
            abs=False,
            additional_forward_args=passes.findings,
        )

    def added(start: int, stop: int) -> Tensor:
        return deviation * gaussian(image, seed, start, stop)

    return explained(evidence, (kind, *key), attribute, count=samples, added=added, size=size)
