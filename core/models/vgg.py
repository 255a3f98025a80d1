"""VGG: our sixteen-layer version without its three fully connected layers, and torchvision's with them."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from core.models.architecture import Network, architecture, original
from core.models.operators import torchvision

_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_STAGES = {"stage 1": "pool1", "stage 2": "pool2", "stage 3": "pool3", "stage 4": "pool4", "stage 5": "relu5_3"}
_SOURCE = "Simonyan and Zisserman 2015, arXiv:1409.1556"


@architecture("vgg16", title="VGG-16", source=_SOURCE)
def vgg16(findings: int, channels: int) -> Network:
    """VGG-16's thirteen convolutions, global average pooling, dropout and one linear layer.

    Two things differ from the paper. The fifth max pooling is left out: the last maps keep stride 16 (14 × 14 at
    224 px). The three fully connected layers, 120 of the 135 million weights, are replaced by global average pooling.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = channels
    for stage, widths in enumerate(_WIDTHS, start=1):
        for number, width in enumerate(widths, start=1):
            convolution = nn.Conv2d(before, width, kernel_size=3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # Conv2d has a bias unless it is switched off
            layers[f"conv{stage}_{number}"] = convolution
            layers[f"norm{stage}_{number}"] = nn.BatchNorm2d(width)
            layers[f"relu{stage}_{number}"] = nn.ReLU()
            before = width
        if stage < len(_WIDTHS):
            layers[f"pool{stage}"] = nn.MaxPool2d(kernel_size=2, stride=2)
    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), dropout=nn.Dropout(0.3), linear=nn.Linear(512, findings)
        )
    )
    return Network(nn.Sequential(layers), _STAGES, head)


def _original(depth: int, *, norm: bool) -> Callable[[Callable[[Any], Network]], Callable[[Any], Network]]:
    """torchvision's VGG of that depth for import."""
    make = getattr(torchvision.models, f"vgg{depth}_bn" if norm else f"vgg{depth}")
    return original(
        f"torchvision-vgg{depth}-bn" if norm else f"torchvision-vgg{depth}",
        title=f"VGG-{depth} with batch norm, fully connected" if norm else f"VGG-{depth}, fully connected",
        source=_SOURCE,
        make=partial(make, init_weights=False),
    )


@_original(11, norm=False)
@_original(11, norm=True)
@_original(13, norm=False)
@_original(13, norm=True)
@_original(16, norm=False)
@_original(16, norm=True)
@_original(19, norm=False)
@_original(19, norm=True)
def wrapped(layers: Any) -> Network:
    """torchvision's VGG, of any depth: its convolutions, and its three fully connected layers as the head.

    The fifth max pooling belongs to the head, so that the last maps are those before it: 14 × 14 at 224 px, as in
    ours and in published maps of VGG. The head averages to 7 × 7 cells, so that the film may have any size.
    """
    features: OrderedDict[str, nn.Module] = OrderedDict()
    stage, number = 1, 0
    for layer in layers.features:
        if isinstance(layer, nn.Conv2d):
            number += 1
            features[f"conv{stage}_{number}"] = layer
        elif isinstance(layer, nn.BatchNorm2d):
            features[f"norm{stage}_{number}"] = layer
        elif isinstance(layer, nn.ReLU):
            features[f"relu{stage}_{number}"] = nn.ReLU()
        else:
            features[f"pool{stage}"] = layer
            stage, number = stage + 1, 0
    last = features.pop("pool5")
    first, _, dropout, second, _, _, linear = layers.classifier
    head = nn.Sequential(
        OrderedDict(
            pool=last,
            average=layers.avgpool,
            flat=nn.Flatten(),
            hidden1=first,
            relu1=nn.ReLU(),
            dropout1=dropout,
            hidden2=second,
            relu2=nn.ReLU(),
            dropout2=nn.Dropout(dropout.p),
            linear=linear,
        )
    )
    return Network(nn.Sequential(features), {**_STAGES, "stage 5": next(reversed(features))}, head)
