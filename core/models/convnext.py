"""ConvNeXt: torchvision's layers under our contract, for imported checkpoints."""

from typing import Any

from core.models.architecture import Network, original
from core.models.blocks import pooled
from core.models.operators import torchvision

_STAGES = {"stem": "0", "stage 1": "1", "stage 2": "3", "stage 3": "5", "stage 4": "7"}  # the last block of each size


@original(
    "convnext-tiny",
    title="ConvNeXt-T",
    source="Liu et al. 2022, arXiv:2201.03545",
    make=torchvision.models.convnext_tiny,
)
def wrapped(layers: Any) -> Network:
    """torchvision's ConvNeXt-T with global average pooling, layer norm and one linear layer."""
    return pooled(layers, _STAGES)
