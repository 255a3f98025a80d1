"""A table of named things that pages, command line, tests and README read."""

import importlib
import pkgutil
import threading
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TypeVar

from core.errors import UnknownName

Item = TypeVar("Item")


class Registry(Mapping[str, Item]):
    """Name -> entry in order of registration; refuses duplicates, suggests the nearest name.

    With `package`, its modules are imported on first access, so that a new entry is one new file.
    """

    def __init__(self, noun: str, *, package: str | None = None) -> None:
        self._noun = noun
        self._package = package
        self._registered: dict[str, Item] = {}
        self._looking: set[int] = set()  # threads
        self._complete = False

    def add(self, name: str, entry: Item) -> None:
        """Raises: ValueError if the name is taken."""
        if name in self._registered:
            raise ValueError(f"{self._noun} {name!r} is registered twice")
        self._registered[name] = entry

    def __getitem__(self, name: str) -> Item:
        if name not in self._entries:
            raise unknown(self._noun, name, list(self._entries))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # Mapping's own would call __getitem__ and build the sentence

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def _entries(self) -> dict[str, Item]:
        if self._package and not self._complete:
            # Complete only when the outermost access ends: until then other threads import as well, and wait for each
            # module's import lock. Checking on every access took 0.7 ms, 1 s for a page of nine maps.
            outermost = threading.get_ident() not in self._looking
            self._looking.add(threading.get_ident())
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self._package}.{module.name}")
            self._complete = outermost
        return self._registered


def unknown(noun: str, name: str, known: list[str]) -> UnknownName:
    """The error that lists the known names and suggests the nearest."""
    nearest = get_close_matches(name, known, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UnknownName(f"There is no {noun} named {name!r}.{hint} Known: {', '.join(known) or 'none'}.")
