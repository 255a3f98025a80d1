"""torchvision's blocks without in-place operations, with every operation visible to hooks and rules."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.models.architecture import Network
from core.models.operators import torchvision

Layers = TypeVar("Layers", bound=nn.Module)


class Residual(nn.Module):
    """Adds the block's output to its input; torchvision adds in place."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to the same shape."""
        output: Tensor = features + self.block(features)
        return output


class ScaledResidual(nn.Module):
    """ConvNeXt's block: the block's output is scaled, map by map, before it is added; torchvision adds in place.

    scale: (K, 1, 1).
    """

    def __init__(self, block: nn.Module, scale: nn.Parameter) -> None:
        super().__init__()
        self.block = block
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to the same shape."""
        return features + torch.mul(self.scale, self.block(features))


class Excitation(nn.Module):
    """Squeeze and excitation: each feature map times a factor computed from all of them.

    Source: Hu et al. 2018, arXiv:1709.01507.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.pool = layers.avgpool
        self.squeeze, self.active = layers.fc1, layers.activation
        self.excite, self.gate = layers.fc2, layers.scale_activation

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to the same shape."""
        factors = self.gate(self.excite(self.active(self.squeeze(self.pool(features)))))
        return torch.mul(features, factors)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each cell."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.weight, self.bias = layers.weight, layers.bias
        self.eps: float = layers.eps

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to the same shape."""
        last = torch.permute(features, (0, 2, 3, 1))
        normal = functional.layer_norm(last, (len(self.weight),), self.weight, self.bias, self.eps)
        return torch.permute(normal, (0, 3, 1, 2))


def pooled(layers: Any, stages: Mapping[str, str]) -> Network:
    """A torchvision network of `features`, global average pooling and `classifier`, under our contract.

    stages: stage name -> the child of `features` whose output it is.
    """
    last = list(settled(layers.classifier))
    flat = [] if any(isinstance(layer, nn.Flatten) for layer in last) else [("flat", nn.Flatten())]
    steps = [(f"step{number}", layer) for number, layer in enumerate(last[:-1], start=1)]
    head = OrderedDict([("pool", nn.AdaptiveAvgPool2d(1)), *flat, *steps, ("linear", last[-1])])
    return Network(settled(layers.features), stages, nn.Sequential(head))


def settled(layers: Layers) -> Layers:
    """The layers of a torchvision network under our contract; weights are shared.

    No operation is in place. Stochastic depth, which does nothing outside training, is left out.
    """
    for module in layers.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]  # a flag, not a layer
    for name, child in list(layers.named_children()):
        layers.set_submodule(name, _settled(child))
    return layers


def _settled(module: Any) -> nn.Module:
    parts = torchvision.models
    if isinstance(module, torchvision.ops.SqueezeExcitation):
        return Excitation(module)
    if isinstance(module, parts.convnext.LayerNorm2d):
        return ChannelNorm(module)
    if isinstance(module, parts.convnext.CNBlock):
        return ScaledResidual(module.block, module.layer_scale)
    if isinstance(module, parts.mobilenetv3.InvertedResidual | parts.efficientnet.MBConv):
        block: nn.Module = settled(module.block)
        return Residual(block) if module.use_res_connect else block
    return settled(module)  # type: ignore[no-any-return]
