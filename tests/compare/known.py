"""Networks whose answers and maps are known: each answers with the brightness of one part of the film."""

import torch
from torch import Tensor, nn

from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, digest

SIZE = 32  # px of input; the maps are 8 × 8
LEFT, RIGHT = (slice(0, 8), slice(0, 4)), (slice(0, 8), slice(4, 8))
_CELL = 4


class _Halves(nn.Module):
    """(N, 1, S, S) to (N, 2, 8, 8): brightness of the left half and of the right half of the film."""

    def forward(self, images: Tensor) -> Tensor:
        cells = nn.functional.avg_pool2d(images, _CELL).clamp(min=0)
        left, right = torch.zeros_like(cells), torch.zeros_like(cells)
        left[:, :, *LEFT], right[:, :, *RIGHT] = cells[:, :, *LEFT], cells[:, :, *RIGHT]
        return torch.cat([left, right], dim=1)


def classifier(
    name: str,
    weights: dict[str, tuple[float, float]],
    *,
    multi_label: bool = False,
    thresholds: dict[str, float] | None = None,
) -> Classifier:
    """A network whose logit of each finding is so many times the brightness of the left and of the right half."""
    linear = nn.Linear(2, len(weights), bias=False)
    linear.weight = nn.Parameter(torch.tensor(list(weights.values())))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(nn.Sequential(_Halves()), {"halves": "0"}, head).eval().requires_grad_(False)
    card = Checkpoint(
        name,
        "by hand",
        tuple(weights),
        multi_label,
        Input(size=SIZE, mean=(0.0,), std=(1.0,)),
        sha256=digest(name, weights, multi_label),
        thresholds=thresholds or {},
    )
    return Classifier(card, network)
