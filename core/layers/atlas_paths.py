"""The folders of atlases: the shipped ones of drawn chests, and the user's own."""

from collections.abc import Iterator
from pathlib import Path

from core.layers import atlases
from core.layers.atlases import Atlas
from core.layers.reference import ReferenceSet
from core.models import checkpoints, library
from core.types import Checkpoint, digest

_NAME = 16  # digits of the weights' digest in a folder's name


def own(card: Checkpoint) -> Path:
    """The folder of the user's atlases of these weights; it need not exist."""
    return library.home() / "atlases" / card.sha256[:_NAME]


def room(card: Checkpoint, films: ReferenceSet) -> Path:
    """The folder of the user's atlas of these films, whether or not it exists."""
    return own(card) / digest([(film.name, film.labels) for film in films.films])


def places(card: Checkpoint, shipped: Path = checkpoints.SHIPPED, *, mine: bool = True) -> Iterator[Path]:
    """The folders of the atlases of these weights: the user's, the newest first, then the shipped one.

    mine: whether to include the user's atlases, which name and show films.
    """
    atlas_files = [file for file in own(card).glob(f"*/{atlases.FILE}") if mine and file.is_file()]
    yield from (file.parent for file in sorted(atlas_files, key=lambda file: file.stat().st_mtime, reverse=True))
    given = shipped / "atlases" / card.name
    if (given / atlases.FILE).is_file() and atlases.account(given / atlases.FILE)["sha256"] == card.sha256:
        yield given


def place(card: Checkpoint, shipped: Path = checkpoints.SHIPPED, *, mine: bool = True) -> Path | None:
    """The folder of the default atlas, the first of `places`; None if there is none."""
    return next(places(card, shipped, mine=mine), None)


def find(card: Checkpoint, shipped: Path = checkpoints.SHIPPED) -> Atlas | None:
    """The default atlas. Raises: BadData if it cannot be read."""
    folder = place(card, shipped)
    return atlases.read(folder, card) if folder else None
