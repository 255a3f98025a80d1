"""Inception-V3: torchvision's layers under our contract."""

from collections import OrderedDict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from core.models.architecture import Network, architecture, original
from core.models.operators import torchvision

_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2")
_STAGES = {"stem": "maxpool2", "stage 1": "Mixed_5d", "stage 2": "Mixed_6e", "stage 3": "Mixed_7c"}
_SOURCE = "Szegedy et al. 2016, arXiv:1512.00567"

# Kind of block -> its branches, each a chain of torchvision's layers; "average" and "largest" are poolings, and a
# tuple within a chain splits it in two. Concatenated in this order, as in torchvision's forward.
_BRANCHES: dict[str, tuple[tuple[str | tuple[str, str], ...], ...]] = {
    "InceptionA": (
        ("branch1x1",),
        ("branch5x5_1", "branch5x5_2"),
        ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
        ("average", "branch_pool"),
    ),
    "InceptionB": (("branch3x3",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"), ("largest",)),
    "InceptionC": (
        ("branch1x1",),
        ("branch7x7_1", "branch7x7_2", "branch7x7_3"),
        ("branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"),
        ("average", "branch_pool"),
    ),
    "InceptionD": (
        ("branch3x3_1", "branch3x3_2"),
        ("branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"),
        ("largest",),
    ),
    "InceptionE": (
        ("branch1x1",),
        ("branch3x3_1", ("branch3x3_2a", "branch3x3_2b")),
        ("branch3x3dbl_1", "branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")),
        ("average", "branch_pool"),
    ),
}


class Branches(nn.Module):
    """Runs its children on the same input and concatenates their outputs along the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to (N, sum of the branches' K, h', w')."""
        return torch.cat([branch(features) for branch in self.branches], dim=1)


_PLAIN = partial(torchvision.models.inception_v3, aux_logits=False, init_weights=False)


@original("inception-v3", title="Inception-V3", source=_SOURCE, make=_PLAIN, size=299)
def wrapped(layers: Any) -> Network:
    """torchvision's Inception-V3 with global average pooling, dropout and one linear layer.

    torchvision calls ReLU in place and half of its poolings as functions, out of reach of hooks, and has a second
    classifier that only training sees. Here each is a module of its own, and the second classifier is left out.
    """
    children: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in layers.named_children():
        if name in _STEM:
            children[name] = layer if isinstance(layer, nn.MaxPool2d) else _convolution(layer)
        elif name.startswith("Mixed_"):
            children[name] = _block(layer)
    head = nn.Sequential(
        OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), dropout=nn.Dropout(0.5), linear=layers.fc)
    )
    return Network(nn.Sequential(children), _STAGES, head)


@architecture("inception-v3", title="Inception-V3", source=_SOURCE)
def inception_v3(findings: int, channels: int) -> Network:
    """Inception-V3 with global average pooling, dropout and one linear layer; the input's side is 75 px or more."""
    layers = _PLAIN()
    if channels != 3:
        layers.Conv2d_1a_3x3.conv = nn.Conv2d(channels, 32, kernel_size=3, stride=2, bias=False)
    network = wrapped(layers)
    for module in network.features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    network.head.linear = nn.Linear(2048, findings)
    return network


def _block(block: nn.Module) -> Branches:
    chains = _BRANCHES[type(block).__name__]
    return Branches(*(nn.Sequential(*(_link(block, link) for link in chain)) for chain in chains))


def _link(block: nn.Module, link: str | tuple[str, str]) -> nn.Module:
    if isinstance(link, tuple):
        return Branches(*(_link(block, name) for name in link))
    if link == "average":
        return nn.AvgPool2d(kernel_size=3, stride=1, padding=1)
    if link == "largest":
        return nn.MaxPool2d(kernel_size=3, stride=2)
    return _convolution(block.get_submodule(link))


def _convolution(layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(conv=layer.get_submodule("conv"), bn=layer.get_submodule("bn"), relu=nn.ReLU()))
