"""The tensors of a file, by name: out of safetensors, or out of what torch.save wrote, and never by running it."""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.errors import BadCheckpoint, Unsafe
from core.models.importers import archive, table
from core.models.importers.file import FileKind, kind
from core.models.importers.pickle_stream import refuse_harmful
from core.models.importers.text import broken_message, first_line, listing, plain

# Where training programs keep the weights in what they save, the likeliest first.
_PLACES = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module")
_LISTS = ("findings", "pathologies", "class_names", "classes", "labels", "label_names", "targets")
# What torch.load raises at broken files: whatever the step at which they break raises.
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

    tensors: name -> tensor, on the processor, as stored.
    kind:    "safetensors" or one of torch's.
    place:   under which name they stood in the file ("state_dict"); empty where they are all there is.
    names:   lists of words beside them, by name ("classes"); perhaps the findings.
    """

    tensors: Mapping[str, Tensor]
    kind: FileKind
    place: str = ""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read(path: Path, name: str) -> Contents:
    """The tensors of the file.

    name:   what messages call it.
    Raises: BadCheckpoint where it is no file of weights or is broken; Unsafe where it would run code, or take more
            room than it has.
    """
    what = kind(path, name)
    if what == "safetensors":
        return Contents(table.tensors(path, name), what)
    with path.open("rb") as file:
        told = archive.told(file, what, name)
        refuse_harmful(told, name)
        if what == "pickle":
            raise BadCheckpoint(f"{plain(name)} is a pickle, but not one that torch.save wrote. Use torch.save.")
        if told.protocols - {2}:
            raise BadCheckpoint(
                f"{plain(name)} was saved with pickle protocol {max(told.protocols)}; weights alone can be read in "
                "protocol 2 only. Save it again without pickle_protocol."
            )
        file.seek(0)
        try:
            held = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise Unsafe(f"{plain(name)} cannot be opened as weights alone: {first_line(error)}.") from error
        except _BROKEN as error:
            raise BadCheckpoint(broken_message(name, error)) from error
    return _contents(held, what, name)


def _contents(held: Any, what: FileKind, name: str) -> Contents:
    """The dictionary of tensors in what torch.load gave, wherever training programs put it."""
    if isinstance(held, Tensor):
        raise BadCheckpoint(f"{plain(name)} holds one tensor without a name, not the weights of a network.")
    if not isinstance(held, Mapping):
        raise BadCheckpoint(f"{plain(name)} holds a {type(held).__name__}, not a dictionary of weights.")
    places = {"": _tensors(held)} | {place: _tensors(held.get(place)) for place in _PLACES}
    place = max(places, key=lambda each: len(places[each]))
    if not places[place]:
        raise BadCheckpoint(
            f"{plain(name)} holds no dictionary of weights, only {listing(map(str, list(held)[:20])) or 'nothing'}. "
            "Expected are tensors by name, or such a dictionary under state_dict or model."
        )
    words = {
        key: tuple(map(str, value))
        for key in _LISTS
        if isinstance(value := held.get(key), list | tuple) and value and all(isinstance(each, str) for each in value)
    }
    return Contents(places[place], what, place, words)


def _tensors(held: Any) -> dict[str, Tensor]:
    """The tensors by name of a dictionary that has at least two; empty for anything else."""
    if not isinstance(held, Mapping) or len(held) > table.TENSORS:
        return {}
    found = {key: value for key, value in held.items() if isinstance(key, str) and isinstance(value, Tensor)}
    return found if len(found) > 1 else {}
