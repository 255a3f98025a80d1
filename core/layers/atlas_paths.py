"""Where atlases lie: those that come with Lightbox, of drawn chests, and a person's own, of their films."""

from collections.abc import Iterator
from pathlib import Path

from core.layers import atlases
from core.layers.atlases import Atlas
from core.layers.reference import ReferenceSet
from core.models import checkpoints, library
from core.types import Checkpoint, digest

_NAME = 16  # digits of the weights' digest that name a folder


def own(card: Checkpoint) -> Path:
    """The folder of this person's atlases of these weights; it need not be there."""
    return library.home() / "atlases" / card.sha256[:_NAME]


def room(card: Checkpoint, films: ReferenceSet) -> Path:
    """Where this person's atlas of these films lies, or will; other films have another place."""
    return own(card) / digest([(film.name, film.labels) for film in films.films])


def places(card: Checkpoint, shipped: Path = checkpoints.SHIPPED, *, mine: bool = True) -> Iterator[Path]:
    """The folders of the atlases of these weights: this person's, the newest first, then the one of Lightbox.

    mine: whether the first may be among them: they name films, and show them.
    """
    atlas_files = [file for file in own(card).glob(f"*/{atlases.FILE}") if mine and file.is_file()]
    yield from (file.parent for file in sorted(atlas_files, key=lambda file: file.stat().st_mtime, reverse=True))
    given = shipped / "atlases" / card.name
    if (given / atlases.FILE).is_file() and atlases.account(given / atlases.FILE)["sha256"] == card.sha256:
        yield given


def place(card: Checkpoint, shipped: Path = checkpoints.SHIPPED, *, mine: bool = True) -> Path | None:
    """The first of them, which is used where none is chosen; None where there is none."""
    return next(places(card, shipped, mine=mine), None)


def find(card: Checkpoint, shipped: Path = checkpoints.SHIPPED) -> Atlas | None:
    """That atlas. Raises: BadData where it cannot be read."""
    folder = place(card, shipped)
    return atlases.read(folder, card) if folder else None
