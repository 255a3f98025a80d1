"""MobileNet: torchvision's layers under our contract, for imported checkpoints."""

from typing import Any

from core.models.architecture import Network, original
from core.models.blocks import pooled
from core.models.operators import torchvision

# Stage -> the last of torchvision's blocks at its resolution; the last stage ends with all of them.
_V2 = {"stem": "1", "stage 1": "3", "stage 2": "6", "stage 3": "13", "stage 4": "18"}
_V3_SMALL = {"stem": "0", "stage 1": "1", "stage 2": "3", "stage 3": "8", "stage 4": "12"}
_V3_LARGE = {"stem": "1", "stage 1": "3", "stage 2": "6", "stage 3": "12", "stage 4": "16"}


@original(
    "mobilenet-v2",
    title="MobileNet-V2",
    source="Sandler et al. 2018, arXiv:1801.04381",
    make=torchvision.models.mobilenet_v2,
)
def wrapped_v2(layers: Any) -> Network:
    """torchvision's MobileNet-V2 with global average pooling, dropout and one linear layer."""
    return pooled(layers, _V2)


@original(
    "mobilenet-v3-small",
    title="MobileNet-V3, small",
    source="Howard et al. 2019, arXiv:1905.02244",
    make=torchvision.models.mobilenet_v3_small,
)
@original(
    "mobilenet-v3-large",
    title="MobileNet-V3, large",
    source="Howard et al. 2019, arXiv:1905.02244",
    make=torchvision.models.mobilenet_v3_large,
)
def wrapped_v3(layers: Any) -> Network:
    """torchvision's MobileNet-V3 with global average pooling and two linear layers, a hard swish between them."""
    return pooled(layers, _V3_SMALL if len(layers.features) == 13 else _V3_LARGE)
