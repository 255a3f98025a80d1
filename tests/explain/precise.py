"""What tests of gradient methods share: networks in double precision, and small ones whose maps are known by hand.

In single precision near ties of ReLU and max pooling flip with the size of a batch.
"""

from collections import OrderedDict
from functools import cache

import torch
from torch import Tensor, nn

from core.explain.evidence import Evidence, Tape
from core.models.architecture import Network, architectures

SIDE = 64  # px
REFERENCES = [(name, channels) for name in ("densenet121", "resnet50") for channels in (1, 3)]
TINY = 1e-5  # of a map's range: what counts as equal


@cache
def built(name: str, channels: int, side: int = SIDE) -> Network:
    """Untrained, but with batch norms that have seen noise; some of their factors negative, as training leaves them."""
    torch.manual_seed(0)
    fresh = architectures[name].build(3, channels)
    with torch.no_grad():
        for module in fresh.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight[::7] *= -1
        fresh.train()(torch.randn(8, channels, side, side))
    return fresh.eval().requires_grad_(False).double()


def image(channels: int, side: int = SIDE) -> Tensor:
    return torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def evidence(
    network: Network, images: Tensor, *, finding: int = 1, grad_from: str = "", stage: str = "", budget: float = 2e9
) -> Evidence:
    """As the engine gives it, of a film whose black is -1 and white 2."""
    stage = stage or network.last_stage
    tape = Tape(network, images, grad_from=grad_from or network.last_stage)
    return Evidence(tape, finding, stage, black=-1.0, white=2.0, budget=budget)


def differ(tensor: Tensor, expected: Tensor) -> float:
    """Largest absolute difference, as a share of the expected map's range."""
    assert tensor.shape == expected.shape
    assert expected.any()
    tensor, expected = tensor.detach().double(), expected.detach().double()
    return float((tensor - expected).abs().max() / (expected.max() - expected.min()))


def linear(weights: Tensor) -> Network:
    """A network without bias whose logits are the film's dot product with the weights, and with their negative.

    weights: (S, S).
    """
    convolution = nn.Conv2d(1, 1, 1, bias=False)
    last = nn.Linear(weights.numel(), 2, bias=False)
    with torch.no_grad():
        convolution.weight.fill_(1)
        last.weight.copy_(torch.stack([weights.flatten(), -weights.flatten()]))
    features = nn.Sequential(OrderedDict(convolution=convolution))
    head = nn.Sequential(OrderedDict(flat=nn.Flatten(), linear=last))
    return Network(features, {"pixels": "convolution"}, head).eval().requires_grad_(False).double()


def detector() -> Network:
    """A network that answers with how much of a film is brighter than 0.5, and with the negative of it."""
    convolution = nn.Conv2d(1, 1, 1)
    last = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        convolution.weight.fill_(1)
        convolution.bias.fill_(-0.5)  # type: ignore[union-attr]  # a convolution has one unless it is told not to
        last.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    features = nn.Sequential(OrderedDict(convolution=convolution, relu=nn.ReLU(), pool=nn.AvgPool2d(4)))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=last))
    return Network(features, {"pixels": "relu", "pool": "pool"}, head).eval().requires_grad_(False).double()
