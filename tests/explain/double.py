"""Small real networks in double precision, where no near tie of ReLU or max pooling flips with the size of a batch."""

from functools import cache

import torch
from torch import Tensor

from core.explain.evidence import Evidence, Tape
from core.models.architecture import Network, architectures

SIDE = 64  # px
FINDING = 1
KINDS = [("densenet121", 1), ("densenet121", 3), ("resnet50", 1), ("resnet50", 3)]


@cache
def precise(architecture: str, channels: int) -> Network:
    """Untrained, but its batch norms have seen noise."""
    torch.manual_seed(0)
    fresh = architectures[architecture].build(3, channels)
    with torch.no_grad():
        fresh.train()(torch.randn(8, channels, SIDE, SIDE))
    return fresh.eval().requires_grad_(False).double()


def image(channels: int) -> Tensor:
    """(1, C, S, S) noise, smooth enough for a network to answer to its parts."""
    noise = torch.randn(1, channels, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(noise.double(), scale_factor=8.0, mode="bilinear")


def evidence(network: Network, stage: str | None = None) -> Evidence:
    """Of that image, for finding 1; black is -1, white 1."""
    channels = next(network.parameters()).shape[1]
    tape = Tape(network, image(channels), grad_from=network.last_stage)
    return Evidence(tape, FINDING, stage or network.last_stage, black=-1.0)


def relative(tensor: Tensor, expected: Tensor) -> float:
    """Largest difference as a share of the expected map's largest value."""
    assert tensor.shape == expected.shape
    assert expected.any()
    tensor, expected = tensor.detach(), expected.detach()
    return float((tensor - expected).abs().max() / expected.abs().max())
