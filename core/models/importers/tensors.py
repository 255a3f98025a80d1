"""The tensors of a safetensors or torch.save file, by name, read without running it."""

import pickle
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import BadCheckpoint, Unsafe
from core.models.importers import archive, data_only, table
from core.models.importers.file import FileKind, kind
from core.models.importers.pickle_stream import refuse_harmful
from core.models.importers.text import broken_message, first_line, listing, plain

# Keys under which training programs save the weights, the likeliest first.
_PLACES = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module")
_DEEPEST, _SETS = 3, 8  # levels of nested dictionaries searched for weights; sets of weights that are kept
# What training programs call a moving average of the weights, or another network's copy of them.
_AVERAGE = re.compile(r"(^|[^a-z])(ema|swa|avg|averaged?|shadow|teacher|target|momentum)([^a-z]|$)", re.IGNORECASE)
_LISTS = ("findings", "pathologies", "class_names", "classes", "labels", "label_names", "targets")
# Errors of torch.load on broken files: those of any of its steps.
_BROKEN = (
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    EOFError,
    OSError,
    MemoryError,
    OverflowError,
    struct.error,
)


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds.

    sets:  name in the file ("state_dict", "ema.module"; empty if there is only one set) -> name -> tensor, on the CPU,
           as stored; the likeliest weights first, moving averages last.
    kind:  "safetensors" or one of torch's.
    names: lists of words beside them, by name ("classes"); perhaps the findings.
    """

    sets: Mapping[str, Mapping[str, Tensor]]
    kind: FileKind
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read(path: Path, name: str) -> Contents:
    """The tensors of the file.

    name:   its name in messages.
    Raises: BadCheckpoint if it is not a file of weights or is broken; Unsafe if opening it would run code, or take more
            memory than the file has bytes.
    """
    what = kind(path, name)
    if what == "safetensors":
        return Contents({"": table.tensors(path, name)}, what)
    with path.open("rb") as file:
        pickled = archive.pickle_contents(file, what, name)
        refuse_harmful(pickled, name)
        if what == "pickle":
            raise BadCheckpoint(f"{plain(name)} is a pickle, but not one that torch.save wrote. Use torch.save.")
        if pickled.protocols - {2}:
            raise BadCheckpoint(
                f"{plain(name)} was saved with pickle protocol {max(pickled.protocols)}; weights alone can be read in "
                "protocol 2 only. Save it again without pickle_protocol."
            )
        file.seek(0)
        try:
            held = data_only.load(file) if pickled.data else torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise Unsafe(f"{plain(name)} cannot be opened as weights alone: {first_line(error)}.") from error
        except _BROKEN as error:
            raise BadCheckpoint(broken_message(name, error)) from error
    return _contents(held, what, name)


def _contents(held: Any, what: FileKind, name: str) -> Contents:
    """The dictionary of tensors in the result of torch.load, wherever training programs put it."""
    if isinstance(held, Tensor):
        raise BadCheckpoint(f"{plain(name)} holds one tensor without a name, not the weights of a network.")
    if not isinstance(held, Mapping):
        raise BadCheckpoint(f"{plain(name)} holds a {type(held).__name__}, not a dictionary of weights.")
    sets = _sets(held)
    if not sets:
        raise BadCheckpoint(
            f"{plain(name)} holds no dictionary of weights, only {listing(map(str, list(held)[:20])) or 'nothing'}. "
            "Expected are tensors by name, or such a dictionary under state_dict or model."
        )
    words = {
        key: tuple(map(str, value))
        for key in _LISTS
        if isinstance(value := held.get(key), list | tuple) and value and all(isinstance(each, str) for each in value)
    }
    return Contents(sets, what, words)


def is_average(name: str) -> bool:
    """Whether weights of that name are a moving average, or a copy that only training needs."""
    return bool(_AVERAGE.search(name))


def _sets(held: Mapping[Any, Any]) -> dict[str, dict[str, Tensor]]:
    """Every dictionary of tensors in what was saved, by the names that lead to it; the likeliest first."""
    sets: dict[str, dict[str, Tensor]] = {}
    below: list[tuple[str, Mapping[Any, Any], int]] = [("", held, 0)]
    while below:
        path, inside, depth = below.pop(0)
        if tensors := _tensors(inside):
            sets[path] = tensors
        if depth < _DEEPEST and len(inside) <= table.TENSORS:
            below += [
                (f"{path}.{key}" if path else key, value, depth + 1)
                for key, value in inside.items()
                if isinstance(key, str) and isinstance(value, Mapping)
            ]
    most = max(map(len, sets.values()), default=0)
    names = [*_PLACES, *sets]

    def rank(path: str) -> tuple[bool, bool, int]:
        """Sets of few tensors are metrics and states of optimisers, which come last."""
        return 2 * len(sets[path]) < most, is_average(path), names.index(path)

    return {path: sets[path] for path in sorted(sets, key=rank)[:_SETS]}


def _tensors(held: Any) -> dict[str, Tensor]:
    """The tensors by name of a dictionary that has at least two; empty for anything else."""
    if not isinstance(held, Mapping) or len(held) > table.TENSORS:
        return {}
    tensors = {key: value for key, value in held.items() if isinstance(key, str) and isinstance(value, Tensor)}
    return tensors if len(tensors) > 1 else {}
