"""Films by file name: one file, standard input, or a folder walked in order of name."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import BadData, UnreadableFile
from core.image.signature import format_of
from core.types import Radiograph

STDIN = "-"
_HEAD = 512  # bytes; enough for every signature
_EXTENSIONS = {".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".dcm", ".dicom", ".gif"}


def film_paths(names: Sequence[str]) -> tuple[list[str], int]:
    """All files, folders walked in order of name; and how many files in the folders were skipped.

    In a folder, hidden files are skipped, as are those that are no picture or DICOM file by content or by name (tables,
    notes). A file named directly is never skipped.
    Raises: BadData if there is none.
    """
    paths, skipped = [], 0
    for name in names:
        if name == STDIN or not Path(name).is_dir():
            paths.append(name)
            continue
        for folder, below, files in os.walk(name):
            below[:] = sorted(part for part in below if not part.startswith("."))
            inside = [os.path.join(folder, file) for file in sorted(files) if not file.startswith(".")]
            films = [file for file in inside if _may_be_film(file)]
            paths += films
            skipped += len(inside) - len(films)
    if not paths:
        raise BadData(f"There is no radiograph in {', '.join(names)}. Give files, or a folder that holds some.")
    return paths, skipped


def read_file(name: str) -> Radiograph:
    """The film in the file of that name, or on standard input. Raises: UnreadableFile."""
    from core.image.read import read  # its decoders take a second to import

    if name == STDIN:
        return read(sys.stdin.buffer.read(), name="stdin")
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
    return read(data, name=printable(Path(name).name))


def printable(name: str) -> str:
    """A file name that any text can hold: bytes that are not UTF-8 become �."""
    return os.fsencode(name).decode("utf-8", "replace")


def _may_be_film(path: str) -> bool:
    """Whether the file is a picture or DICOM by its first bytes, or claims to be one by its name."""
    if Path(path).suffix.lower() in _EXTENSIONS:
        return True
    try:
        with open(path, "rb") as file:
            return format_of(file.read(_HEAD)) is not None
    except OSError:
        return True  # reported when it is read
