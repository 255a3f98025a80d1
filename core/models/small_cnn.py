"""The smallest network for radiographs: for courses, and small enough for a phone."""

from collections import OrderedDict

from torch import nn

from core.models.architecture import Network, architecture

_WIDTHS = (32, 64, 128, 256)
_GRID = 4  # cells per side at the fully connected layers, whatever the input's size
_STAGES = {"stage 1": "pool1", "stage 2": "pool2", "stage 3": "pool3", "stage 4": "pool4"}


@architecture("small-cnn", title="Small CNN", source="LeCun et al. 1998, doi:10.1109/5.726791")
def small_cnn(findings: int, channels: int) -> Network:
    """Four convolutions, four max-poolings, ReLU, two fully connected layers; 0.7 million weights.

    Batch norm follows each convolution: LeCun's network has none, but trains far more slowly and less reliably without.
    The last maps are averaged to 4 × 4 cells, so that the input may have any side of 16 px or more and the fully
    connected layers still know roughly where a finding lies.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    before = channels
    for stage, width in enumerate(_WIDTHS, start=1):
        convolution = nn.Conv2d(before, width, kernel_size=3, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        layers[f"conv{stage}"] = convolution
        layers[f"norm{stage}"] = nn.BatchNorm2d(width)
        layers[f"relu{stage}"] = nn.ReLU()
        layers[f"pool{stage}"] = nn.MaxPool2d(kernel_size=2, stride=2)
        before = width
    head = nn.Sequential(
        OrderedDict(
            pool=nn.AdaptiveAvgPool2d(_GRID),
            flat=nn.Flatten(),
            hidden=nn.Linear(before * _GRID**2, 64),
            relu=nn.ReLU(),
            dropout=nn.Dropout(0.3),
            linear=nn.Linear(64, findings),
        )
    )
    return Network(nn.Sequential(layers), _STAGES, head)
