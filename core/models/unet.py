"""The small U-Net that marks something on a film: the lungs, or devices."""

import threading
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import BadCheckpoint
from core.models import checkpoints

WIDTHS = {"lungs-unet": (32, 48, 96, 128), "devices-unet": (16, 32, 48, 64)}  # name of the weights -> channels
_LOADING = threading.Lock()
_LOADED: dict[Path, "UNet"] = {}


class UNet(nn.Module):
    """A small U-Net: four resolutions, two 3 x 3 convolutions each.

    The first of them holds each 2 x 2 block of pixels as four channels: a quarter of the cost, the same edges.

    Source: Ronneberger et al. 2015, arXiv:1505.04597; blocks as channels: Shi et al. 2016, arXiv:1609.05158.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.ModuleList(_pair(into, out) for into, out in zip((4, *widths), widths, strict=False))
        self.up = nn.ModuleList(
            _pair(deep + shallow, shallow) for deep, shallow in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.out = nn.Conv2d(widths[0], 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, S, S) standardised films, S a multiple of 16, to (N, 1, S, S) logits of the mask."""
        images = functional.pixel_unshuffle(images, 2)
        levels = []
        for index, step in enumerate(self.down):
            images = step(functional.max_pool2d(images, 2) if index else images)
            levels.append(images)
        for step, shallow in zip(self.up, levels[-2::-1], strict=True):
            wide = functional.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)
            images = step(torch.cat([wide, shallow], dim=1))
        return functional.pixel_shuffle(self.out(images), 2)


def shipped(name: str, folder: Path = checkpoints.SHIPPED) -> UNet:
    """The network of this name, read once; it has no hooks and no gradients, so threads may share it.

    Raises: BadCheckpoint if the file is missing or holds another network.
    """
    path = folder / f"{name}.safetensors"
    with _LOADING:
        if path not in _LOADED:
            if not path.exists():
                raise BadCheckpoint(f"There is no {path}. Restore it from the repository, or train it.")
            fresh = UNet(WIDTHS[name])
            checkpoints.fill(fresh, path.read_bytes(), f"{path.name} does not hold the network {name}")
            _LOADED[path] = fresh.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return _LOADED[path]


def _pair(into: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, 3, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
        nn.Conv2d(out, out, 3, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )
