"""EfficientNet: torchvision's layers under our contract, for imported checkpoints."""

from typing import Any

from core.models.architecture import Network, original
from core.models.blocks import pooled
from core.models.operators import torchvision

_STAGES = {"stem": "1", "stage 1": "2", "stage 2": "3", "stage 3": "5", "stage 4": "8"}  # the last block of each size


@original(
    "efficientnet-b0",
    title="EfficientNet-B0",
    source="Tan and Le 2019, arXiv:1905.11946",
    make=torchvision.models.efficientnet_b0,
)
def wrapped(layers: Any) -> Network:
    """torchvision's EfficientNet-B0 with global average pooling, dropout and one linear layer."""
    return pooled(layers, _STAGES)
