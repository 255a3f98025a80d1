"""DenseNet: torchvision's layers under our contract."""

from collections import OrderedDict
from typing import Any

from torch import nn

from core.models.architecture import Network, architecture, original
from core.models.blocks import settled
from core.models.operators import torchvision

_STAGES = {
    "stem": "pool0",
    "stage 1": "denseblock1",
    "stage 2": "denseblock2",
    "stage 3": "denseblock3",
    "stage 4": "relu5",
}


_SOURCE = "Huang et al. 2017, arXiv:1608.06993"


@original("densenet121", title="DenseNet-121", source=_SOURCE, make=torchvision.models.densenet121)
@original("densenet161", title="DenseNet-161", source=_SOURCE, make=torchvision.models.densenet161)
@original("densenet169", title="DenseNet-169", source=_SOURCE, make=torchvision.models.densenet169)
@original("densenet201", title="DenseNet-201", source=_SOURCE, make=torchvision.models.densenet201)
def wrapped(layers: Any) -> Network:
    """torchvision's DenseNet, of any depth, with global average pooling and one linear layer.

    torchvision applies an in-place functional ReLU after `features`, which overwrites the last batch norm's output
    under any hook and which guided backprop cannot see. Here it is a module of its own, and no ReLU is in place.
    """
    features = nn.Sequential(OrderedDict([*settled(layers.features).named_children(), ("relu5", nn.ReLU())]))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=layers.classifier))
    return Network(features, _STAGES, head)


@architecture("densenet121", title="DenseNet-121", source=_SOURCE)
def densenet121(findings: int, channels: int) -> Network:
    """DenseNet-121 with global average pooling and one linear layer."""
    layers = torchvision.models.densenet121()
    if channels != 3:
        layers.features.conv0 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(layers.features.conv0.weight)
    layers.classifier = nn.Linear(1024, findings)
    return wrapped(layers)


@architecture(
    "densenet121-s16",
    title="DenseNet-121, stride 16",
    source=f"{_SOURCE}; last pooling left out",
)
def densenet121_s16(findings: int, channels: int) -> Network:
    """DenseNet-121 without the last transition's pooling: the last maps are 14 × 14 at 224 px, not 7 × 7.

    It has densenet121's parameters under the same names, so each can load the other's weights; a forward pass has 11 %
    more multiplications (3.07 against 2.75 billion at 224 px).

    More of its Grad-CAM lies in the lungs at the same AUC, so the shipped twins have it. densenet121-plain trained on
    for 75 steps with and without that pooling, 400 test films: macro AUC 0.973 at stride 16, 0.975 at stride 32; in the
    dilated lungs 0.74 (0.73 to 0.75) against 0.69 (0.67 to 0.70), 170 films with a mask. Its training began at stride
    16, so stride 32 had only those steps to adapt.
    """
    network = densenet121(findings, channels)
    network.features.get_submodule("transition3").pool = nn.Identity()
    return network
