"""The pages: every file in this folder with TITLE, ICON, ORDER and page(), which draws the page.

A page with a function available() is listed only while that returns True.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class View:
    """An entry of the navigation."""

    file: Path
    title: str
    icon: str
    order: int


def pages() -> list[View]:
    """All pages in their order."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    views = [
        View(Path(str(module.__file__)), module.TITLE, module.ICON, module.ORDER)
        for module in modules
        if getattr(module, "available", lambda: True)()
    ]
    return sorted(views, key=lambda view: view.order)
