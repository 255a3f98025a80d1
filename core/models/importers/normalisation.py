"""The grey values that networks are trained on: the film's black and white at the first layer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from core.registry import unknown
from core.types import Input

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_IMAGENET_GREY = (0.449,), (0.226,)  # the mean of the three, for one channel


@dataclass(frozen=True)
class Normalisation:
    """The grey values of a network's input; fields as in `Input`.

    title: in words, for the screen.
    """

    title: str
    low: float
    high: float
    moments: Literal["imagenet", "none", "film"]


NORMALISATIONS: Mapping[str, Normalisation] = MappingProxyType(
    {
        "imagenet": Normalisation("ImageNet: 0 to 1, minus its mean, divided by its deviation", 0, 1, "imagenet"),
        "unit": Normalisation("0 (black) to 1 (white)", 0, 1, "none"),
        "signed": Normalisation("-1 (black) to 1 (white)", -1, 1, "none"),
        "xrayvision": Normalisation("TorchXRayVision: -1024 (black) to 1024 (white)", -1024, 1024, "none"),
        "bytes": Normalisation("0 (black) to 255 (white)", 0, 255, "none"),
        "film": Normalisation("each film by its own mean and deviation", 0, 1, "film"),
    }
)


def normalised(input: Input, name: str) -> Input:
    """The same preprocessing with the grey values of that name. Raises: UnknownName."""
    if name not in NORMALISATIONS:
        raise unknown("normalisation", name, list(NORMALISATIONS))
    wanted = NORMALISATIONS[name]
    mean: tuple[float, ...] | Literal["film"] = (0.0,)
    std: tuple[float, ...] | Literal["film"] = (1.0,)
    if wanted.moments == "film":
        mean = std = "film"
    elif wanted.moments == "imagenet":
        mean, std = _IMAGENET if input.channels == 3 else _IMAGENET_GREY
    return replace(input, low=float(wanted.low), high=float(wanted.high), mean=mean, std=std)


def name_of(input: Input) -> str:
    """The name of its normalisation; "its own" if it has none."""
    return next((name for name in NORMALISATIONS if normalised(input, name) == input), "its own")
