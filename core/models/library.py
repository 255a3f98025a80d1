"""Where checkpoints are: those that come with Lightbox, and a person's own, which were imported.

A person's own lie in the folder that LIGHTBOX_HOME names, or where the system keeps what programs store for a user.
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
_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names that it keeps for devices
_INCOMING = ".incoming-"  # begins the name of a folder in which a checkpoint is put together
_STALE = 86_400  # s


def home() -> Path:
    """The folder of what this person keeps; it need not be there."""
    return Path(os.environ.get(HOME) or platformdirs.user_data_dir("lightbox", appauthor=False))


def folder() -> Path:
    """Where this person's own checkpoints lie; it need not be there."""
    return home() / "checkpoints"


def own() -> list[str]:
    """This person's own checkpoints, by name."""
    return checkpoints.names(folder())


def names(shipped: Path = checkpoints.SHIPPED) -> list[str]:
    """All checkpoints: those that come with Lightbox first, so that the first stays the same whatever is imported."""
    first = checkpoints.names(shipped)
    return [*first, *(name for name in own() if name not in first)]


def place(name: str, shipped: Path = checkpoints.SHIPPED) -> Path:
    """The folder in which the checkpoint lies. Raises: UnknownName."""
    if name in checkpoints.names(shipped):
        return shipped
    if name in own():
        return folder()
    raise UnknownCheckpoint(str(unknown("checkpoint", name, names(shipped))))


def save(candidate: ImportCandidate, name: str, *, shipped: Path = checkpoints.SHIPPED) -> Checkpoint:
    """Keeps what was found as a checkpoint of this person's own; read back and compared before it counts as kept.

    Raises: BadSetting where the name is no good or taken, or nothing names the scores; BadCheckpoint where the network
            gives no numbers, or the folder cannot be written. Nothing is left behind then.
    """
    refuse_name(name, shipped)
    if not candidate.findings:
        raise BadSetting(
            f"{candidate.file} knows no finding: its {candidate.outputs:,} scores are not of radiographs. Train its "
            "last layer "
            "anew on films, and import that."
        )
    network = candidate.network()
    with incoming() as place:
        return _stored(network, candidate, name, place)


@contextmanager
def incoming() -> Iterator[Path]:
    """An empty folder beside this person's own checkpoints, for as long as the block lasts: what comes in lies there
    and nowhere else. One that a program left when it was killed goes with the next, after a day.

    Raises: BadCheckpoint where what comes in cannot be written.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        for old in folder().glob(f"{_INCOMING}*"):
            if time.time() - old.stat().st_mtime > _STALE:
                shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_INCOMING, dir=folder()) as place:
            yield Path(place)
    except (OSError, SafetensorError) as error:
        raise BadCheckpoint(f"{folder()} cannot be written ({error}). Nothing was kept.") from error


def rename(name: str, new: str, *, shipped: Path = checkpoints.SHIPPED) -> Checkpoint:
    """Gives one of this person's own another name. Raises: UnknownName, BadSetting, BadCheckpoint as `save`."""
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
            weights.rename(new_weights)  # from here on the new one is listed, and the old one is not
        except OSError:
            new_card.unlink(missing_ok=True)
            raise
        card.unlink()
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{name} cannot be renamed ({error}).") from error
    return checkpoints.read_card(new, folder())


def remove(name: str, *, shipped: Path = checkpoints.SHIPPED) -> None:
    """Deletes one of this person's own. Raises: UnknownName; BadSetting for one that comes with Lightbox."""
    _refuse_shipped(name, shipped)
    try:
        for path in _paths(name):  # the card first: without it the rest is not listed
            path.unlink()
    except OSError as error:
        raise BadCheckpoint(f"{name} cannot be removed ({error.strerror}).") from error


def refuse_name(name: str, shipped: Path = checkpoints.SHIPPED, *, besides: str | None = None) -> None:
    """Raises: BadSetting where the name cannot name a file everywhere, or is taken.

    besides: the checkpoint that has it now and may keep it.
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
    """A name that is free, made of a file's."""
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
    """The checkpoint, moved to its place once it was found to read back as it was written."""
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
        card.unlink(missing_ok=True)  # a card alone would take the name
        raise
    return checkpoints.read_card(name, folder())


def _write_new(path: Path, text: str) -> None:
    """Writes a file that was not there. Raises: FileExistsError where it was, even as a symbolic link."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def _refuse_shipped(name: str, shipped: Path) -> None:
    if name in own():
        return
    if name in checkpoints.names(shipped):
        raise BadSetting(f"{name} comes with Lightbox and stays as it is. Only your own checkpoints can be changed.")
    raise unknown("checkpoint of your own", name, own())


def _paths(name: str) -> tuple[Path, Path]:
    return folder() / f"{name}.json", folder() / f"{name}.safetensors"
