"""The parts of the Layers page, found by looking into this folder: files with TITLE, ORDER and part(film, card)."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from core.types import Checkpoint, Radiograph


@dataclass(frozen=True)
class Part:
    """name: of its file, which stands in the address. draw: it, for this film and this network."""

    name: str
    title: str
    order: int
    draw: Callable[[Radiograph, Checkpoint], None]


def parts() -> list[Part]:
    """All parts in their order; a file without a TITLE serves others."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    found = [
        Part(name, module.TITLE, module.ORDER, module.part)
        for name, module in modules.items()
        if hasattr(module, "TITLE")
    ]
    return sorted(found, key=lambda part: part.order)
