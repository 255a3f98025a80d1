"""safetensors: the table of contents is checked against the file before anything else is read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from core.errors import BadCheckpoint, Unsafe
from core.models.importers.text import broken_message, bytes_of, first_line, plain

_HEADER = 32e6  # bytes; ten thousand tensors take one million
TENSORS = 20_000  # per file; no supported network has as many


def tensors(path: Path, name: str) -> dict[str, Tensor]:
    """Name -> tensor of a safetensors file.

    name:   its name in messages.
    Raises: BadCheckpoint if table and file do not fit; Unsafe if it would fill the memory.
    """
    header = _header(path, name)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {key: file.get_tensor(key) for key in header}
    except (SafetensorError, OSError, ValueError, TypeError, MemoryError) as error:
        raise BadCheckpoint(broken_message(name, error)) from error


def _header(path: Path, name: str) -> list[str]:
    """The names of the tensors, after checking the table of contents against the file."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > whole - 8:
            raise BadCheckpoint(
                f"{plain(name)} says that its table of contents has {bytes_of(length)}, but the file has "
                f"{bytes_of(whole)}: it was cut short, or made to mislead. Fetch it again."
            )
        if length > _HEADER:
            raise Unsafe(f"{plain(name)} has a table of contents of {bytes_of(length)}; {bytes_of(_HEADER)} is plenty.")
        text = file.read(length)
    try:
        table = json.loads(text, object_pairs_hook=_once)
        entries = {key: entry for key, entry in table.items() if key != "__metadata__"}
        spans = sorted((*_span(entry), key) for key, entry in entries.items())
    except RecursionError as error:
        raise Unsafe(f"{plain(name)} has a table of contents nested without end, to crash its reader.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadCheckpoint(
            f"{plain(name)} has a garbled table of contents ({first_line(error)}). Fetch it again."
        ) from error
    if len(entries) > TENSORS:
        raise Unsafe(f"{plain(name)} lists {len(entries):,} tensors; no supported network has that many.")
    end = 0
    for start, stop, key in spans:
        if start != end or stop < start:
            raise BadCheckpoint(
                f"{plain(name)} is broken, or was made to mislead: the tensor {plain(str(key))} overlaps another, or "
                "leaves a gap before it. Fetch it again."
            )
        end = stop
    if end != whole - 8 - length:
        raise BadCheckpoint(
            f"{plain(name)} should hold {bytes_of(end)} of tensors and holds {bytes_of(whole - 8 - length)}: it was "
            "cut short, or something was appended. Fetch it again."
        )
    return list(entries)


def _span(entry: Mapping[str, Any]) -> tuple[int, int]:
    start, stop = entry["data_offsets"]
    if type(start) is not int or type(stop) is not int:
        raise TypeError("data_offsets must be two whole numbers")
    return start, stop


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without duplicate names."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("it contains a name twice")
    return table
