"""The parts of the Layers page: all files in this folder with NAME, TITLE, ORDER and part()."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from core.types import Checkpoint, Radiograph


@dataclass(frozen=True)
class Part:
    """name: part of the page's address, so it never changes. draw: draws the part for this film and network."""

    name: str
    title: str
    order: int
    draw: Callable[[Radiograph, Checkpoint], None]


def parts() -> list[Part]:
    """All parts in their order; a file without a TITLE is not a part."""
    modules = [importlib.import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__)]
    with_title = [
        Part(module.NAME, module.TITLE, module.ORDER, module.part) for module in modules if hasattr(module, "TITLE")
    ]
    return sorted(with_title, key=lambda part: part.order)
