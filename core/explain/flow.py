"""A network's own forward pass under other rules: guided backprop, DeepLIFT and LRP without hooks.

Modules are called as they are, but with a Flow in the tensor's place. Torch dispatches each operation to the Flow, so
the rules live here and not in the network: other threads may use it meanwhile, and nothing has to be cleaned up.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from core.errors import Unfit
from core.explain.evidence import Evidence
from core.models.architecture import Network

# (operation, its arguments, Flows among them) -> the parts of the output.
OperationRule = Callable[..., tuple[Tensor, ...]]
PROBE = 96  # px a side of the noise on which a network is tried; Inception-V3 takes 75 or more
INSTEAD = "Choose saliency or integrated gradients."
_REASONS: weakref.WeakKeyDictionary[Network, dict[str, str]] = weakref.WeakKeyDictionary()


class NoRule(Unfit):
    """The network has an operation without a rule."""


class Flow:
    """Replaces a tensor in a forward pass.

    rules: name of an operation -> its rule; an operation without one raises NoRule.
    parts: tensors of the same shape that travel together; what they mean is up to the rules.
    """

    def __init__(self, rules: Mapping[str, OperationRule], *parts: Tensor) -> None:
        self.rules = rules
        self.parts = parts

    @classmethod
    def __torch_function__(
        cls, function: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Self:
        rules = next(_flows(args)).rules
        if function.__name__ not in rules:
            raise NoRule(f"the network uses {function.__name__}, for which the method has no rule")
        return cls(rules, *rules[function.__name__](function, *args, **(kwargs or {})))

    def __add__(self, other: Any) -> Any:
        return torch.add(self, other)  # type: ignore[call-overload]  # torch calls __torch_function__

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        return torch.flatten(self, start_dim, end_dim)  # type: ignore[arg-type]  # as above

    def dim(self) -> int:
        return self.parts[0].dim()

    @property
    def shape(self) -> torch.Size:
        return self.parts[0].shape


def each(function: Any, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """The rule of linear operations: every part passes through on its own."""
    count = len(next(_flows(args)).parts)
    return tuple(function(*_part(args, number), **kwargs) for number in range(count))


# Operations that are linear in their flows, up to a constant.
LINEAR: dict[str, OperationRule] = {
    name: each
    for name in ("conv2d", "linear", "batch_norm", "avg_pool2d", "adaptive_avg_pool2d", "add", "cat", "flatten", "pad")
} | {"dropout": each}  # dropout does nothing outside training


def refuse_no_relu(least: float) -> None:
    """Torch implements ReLU6 as a hardtanh from 0 to 6. Raises: NoRule for one with another lower limit."""
    if least != 0:
        raise NoRule(f"the network uses hardtanh from {least:g}, for which the method has no rule")


def gradient(evidence: Evidence, key: str, rules: Mapping[str, OperationRule], *parts: Tensor) -> Tensor:
    """d logit / d first part, under the rules.

    key:     identifies the rules and the parts; equal keys share one forward pass for all findings `together`.
    parts:   (n, C, S, S) each.
    Returns: (n, C, S, S).
    """

    def backward(findings: Sequence[int]) -> dict[int, Tensor]:
        root = parts[0].detach().requires_grad_()
        with torch.enable_grad():
            logits = logits_of(evidence.network, Flow(rules, root, *parts[1:])).parts[0]
        return {
            finding: torch.autograd.grad(logits[:, finding].sum(), root, retain_graph=True)[0] for finding in findings
        }

    def ask(findings: Sequence[int]) -> dict[int, Tensor]:
        images = sum(map(len, parts))
        evidence.work.expect(images)
        gradients = backward(findings)
        evidence.ran(forwards=images, backwards=len(parts[0]) * len(findings))
        evidence.work.step(images)  # other threads may run here, so no graph may be left
        return gradients

    return evidence.shared(("flow", key), ask)


def logits_of(network: Network, flow: Flow) -> Flow:
    """The network's output for the flow. Raises: NoRule."""
    anything: Any = network
    logits: Flow = anything(flow)
    return logits


def probe(network: Network) -> Tensor:
    """(1, C, 96, 96) seeded noise, in the grey range of a film, on the network's device."""
    weights = next(module.weight for module in network.modules() if isinstance(module, nn.Conv2d))
    noise = torch.randn(1, weights.shape[1], PROBE, PROBE, generator=torch.Generator().manual_seed(0))
    return noise.to(weights)


def obstacle(network: Network, key: str, attempt: Callable[[Network, Tensor], str]) -> str:
    """Why the network does not support the method, or ""; without a full stop. Tried once per network.

    attempt: (network, noise (1, C, 96, 96)) -> the obstacle; may raise NoRule.
    """
    known = _REASONS.setdefault(network, {})
    if key not in known:
        known[key] = _tried(network, attempt)
    return known[key]


def advised(why: str, advice: str = INSTEAD) -> str:
    """The obstacle with advice on what to choose instead; "" for none."""
    return f"{why}. {advice}" if why else ""


def _tried(network: Network, attempt: Callable[[Network, Tensor], str]) -> str:
    if not any(isinstance(module, nn.Conv2d) for module in network.modules()):
        return "it has no convolution"
    noise = probe(network)
    with torch.no_grad():
        try:
            network(noise)
        except RuntimeError:  # torch raises it for shapes that do not fit
            return f"it takes no film of {PROBE} px, on which the method is tried"
        try:
            return attempt(network, noise)
        except NoRule as error:
            return str(error)


def _flows(args: Any) -> Iterator[Flow]:
    for value in args:
        if isinstance(value, Flow):
            yield value
        elif isinstance(value, list | tuple):
            yield from _flows(value)


def _part(value: Any, number: int) -> Any:
    if isinstance(value, Flow):
        return value.parts[number]
    if isinstance(value, list | tuple):
        return type(value)(_part(one, number) for one in value)
    return value
