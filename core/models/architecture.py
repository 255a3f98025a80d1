"""What every network looks like from outside: `head(features(x))`, with named stages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from core.registry import Registry


class Network(nn.Module):
    """A classifier cut into features and head.

    features: children run one after another; no in-place operation, each ReLU its own module, so that hooks
              and gradients see what they should.
    stages:   stage name -> the child of `features` whose output it is, in order; the last one feeds the head.
    head:     (N, K, h, w) features to (N, F) logits.
    """

    def __init__(self, features: nn.Sequential, stages: Mapping[str, str], head: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.head = head
        self.stages = dict(stages)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, S, S) normalised images to (N, F) logits."""
        logits: Tensor = self.head(self.features(images))
        return logits

    def stage_module(self, stage: str) -> nn.Module:
        """The module whose output is the stage; what layer methods hook."""
        return self.features.get_submodule(self.stages[stage])

    @property
    def last_stage(self) -> str:
        return next(reversed(self.stages))


@dataclass(frozen=True)
class Architecture:
    """A registry entry: `build(findings, channels)` gives an untrained network."""

    name: str
    title: str
    source: str
    build: Callable[[int, int], Network]


architectures: Registry[Architecture] = Registry("architecture", package="core.models")


def architecture(
    name: str, *, title: str, source: str
) -> Callable[[Callable[[int, int], Network]], Callable[[int, int], Network]]:
    """Registers a function `(findings, channels) -> Network` under the name."""

    def register(build: Callable[[int, int], Network]) -> Callable[[int, int], Network]:
        architectures.add(name, Architecture(name, title, source, build))
        return build

    return register
