"""The device for a network, and the fastest precision there."""

from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def best() -> torch.device:
    """An NVIDIA or Apple GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def settled(network: Module, device: torch.device) -> Module:
    """The network on the device, in the memory layout that is fastest for convolutions there; images follow it.

    Time with channels last on a CPU, relative to channels first: DenseNet-121 0.86 forward, 0.86 to 0.97 with
    the backward pass, ResNet-50 0.88 and 0.93 to 0.97, VGG-16 0.80 and 0.85 to 0.90, Inception-V3 0.69 and 0.73, the
    small CNN 0.51 to 0.61 and 0.67 (1 and 8 images of 224 px, one core with AVX-512). Apple's layout is its own.
    """
    if device.type == "mps":
        return network.to(device)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def bfloat16_pays(device: torch.device) -> bool:
    """Whether training is faster in bfloat16 than in float32: on a GPU, and on a CPU with bfloat16 multiplication.

    Processors with AMX or AVX-512 BF16 have it. Time on the latter (AMD EPYC, one thread), relative to float32: a
    training step of DenseNet-121 with stride 16 at 160 px 0.62, of EfficientNet-Lite0 at 128 px 0.73; a forward pass of
    the lung network 0.44. Other processors convert back and forth: there a step of Inception-V3 at 96 px takes 17.4 ms
    per image against 13.0 in float32, and of VGG-16 at 64 px 43 against 30.
    """
    if device.type != "cpu":
        return device.type == "cuda"
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def fast(device: torch.device) -> torch.autocast:
    """A context in which networks run in bfloat16 if that is faster, else in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device))
