"""The checkpoints: those shipped with Lightbox, and the user's own, which were imported.

The user's own are in LIGHTBOX_HOME, or in the system's data folder for the user.
"""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from safetensors import SafetensorError

from core.errors import BadCheckpoint, BadSetting, UnknownCheckpoint
from core.models import checkpoints
from core.models.architecture import Network
from core.models.importers import ImportCandidate
from core.registry import unknown
from core.types import Checkpoint

HOME = "LIGHTBOX_HOME"  # environment variable
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names reserved for devices
_INCOMING = ".incoming-"  # prefix of the temporary folder of a new checkpoint
_STALE = 86_400  # s


def home() -> Path:
    """The user's data folder; it need not exist."""
    return Path(os.environ.get(HOME) or platformdirs.user_data_dir("lightbox", appauthor=False))


def folder() -> Path:
    """The folder of the user's own checkpoints; it need not exist."""
    return home() / "checkpoints"


def own() -> list[str]:
    """The user's own checkpoints, by name."""
    return checkpoints.names(folder())


def names(shipped: Path = checkpoints.SHIPPED) -> list[str]:
    """All checkpoints, the shipped ones first, so that imports do not change the first."""
    first = checkpoints.names(shipped)
    return [*first, *(name for name in own() if name not in first)]


def place(name: str, shipped: Path = checkpoints.SHIPPED) -> Path:
    """The folder of the checkpoint. Raises: UnknownName."""
    if name in checkpoints.names(shipped):
        return shipped
    if name in own():
        return folder()
    raise UnknownCheckpoint(str(unknown("checkpoint", name, names(shipped))))


def save(candidate: ImportCandidate, name: str, *, shipped: Path = checkpoints.SHIPPED) -> Checkpoint:
    """Saves the candidate as one of the user's checkpoints; reads it back and compares it first.

    Raises: BadSetting if the name is invalid or in use, or the scores have no names; BadCheckpoint if the network's
            output is not finite, or the folder is not writable. In these cases nothing is left behind.
    """
    refuse_name(name, shipped)
    if not candidate.findings:
        raise BadSetting(
            f"{candidate.file} has no finding: its {candidate.outputs:,} scores are not of radiographs. Retrain its "
            "last layer on films, and import that."
        )
    network = candidate.network()
    with incoming() as place:
        return _stored(network, candidate, name, place)


@contextmanager
def incoming() -> Iterator[Path]:
    """A temporary folder beside the user's own checkpoints, for the duration of the block. A folder left by a killed
    program is removed by a later call, after a day.

    Raises: BadCheckpoint if it cannot be written.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        for old in folder().glob(f"{_INCOMING}*"):
            if time.time() - old.stat().st_mtime > _STALE:
                shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_INCOMING, dir=folder()) as place:
            yield Path(place)
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"{folder()} cannot be written ({error}). Nothing was saved.") from error


def rename(name: str, new: str, *, shipped: Path = checkpoints.SHIPPED) -> Checkpoint:
    """Renames one of the user's own checkpoints. Raises: UnknownName, BadSetting, BadCheckpoint as `save`."""
    _refuse_shipped(name, shipped)
    if new == name:
        return checkpoints.read_card(name, folder())
    refuse_name(new, shipped, besides=name)
    card, weights = _paths(name)
    new_card, new_weights = _paths(new)
    try:
        contents = json.loads(card.read_text(encoding="utf-8")) | {"name": new}
        _write_new(new_card, json.dumps(contents, indent=1, ensure_ascii=False) + "\n")
        try:
            weights.rename(new_weights)  # from here on the new name is listed and the old one is not
        except OSError:
            new_card.unlink(missing_ok=True)
            raise
        card.unlink()
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{name} cannot be renamed ({error}).") from error
    return checkpoints.read_card(new, folder())


def remove(name: str, *, shipped: Path = checkpoints.SHIPPED) -> None:
    """Deletes one of the user's own checkpoints. Raises: UnknownName; BadSetting for a shipped one."""
    _refuse_shipped(name, shipped)
    try:
        for path in _paths(name):  # the card first: without it the checkpoint is not listed
            path.unlink()
    except OSError as error:
        raise BadCheckpoint(f"{name} cannot be removed ({error.strerror}).") from error


def refuse_name(name: str, shipped: Path = checkpoints.SHIPPED, *, besides: str | None = None) -> None:
    """Raises: BadSetting if the name is not a valid file name on every system, or is in use.

    besides: the checkpoint that may keep it.
    """
    if not _NAME.fullmatch(name) or name.endswith(".") or _OF_WINDOWS.fullmatch(name):
        raise BadSetting(
            f"{name[:80]!r} cannot be the name of a checkpoint: it names files, so it has up to 64 letters, digits, "
            "points, dashes and underscores, and begins with a letter or digit."
        )
    files = [path.stem for path in folder().glob("*") if path.suffix in (".json", ".safetensors")]
    in_use = {each.lower(): each for each in [*names(shipped), *checkpoints.OTHERS, *files] if each != besides}
    if name.lower() in in_use:
        raise BadSetting(f"There is a checkpoint named {in_use[name.lower()]!r} already. Choose another name.")


def proposed(file: str, shipped: Path = checkpoints.SHIPPED) -> str:
    """An unused name derived from the file's."""
    stem = re.sub(r"(\.(safetensors|pth|pt|ckpt|bin|tar|zip))+$", "", file, flags=re.IGNORECASE)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:56].rstrip("-._") or "imported"
    for number in range(1, 1000):
        name = plain if number == 1 else f"{plain}-{number}"
        try:
            refuse_name(name, shipped)
        except BadSetting:
            continue
        return name
    return plain


def _stored(network: Network, candidate: ImportCandidate, name: str, place: Path) -> Checkpoint:
    """The checkpoint, moved to its place after it is read back and compared."""
    written = checkpoints.write(network, candidate.checkpoint(name), name, place, exact=True)
    checkpoints.read_network(written, place)
    card, weights = _paths(name)
    try:
        _write_new(card, (place / card.name).read_text(encoding="utf-8"))
    except FileExistsError as error:
        raise BadSetting(f"There is a checkpoint named {name!r} already. Choose another name.") from error
    try:
        (place / weights.name).replace(weights)
    except OSError:
        card.unlink(missing_ok=True)  # a card alone would occupy the name
        raise
    return checkpoints.read_card(name, folder())


def _write_new(path: Path, text: str) -> None:
    """Writes a new file. Raises: FileExistsError if it exists, even as a symbolic link."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _refuse_shipped(name: str, shipped: Path) -> None:
    if name in own():
        return
    if name in checkpoints.names(shipped):
        raise BadSetting(f"{name} comes with Lightbox and cannot be changed. Only your own checkpoints can be.")
    raise unknown("checkpoint of your own", name, own())


def _paths(name: str) -> tuple[Path, Path]:
    return folder() / f"{name}.json", folder() / f"{name}.safetensors"
