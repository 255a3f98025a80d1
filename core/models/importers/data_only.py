"""Opens what torch.save wrote with plain data beside the weights: numbers of NumPy, settings, paths, dates.

None of those is imported. Each becomes a stand-in that accepts anything and keeps nothing; only tensors and
the containers around them are built, by the functions that `pickle_stream` knows as harmless.
"""

import pickle
from types import ModuleType
from typing import IO, Any

import torch

from core.models.importers.pickle_stream import is_harmless, is_mapping, is_plain_data


class _StandIn:
    """Replaces a value that is not part of the weights."""

    def __new__(cls, *_: Any, **__: Any) -> "_StandIn":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, value: Any) -> None: ...

    def extend(self, values: Any) -> None: ...


class _Mapping(dict[Any, Any]):
    """Replaces a dictionary of another kind, which may hold the weights."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None: ...


class _Unpickler(pickle.Unpickler):
    """Python's unpickler, which imports only what builds tensors."""

    def find_class(self, module: str, name: str) -> Any:
        whole = f"{module}.{name}"
        if is_harmless(whole):
            return super().find_class(module, name)
        if is_mapping(whole):
            return _Mapping
        if is_plain_data(whole):
            return _StandIn
        raise pickle.UnpicklingError(f"it names {whole}")


def load(file: IO[bytes]) -> Any:
    """The result of torch.load, on the CPU; `pickle_stream` must have traced the file before.

    Raises: pickle.UnpicklingError for a name that is not known as harmless; whatever torch.load raises at broken files.
    """
    return torch.load(file, map_location="cpu", pickle_module=_reader(), weights_only=False)


def _reader() -> ModuleType:
    """The replacement of the module `pickle` for torch.load."""
    reader = ModuleType("data_only")
    reader.Unpickler = _Unpickler  # type: ignore[attr-defined]
    reader.load = lambda opened, **options: _Unpickler(opened, **options).load()  # type: ignore[attr-defined]
    return reader
