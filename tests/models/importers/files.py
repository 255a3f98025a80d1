"""Files of weights as others store them, made here: random networks under the names of torchvision and its users."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from core.models.architecture import originals

XRAYVISION_ALL = (  # operating points of densenet121-res224-all; Cohen et al. 2022, arXiv:2111.00595
    *(0.07422872, 0.038290843, 0.09814756, 0.0098118475, 0.023601074, 0.0022490358, 0.010060724, 0.103246614),
    *(0.056810737, 0.026791653, 0.050318155, 0.023985857, 0.01939503, 0.042889766, 0.053369623, 0.035975814),
    *(0.20204692, 0.05015312),
)


@cache
def state_network(name: str, outputs: int, *, channels: int = 3) -> nn.Module:
    """torchvision's own module, untrained, but its batch norms have seen noise; shared by all tests."""
    torch.manual_seed(0)
    entry = originals[name]
    layers = entry.make(num_classes=outputs)
    if channels != 3:
        first = next(key for key, module in layers.named_modules() if isinstance(module, nn.Conv2d))
        old: Any = layers.get_submodule(first)
        fresh = nn.Conv2d(
            channels, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None
        )
        layers.set_submodule(first, fresh)
    with torch.no_grad():
        layers.train()(torch.randn(4, channels, 96, 96))
    return layers.eval().requires_grad_(False)


def filled(layers: nn.Module) -> nn.Module:
    """Weights that keep the signal's size, repeated from few: each layer's own way takes seconds for VGG."""
    few = torch.rand(1_000_003, generator=torch.Generator().manual_seed(0))  # a prime: rows of a layer differ
    layers = layers.to_empty(device="cpu")
    with torch.no_grad():
        for name, tensor in layers.state_dict(keep_vars=True).items():
            if not tensor.is_floating_point():
                tensor.zero_()
                continue
            chance = few.repeat(1 + tensor.numel() // len(few))[: tensor.numel()].view(tensor.shape)
            if tensor.ndim > 1:
                tensor.copy_(chance).sub_(0.5).mul_(2 * (6 / tensor[0].numel()) ** 0.5)
            elif name.endswith(("running_var", "weight")):
                tensor.copy_(chance).add_(0.5)
            else:
                tensor.copy_(chance).sub_(0.5).mul_(0.2)
    return layers.eval().requires_grad_(False)


def shapes_only(name: str, outputs: int) -> dict[str, Tensor]:
    """The state dict on torch's meta device: shapes without numbers, at no cost."""
    with torch.device("meta"):
        return dict(originals[name].make(num_classes=outputs).state_dict())


def prefixed(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + key: tensor for key, tensor in state.items()}


def old_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As torch spelled DenseNet before 2018: norm.1 for norm1, and no counters."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)\.", r"\1.\2.", key): tensor
        for key, tensor in state.items()
        if not key.endswith("num_batches_tracked")
    }


def monai(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As MONAI stores a DenseNet."""
    return {
        re.sub(r"(denselayer\d+)\.", r"\1.layers.", key).replace("classifier.", "class_layers.out."): tensor
        for key, tensor in state.items()
    }


def chexnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As CheXNet's best-known copy stores a DenseNet-121: DataParallel, a wrapper, a sigmoid behind the last layer."""
    return {
        f"module.densenet121.{key.replace('classifier.', 'classifier.0.')}": tensor
        for key, tensor in old_names(state).items()
    }


def stored(state: Mapping[str, Any], path: Path, *, legacy: bool = False) -> Path:
    """The file: safetensors by its ending, else torch.save's."""
    if path.suffix == ".safetensors":
        save_file({key: tensor.contiguous() for key, tensor in state.items()}, path)
    else:
        torch.save(dict(state), path, _use_new_zipfile_serialization=not legacy)
    return path


def labelled(folder: Path, films: int) -> Path:
    """A manifest of films that are nothing but grain, pneumonia and normal by turns, two films a patient."""
    chance = np.random.default_rng(0)
    lines = ["file,label,patient"]
    for number in range(films):
        grey = chance.normal(120, 30, (64, 64)).clip(20, 230).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{('pneumonia', 'normal')[number % 2]},p{number // 2}")
    (folder / "films.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "films.csv"
