"""Films by file name: one file, standard input, a folder walked in order of name, a ZIP archive, a disc's DICOMDIR."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from core.errors import BadData, UnreadableFile
from core.image.bundle import INDEX, Bundle, may_be_film
from core.image.signature import is_zip
from core.types import Radiograph

STDIN = "-"
_HEAD = 512  # bytes; enough for every signature


def film_paths(names: Sequence[str]) -> tuple[list[str], int]:
    """All files, with folders and archives opened, in order of name; and the number of files skipped.

    A DICOMDIR stands for the folder that contains it, a ZIP archive for the films in it ("disc.zip/IMAGES/0001"). In a
    folder or archive hidden files are skipped, as are files that are neither picture nor DICOM by content or name
    (tables, notes, the DICOMDIR). A file named directly is never skipped.
    Raises: BadData if there is none, or a folder cannot be opened.
    """
    paths, skipped = [], 0
    for name in names:
        inside, rest = ([], 0) if name == STDIN else _archived(name)
        if inside:
            paths += inside
            skipped += rest
            continue
        if name != STDIN and Path(name).name.upper() == INDEX and Path(name).is_file():
            name = str(Path(name).parent)
        if name == STDIN or not Path(name).is_dir():
            paths.append(name)
            continue
        for folder, below, files in os.walk(name, onerror=_refuse_unreadable):
            below[:] = sorted(part for part in below if not part.startswith("."))
            inside = [os.path.join(folder, file) for file in sorted(files) if not file.startswith(".")]
            films = [file for file in inside if _may_be_film(file)]
            paths += films
            skipped += len(inside) - len(films)
    if not paths:
        raise BadData(f"There is no radiograph in {', '.join(names)}. Give files, or a folder that holds some.")
    return paths, skipped


def read_file(name: str, *, frame: int | None = None) -> Radiograph:
    """The film in the file of that name, or on standard input; the frame (from 1) where it holds several.

    Raises: UnreadableFile.
    """
    from core.image.read import read  # its decoders take a second to import

    if name == STDIN:
        return read(sys.stdin.buffer.read(), name="stdin", frame=frame)
    if archive := _archive_of(name):
        within = Path(name).relative_to(archive).as_posix()
        bundle = Bundle(archive, name=printable(archive.name))
        return read(bundle.content(within), name=printable(f"{archive.name}/{within}"), frame=frame)
    try:
        data = Path(name).read_bytes()
    except FileNotFoundError as error:
        raise UnreadableFile(f"There is no file {printable(name)}.") from error
    except OSError as error:
        if Path(name).is_dir():
            raise UnreadableFile(
                f"{printable(name)} is a folder, but one film was expected. Give a file in it."
            ) from error
        raise UnreadableFile(f"{printable(name)} cannot be opened: {error.strerror}.") from error
    return read(data, name=printable(Path(name).name), frame=frame)


def printable(name: str) -> str:
    """A printable file name: bytes that are not UTF-8 become �."""
    return os.fsencode(name).decode("utf-8", "replace")


def _archived(name: str) -> tuple[list[str], int]:
    """The films in a ZIP archive of that name, and the number of its other files; None for any other file."""
    try:
        with open(name, "rb") as file:
            if not is_zip(file.read(4)):
                return [], 0
        films, skipped = Bundle(Path(name), name=printable(Path(name).name)).films()
    except (OSError, UnreadableFile):
        return [], 0  # reported on reading
    return [f"{name}/{film}" for film in films], skipped


def _archive_of(name: str) -> Path | None:
    """The file above that path, where the path leads into one."""
    if os.path.lexists(name):
        return None
    return next((above for above in Path(name).parents if above.is_file()), None)


def _refuse_unreadable(error: OSError) -> NoReturn:
    """Stops at a folder that may not be opened: its films would be missing without a word."""
    raise BadData(
        f"The folder {printable(str(error.filename))} cannot be opened: {error.strerror}. Change its permissions, or "
        "leave it out."
    ) from error


def _may_be_film(path: str) -> bool:
    """Whether the file is a picture or DICOM by its first bytes, or claims to be one by its name."""
    try:
        with open(path, "rb") as file:
            return may_be_film(path, file.read(_HEAD))
    except OSError:
        return True  # reported on reading
