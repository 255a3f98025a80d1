"""The interface of every network: `head(features(x))`, with named stages."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.registry import Registry, unknown


class Network(nn.Module):
    """A classifier split into features and head.

    features: children run one after another; no in-place operation, each ReLU its own module, so that hooks and
              gradients see every step.
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
        """The module whose output is the stage; layer methods hook it."""
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


class _NoDraws(TorchFunctionMode):
    """Skips what fills a tensor without memory: for random numbers torch would import its compiler, in 2 s."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name.endswith("_") and not name.endswith("__") and args and isinstance(args[0], Tensor) and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


@contextmanager
def shapes_only() -> Iterator[None]:
    """Networks built here have shapes, but no memory and no random weights."""
    with torch.device("meta"), _NoDraws():
        yield


architectures: Registry[Architecture] = Registry("architecture", package="core.models")


@dataclass(frozen=True)
class Original:
    """A published network with its authors' layer names, for comparison with an imported checkpoint.

    make: builds its authors' module, untrained, for three channels; takes `num_classes`.
    wrap: that module -> a Network of the same layers, not of copies.
    size: px a side of its authors' input.
    """

    name: str
    title: str
    source: str
    make: Callable[..., nn.Module]
    wrap: Callable[[Any], Network]
    size: int

    def build(self, findings: int, channels: int) -> Network:
        """An untrained network for one or three channels."""
        layers = self.make(num_classes=findings)
        if channels != 3:
            name, first = next(named for named in layers.named_modules() if isinstance(named[1], nn.Conv2d))
            layers.set_submodule(name, _narrowed(first, channels))
        return self.wrap(layers)


originals: Registry[Original] = Registry("network to import", package="core.models")


def known(name: str) -> Architecture | Original:
    """The entry of that name: one of ours, which can be trained, or an original. Raises: UnknownName."""
    if name in architectures:
        return architectures[name]
    if name in originals:
        return originals[name]
    raise unknown("architecture", name, list(dict.fromkeys([*architectures, *originals])))


def architecture(
    name: str, *, title: str, source: str
) -> Callable[[Callable[[int, int], Network]], Callable[[int, int], Network]]:
    """Registers a function `(findings, channels) -> Network` under the name."""

    def register(build: Callable[[int, int], Network]) -> Callable[[int, int], Network]:
        architectures.add(name, Architecture(name, title, source, build))
        return build

    return register


def original(
    name: str, *, title: str, source: str, make: Callable[..., nn.Module], size: int = 224
) -> Callable[[Callable[[Any], Network]], Callable[[Any], Network]]:
    """Registers a function `module of its authors -> Network` under the name; may be stacked."""

    def register(wrap: Callable[[Any], Network]) -> Callable[[Any], Network]:
        originals.add(name, Original(name, title, source, make, wrap, size))
        return wrap

    return register


def _narrowed(first: Any, channels: int) -> nn.Conv2d:
    """A new first convolution for another number of channels."""
    return nn.Conv2d(
        channels,
        first.out_channels,
        kernel_size=first.kernel_size,
        stride=first.stride,
        padding=first.padding,
        bias=first.bias is not None,
    )
