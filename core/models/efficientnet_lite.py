"""EfficientNet-Lite: EfficientNet without squeeze and excitation, with ReLU6 in place of swish."""

import math
from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.models.architecture import Network, architecture
from core.models.blocks import Residual

_SOURCE = "Tan and Le 2019, arXiv:1905.11946; Liu 2020, EfficientNet-Lite (github.com/tensorflow/tpu)"
_STAGES = {"stem": "stem", "stage 1": "blocks1", "stage 2": "blocks2", "stage 3": "blocks4", "stage 4": "last"}
_EPS, _MOMENTUM = 1e-3, 0.01  # of batch norms, as in the authors' code


class _Blocks(NamedTuple):
    """A sequence of equal blocks; only the first one has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    out: int


_LITE0 = (
    _Blocks(1, 3, 1, 1, 16),
    _Blocks(2, 3, 2, 6, 24),
    _Blocks(2, 5, 2, 6, 40),
    _Blocks(3, 3, 2, 6, 80),
    _Blocks(3, 5, 1, 6, 112),
    _Blocks(4, 5, 2, 6, 192),
    _Blocks(1, 3, 1, 6, 320),
)


class SamePadding(nn.Module):
    """Pads with zeros so that a convolution of stride 2 gives half the side, rounded up, as TensorFlow does: an odd
    pixel of padding goes to the right and to the bottom."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to (N, K, h + p, w + q)."""
        high, wide = (self._needed(side) for side in features.shape[-2:])
        return nn.functional.pad(features, (wide // 2, wide - wide // 2, high // 2, high - high // 2))

    def _needed(self, side: int) -> int:
        return max(0, (math.ceil(side / self.stride) - 1) * self.stride + self.kernel - side)


class Depthwise(nn.Conv2d):
    """One filter per map, in float32 even where the rest of the network runs in bfloat16.

    A training step of Lite0 at 128 px on a processor with AVX-512 takes 24 ms per image this way, 34 entirely in
    float32 and 47 entirely in bfloat16, whose backward pass through a depthwise convolution is slow.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to (N, K, h', w')."""
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(features)
        with torch.autocast("cpu", enabled=False):
            return super().forward(features.float())


@architecture("efficientnet-lite0", title="EfficientNet-Lite0", source=_SOURCE)
def lite0(findings: int, channels: int) -> Network:
    """EfficientNet-Lite0 with global average pooling, dropout and one linear layer."""
    return _network(findings, channels, width=1.0, depth=1.0, dropout=0.2)


@architecture("efficientnet-lite1", title="EfficientNet-Lite1", source=_SOURCE)
def lite1(findings: int, channels: int) -> Network:
    """EfficientNet-Lite1: Lite0 with a tenth more blocks."""
    return _network(findings, channels, width=1.0, depth=1.1, dropout=0.2)


@architecture("efficientnet-lite2", title="EfficientNet-Lite2", source=_SOURCE)
def lite2(findings: int, channels: int) -> Network:
    """EfficientNet-Lite2: a tenth wider than Lite1 and a tenth deeper."""
    return _network(findings, channels, width=1.1, depth=1.2, dropout=0.3)


def _network(findings: int, channels: int, *, width: float, depth: float, dropout: float) -> Network:
    """In the whole family, stem and last convolution keep their width, and the first and last sequence their length."""
    layers: list[tuple[str, nn.Module]] = [("stem", nn.Sequential(*_convolution(channels, 32, 3, stride=2)))]
    into = 32
    for number, blocks in enumerate(_LITE0):
        count = blocks.repeats if blocks in (_LITE0[0], _LITE0[-1]) else math.ceil(blocks.repeats * depth)
        out = _scaled(blocks.out, width)
        run = [_block(into, out, blocks, stride=blocks.stride), *(_block(out, out, blocks) for _ in range(count - 1))]
        layers.append((f"blocks{number}", nn.Sequential(*run)))
        into = out
    layers.append(("last", nn.Sequential(*_convolution(into, 1280, 1))))
    head = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), dropout=nn.Dropout(dropout), linear=nn.Linear(1280, findings)
    )
    return Network(nn.Sequential(OrderedDict(layers)), _STAGES, nn.Sequential(head))


def _block(into: int, out: int, blocks: _Blocks, *, stride: int = 1) -> nn.Module:
    """Expansion by 1 x 1, one filter per map, projection by 1 x 1; added to its input if the shapes are equal."""
    inner = into * blocks.expansion
    layers = _convolution(into, inner, 1) if blocks.expansion > 1 else []
    layers += _convolution(inner, inner, blocks.kernel, stride=stride, groups=inner)
    layers += _convolution(inner, out, 1)[:-1]  # no ReLU after it
    block = nn.Sequential(*layers)
    return Residual(block) if stride == 1 and into == out else block


def _convolution(into: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Padding, convolution, batch norm, ReLU6."""
    padding = [] if stride == 1 else [SamePadding(kernel, stride)]
    kind = Depthwise if groups > 1 else nn.Conv2d
    around = kernel // 2 if stride == 1 else 0
    convolution = kind(into, out, kernel, stride=stride, padding=around, groups=groups, bias=False)
    return [*padding, convolution, nn.BatchNorm2d(out, eps=_EPS, momentum=_MOMENTUM), nn.ReLU6()]


def _scaled(maps: int, width: float) -> int:
    """The number of feature maps of a wider network: a multiple of 8, never more than a tenth too low."""
    rounded = max(8, int(maps * width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * maps * width else rounded
