"""What a run leaves behind after each epoch: one JSON line, and the state from which a killed run goes on."""

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
    """Adds one line; the file is readable at every moment."""
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """One record an epoch so far; none where the file is not there.

    A run that was killed between the line and its state repeats the epoch: its last line counts. So does a line that
    is only half written yet: not at all.
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
    """A digest of which films there are, by id, label and split; their order does not enter."""
    return digest(*sorted((row.id, row.label, row.split) for row in rows))


def refuse_other_films(folder: Path, rows: Sequence[Row], *, first: bool = True) -> None:
    """Notes in `folder` which films the run is of, by id, label and split; a run without that note takes any.

    first:  only the first process of torchrun writes.
    Raises: BadData where its state is of other films: it would go on, and its card tell of films that it never saw.
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
    """Keeps all parts (whatever has a state_dict); a kill leaves the old state or the new one, never half of one."""
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"recipe": dict(recipe), "epochs": epochs, **state, **more}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def opened(path: Path) -> dict[str, Any] | None:
    """The stored state: recipe, epochs and each part's; None where there is none. Raises: BadData if it is damaged."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadData(f"{path} is damaged ({str(error).splitlines()[0]}). Delete it to start anew.") from error
    return state


def resume(path: Path, recipe: Mapping[str, Any], parts: Mapping[str, Any]) -> int:
    """Sets the parts back; returns the epochs already done, 0 where there is no state.

    Raises: BadData where another recipe made the state, or it cannot be read.
    """
    state = opened(path)
    if state is None:
        return 0
    if not same(state["recipe"], recipe):
        raise BadData(f"{path} was made by another recipe. Choose another --runs folder, or delete it to start anew.")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epochs"])
