"""Gradients that ReLUs let through only where they are positive, and their product with Grad-CAM."""

from typing import Any

from captum._utils.common import _register_backward_hook
from captum.attr import Deconvolution, GuidedBackprop, GuidedGradCam
from torch import Tensor, nn

from core.explain.evidence import Evidence
from core.explain.flow import LINEAR, Flow, advised, each, logits_of, obstacle, refuse_no_relu
from core.explain.method import method
from core.explain.passes import Passes, explained
from core.models.architecture import Network


def needs_relu(network: Network, stage: str | None) -> str:
    """As `relu_obstacle`, with advice."""
    return advised(relu_obstacle(network))


def relu_obstacle(network: Network) -> str:
    """Why Captum's hooks, which change the gradient of each ReLU module, would miss some of the network, or ""."""

    def attempt(network: Network, noise: Tensor) -> str:
        calls = 0

        def relu(*operation: Any, **options: Any) -> tuple[Tensor, ...]:
            nonlocal calls
            calls += 1
            return each(*operation, **options)

        def hardtanh(function: Any, flow: Flow, min_val: float, **options: Any) -> tuple[Tensor, ...]:
            refuse_no_relu(min_val)
            return relu(function, flow, min_val=min_val, **options)

        logits_of(network, Flow({**LINEAR, "max_pool2d": each, "relu": relu, "hardtanh": hardtanh}, noise))
        modules = sum(isinstance(module, nn.ReLU | nn.ReLU6) for module in network.modules())
        if calls == modules:
            return ""
        return f"it applies ReLU {calls} times but has {modules} ReLU modules"

    return obstacle(network, "guided", attempt)


@method(
    "guided-backprop",
    title="Guided backprop",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per grey-level deviation",
    misleads="It draws edges of the film much the same for every finding and even for a network with random weights.",
    source="Springenberg et al. 2015, arXiv:1412.6806",
    by=GuidedBackprop,
    cost="few",
    fits=needs_relu,
)
def guided_backprop(evidence: Evidence) -> Tensor:
    """Which edges and textures excite the network on the way to the finding; sharp, hardly specific.

    Returns: (N, S, S), signed, summed over the channels.
    """
    return _attributed(evidence, GuidedBackprop).sum(dim=1)


@method(
    "deconvolution",
    title="Deconvolution",
    family="gradient",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per grey-level deviation",
    misleads="It ignores which units this film excited, so much of the picture comes from the weights and the "
    "poolings' switches, not from the finding; it is noisier than guided backprop.",
    source="Zeiler and Fergus 2014, arXiv:1311.2901",
    by=Deconvolution,
    cost="few",
    fits=needs_relu,
)
def deconvolution(evidence: Evidence) -> Tensor:
    """The picture that the network draws when run backwards from the finding, keeping only positive evidence.

    Returns: (N, S, S), signed, summed over the channels.
    """
    return _attributed(evidence, Deconvolution).sum(dim=1)


@method(
    "guided-grad-cam",
    title="Guided Grad-CAM",
    family="gradient",
    needs="stage",
    layered=True,
    signed=True,
    unit="logits × logits per grey-level deviation",
    misleads="Its fine edges come from guided backprop and would be there for any finding; only the coarse choice of "
    "place is the finding's own.",
    source="Selvaraju et al. 2017, arXiv:1610.02391",
    by=GuidedGradCam,
    cost="few",
    fits=needs_relu,
)
def guided_grad_cam(evidence: Evidence) -> Tensor:
    """The edges that excite the network, shown only where Grad-CAM finds the finding; sharp and placed.

    Grad-CAM is enlarged bilinearly, as in the paper; Captum's default is by nearest neighbour.

    Returns: (N, S, S), signed, summed over the channels; the size of the film, whatever the stage's.
    """
    slopes, replay = _attributed(evidence, GuidedBackprop), evidence.replay
    both = GuidedGradCam(replay, replay.layer)
    both.guided_backprop.gradient_func = lambda *_: (slopes,)
    return both.attribute(replay.images, target=evidence.finding, interpolate_mode="bilinear").sum(dim=1)


def _attributed(evidence: Evidence, rule: type[GuidedBackprop | Deconvolution]) -> Tensor:
    """(N, C, S, S) of one forward pass for all findings."""

    def attribute(passes: Passes) -> Tensor:
        captum = rule(passes)
        hook_relu6(captum, evidence.network)
        return captum.attribute(passes.films, additional_forward_args=passes.findings)

    return explained(evidence, rule.__name__, attribute, count=len(evidence.images))


def hook_relu6(captum: GuidedBackprop | Deconvolution, network: nn.Module) -> None:
    """Sets Captum's hook on each ReLU6 as well, which Captum ignores; Captum removes them with its own."""
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            captum.backward_hooks += _register_backward_hook(module, captum._backward_hook, captum)
