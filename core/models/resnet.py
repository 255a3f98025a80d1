"""ResNet: torchvision's layers under our contract."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn

from core.models.architecture import Network, architecture, original
from core.models.operators import torchvision

_STAGES = {"stem": "maxpool", "stage 1": "layer1", "stage 2": "layer2", "stage 3": "layer3", "stage 4": "layer4"}
_SOURCE = "He et al. 2016, arXiv:1512.03385"


class Bottleneck(nn.Module):
    """torchvision's bottleneck with a ReLU module for each place.

    torchvision calls one in-place ReLU three times per block: a hook on it fires three times, and guided backprop and
    DeepLIFT then read the wrong call.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = block.conv1, block.bn1, nn.ReLU()
        self.conv2, self.bn2, self.relu2 = block.conv2, block.bn2, nn.ReLU()
        self.conv3, self.bn3, self.relu3 = block.conv3, block.bn3, nn.ReLU()
        self.downsample = block.downsample if block.downsample is not None else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to (N, 4k, h', w')."""
        inner = self.relu1(self.bn1(self.conv1(features)))
        inner = self.relu2(self.bn2(self.conv2(inner)))
        output: Tensor = self.relu3(self.bn3(self.conv3(inner)) + self.downsample(features))
        return output


class BasicBlock(nn.Module):
    """torchvision's block of two convolutions, likewise with a ReLU module for each place."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = block.conv1, block.bn1, nn.ReLU()
        self.conv2, self.bn2, self.relu2 = block.conv2, block.bn2, nn.ReLU()
        self.downsample = block.downsample if block.downsample is not None else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to (N, k, h', w')."""
        inner = self.relu1(self.bn1(self.conv1(features)))
        output: Tensor = self.relu2(self.bn2(self.conv2(inner)) + self.downsample(features))
        return output


@original("resnet18", title="ResNet-18", source=_SOURCE, make=torchvision.models.resnet18)
@original("resnet34", title="ResNet-34", source=_SOURCE, make=torchvision.models.resnet34)
@original("resnet50", title="ResNet-50", source=_SOURCE, make=torchvision.models.resnet50)
@original("resnet101", title="ResNet-101", source=_SOURCE, make=torchvision.models.resnet101)
def wrapped(layers: Any) -> Network:
    """torchvision's ResNet, of any depth, with global average pooling and one linear layer."""
    stages = [
        (name, nn.Sequential(*map(_block, layers.get_submodule(name))))
        for name in ("layer1", "layer2", "layer3", "layer4")
    ]
    stem = [("conv1", layers.conv1), ("bn1", layers.bn1), ("relu", nn.ReLU()), ("maxpool", layers.maxpool)]
    features = nn.Sequential(OrderedDict([*stem, *stages]))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=layers.fc))
    return Network(features, _STAGES, head)


@architecture("resnet50", title="ResNet-50", source=_SOURCE)
def resnet50(findings: int, channels: int) -> Network:
    """ResNet-50 with global average pooling and one linear layer."""
    layers = torchvision.models.resnet50()
    if channels != 3:
        layers.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(layers.conv1.weight, mode="fan_out", nonlinearity="relu")
    layers.fc = nn.Linear(2048, findings)
    return wrapped(layers)


def _block(block: Any) -> nn.Module:
    return BasicBlock(block) if isinstance(block, torchvision.models.resnet.BasicBlock) else Bottleneck(block)
