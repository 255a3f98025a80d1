"""The log and the state of a run: one JSON line per epoch, and the state to resume from."""

import contextlib
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from core.errors import BadData
from core.evaluate.manifest import Row
from core.train.recipe import same
from core.types import digest


def append(path: Path, record: dict[str, Any]) -> None:
    """Appends one line; the file is readable at any time."""
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """One record per epoch so far; none without the file.

    A run that was interrupted between line and state repeats the epoch: the last line counts. An incomplete line is
    ignored.
    """
    if not path.exists():
        return []
    records: dict[int, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            record = json.loads(line)
            records[record["epoch"]] = record
    return list(records.values())


def films_key(rows: Sequence[Row]) -> str:
    """A digest of the films by id, label and split, whatever their order."""
    return digest(*sorted((row.id, row.label, row.split) for row in rows))


def refuse_other_films(folder: Path, rows: Sequence[Row], *, first: bool = True) -> None:
    """Records the films of the run in `folder`, by id, label and split; a run without that record accepts any.

    first:  whether this is the first process of torchrun, the only one that writes.
    Raises: BadData if the run's state is of other films, since its card would name films that it never saw.
    """
    films = films_key(rows)
    note = folder / "films.txt"
    if note.exists() and (folder / "state.pt").exists() and note.read_text(encoding="utf-8") != films:
        raise BadData(f"{folder} holds a run on other films. Choose another --name or --runs, or delete it.")
    if first:
        folder.mkdir(parents=True, exist_ok=True)
        note.with_suffix(".part").write_text(films, encoding="utf-8")
        note.with_suffix(".part").replace(note)


def store(path: Path, recipe: Mapping[str, Any], parts: Mapping[str, Any], epochs: int, **more: Any) -> None:
    """Saves all parts (anything with a state_dict) atomically."""
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"recipe": dict(recipe), "epochs": epochs, **state, **more}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def opened(path: Path) -> dict[str, Any] | None:
    """The stored state: recipe, epochs and each part's; None without a file. Raises: BadData if it is damaged."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadData(f"{path} is damaged ({str(error).splitlines()[0]}). Delete it to start anew.") from error
    return state


def resume(path: Path, recipe: Mapping[str, Any], parts: Mapping[str, Any]) -> int:
    """Restores the parts; returns the finished epochs, 0 without a state.

    Raises: BadData if the state is of another recipe, or unreadable.
    """
    state = opened(path)
    if state is None:
        return 0
    if not same(state["recipe"], recipe):
        raise BadData(f"{path} was made by another recipe. Choose another --runs folder, or delete it to start anew.")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epochs"])
