"""The output of a layer inside a stage: one hook, removed before another request may use the network."""

from typing import Any

import torch
from torch import Tensor, nn

from core.errors import Unfit
from core.models.architecture import Network


class InnerPass:
    """One pass, recorded at a layer inside a stage (core.explain.replay.Recorded).

    images: (1, C, S, S), normalised.
    logits: (1, F).
    """

    def __init__(self, images: Tensor, features: Tensor, logits: Tensor) -> None:
        self.images, self.logits = images, logits.detach()
        self._features, self._graph_logits = features, logits

    def features(self, stage: str) -> Tensor:
        """(1, K, h, w) output of the layer."""
        return self._features.detach()

    def gradient(self, source: str, finding: int) -> Tensor:
        """(1, K, h, w) gradient of the logit with respect to that output."""
        with torch.enable_grad():
            logit = self._graph_logits[0, finding].sum()
        (gradient,) = torch.autograd.grad(logit, self._features, retain_graph=True)
        return gradient


def inner(network: Network, layer: str, images: Tensor) -> InnerPass:
    """The pass of the images (1, C, S, S), recorded at the layer.

    layer:  a module's path in the network, as core.layers.plan names it.
    Raises: Unfit if the layer runs more than once or gives no maps.
    """
    outputs: list[Any] = []

    def keep(module: nn.Module, given: object, output: Any) -> Any:
        outputs.append(output.detach().requires_grad_() if isinstance(output, Tensor) else output)
        return outputs[-1]  # the graph begins here

    handle = network.get_submodule(layer).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network(images)
    finally:
        handle.remove()
    if len(outputs) != 1:
        raise Unfit(
            f"{layer} runs {len(outputs)} times in one pass, so its units have no one response. Choose another."
        )
    features = outputs[0]
    if not isinstance(features, Tensor) or features.dim() != 4:
        raise Unfit(f"{layer} gives no maps, so its units have no place on the film. Choose an earlier layer.")
    return InnerPass(images, features, logits)
