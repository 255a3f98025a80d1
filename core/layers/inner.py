"""What a layer inside a stage gives: one hook, set and taken away behind the network's door."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import Unfit
from core.models.architecture import Network


def inner(network: Network, layer: str, images: Tensor) -> tuple[Tensor, Callable[[int], Tensor]]:
    """(1, K, h, w) what the layer gives, and a function finding -> the logit's gradient with respect to it.

    layer:  a module's path in the network, as core.layers.plan names it.
    images: (1, C, S, S), normalised.
    Raises: Unfit where the layer runs more than once or gives no maps.
    """
    caught: list[Any] = []

    def keep(module: nn.Module, given: object, output: Any) -> Any:
        caught.append(output.detach().requires_grad_() if isinstance(output, Tensor) else output)
        return caught[-1]  # the graph begins here

    handle = network.get_submodule(layer).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network(images)
    finally:
        handle.remove()
    if len(caught) != 1:
        raise Unfit(f"{layer} runs {len(caught)} times in one pass, so its units have no one answer. Choose another.")
    features = caught[0]
    if not isinstance(features, Tensor) or features.dim() != 4:
        raise Unfit(f"{layer} gives no maps, so its units have no place on the film. Choose an earlier layer.")

    def gradient(finding: int) -> Tensor:
        (found,) = torch.autograd.grad(logits[0, finding], features, retain_graph=True)
        return found

    return features.detach(), gradient
