"""VGG-16 with batch norm: torchvision's convolutions under our contract."""

from collections import OrderedDict

from torch import nn

from core.models.architecture import Network, architecture

_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_STAGES = {"stage 1": "pool1", "stage 2": "pool2", "stage 3": "pool3", "stage 4": "pool4", "stage 5": "relu5_3"}


@architecture("vgg16", title="VGG-16", source="Simonyan and Zisserman 2015, arXiv:1409.1556")
def vgg16(findings: int, channels: int) -> Network:
    """VGG-16's thirteen convolutions, global average pooling, dropout and one linear layer.

    Two things differ from the paper. The fifth max pooling is left out: the last maps keep stride 16 (14 × 14 at
    224 px). The three fully connected layers, 120 of the 135 million weights, give way to global average pooling.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = channels
    for stage, widths in enumerate(_WIDTHS, start=1):
        for number, width in enumerate(widths, start=1):
            convolution = nn.Conv2d(before, width, kernel_size=3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # Conv2d has one unless it is told not to
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
