"""Films in a ZIP archive, one at a time; the sizes that the archive claims are checked before it is opened.

Nothing is unpacked onto the disk. Claimed sizes are checked before anything is inflated, and real sizes are counted
during it.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from core.errors import UnreadableFile
from core.image.grey import MOST_PIXELS
from core.image.signature import NETWORKS_AND_DOCUMENTS, format_of, is_zip

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jfif", ".jp2", ".tif", ".tiff", ".webp", ".avif", ".bmp", ".dcm", ".dicom",
              ".gif")  # fmt: skip
INDEX = "DICOMDIR"  # the index of a disc: it lists the files beside it and is no film
MOST_FILES = 5_000  # per archive
MOST_BYTES = 4_000_000_000  # most bytes that one archive may inflate to
LARGEST_FILE = 6 * MOST_PIXELS  # bytes; three 16-bit channels of the largest film
_RATIO = 1_100  # highest compression ratio of an entry: DEFLATE's own limit is 1,032
_CHUNK = 1 << 20
_HEAD = 512  # bytes; enough for every signature
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, LookupError,
           struct.error)  # fmt: skip


class Bundle:
    """An archive of films, open in memory.

    Raises: UnreadableFile if it is no ZIP archive, is damaged, or claims more than any set of films holds.
    """

    def __init__(self, data: bytes | Path, *, name: str) -> None:
        try:
            self._archive = zipfile.ZipFile(data if isinstance(data, Path) else io.BytesIO(data))
            entries = [entry for entry in self._archive.infolist() if not entry.is_dir()]
        except _BROKEN as error:
            raise UnreadableFile(
                f"{name} is a ZIP archive that is damaged or cut short. Copy or pack it again."
            ) from error
        if len(entries) > MOST_FILES:
            raise UnreadableFile(
                f"{name} holds {len(entries):,} files; at most {MOST_FILES:,} are opened together. Pack fewer in one."
            )
        claimed = sum(entry.file_size for entry in entries)
        if claimed > MOST_BYTES:
            raise UnreadableFile(
                f"{name} claims to inflate to {claimed / 1e9:,.1f} gigabytes (at most {MOST_BYTES / 1e9:.0f}), and was "
                "not opened. Pack fewer films in one archive."
            )
        self._name = name
        self._entries = {safe_path(entry.filename): entry for entry in entries}

    def films(self) -> tuple[list[str], int]:
        """Paths of the films in it, in order; and the number of other files (notes, viewers) skipped."""
        films = [path for path in sorted(self._entries) if not _is_hidden(path) and self._may_be_film(path)]
        return films, len(self._entries) - len(films)

    def content(self, path: str) -> bytes:
        """The file at that path within. Raises: UnreadableFile."""
        entry = self._entries.get(path)
        where = f"{self._name}/{path}"
        if entry is None:
            raise UnreadableFile(f"There is no {path} in {self._name}.")
        if entry.flag_bits & 1:
            raise UnreadableFile(f"{where} is encrypted. Unpack the archive with its password, and add the films.")
        most = min(LARGEST_FILE, max(_CHUNK, _RATIO * entry.compress_size))
        if entry.file_size > most:
            raise UnreadableFile(
                f"{where} claims to inflate to {entry.file_size / 1e6:,.0f} megabytes, which no film of its size can, "
                "and was not opened."
            )
        parts, size = [], 0
        try:
            with self._archive.open(entry) as file:
                while part := file.read(_CHUNK):
                    size += len(part)
                    if size > most:
                        raise UnreadableFile(f"{where} inflates to more than it claims, and was not opened further.")
                    parts.append(part)
        except _BROKEN as error:
            raise UnreadableFile(f"{where} is damaged within the archive. Pack or copy it again.") from error
        return b"".join(parts)

    def _may_be_film(self, path: str) -> bool:
        """As for files in a folder: by its first bytes, or by its name."""
        try:
            with self._archive.open(self._entries[path]) as file:
                return may_be_film(path, file.read(_HEAD))
        except _BROKEN:
            return may_be_film(path, b"")


def may_be_film(name: str, data: bytes) -> bool:
    """Whether a file is a picture or DICOM by its first bytes, or claims to be one by its name; no index of a disc."""
    path = PurePosixPath(name)
    return path.name.upper() != INDEX and (path.suffix.lower() in EXTENSIONS or format_of(data[:_HEAD]) is not None)


def is_bundle(data: bytes) -> bool:
    """Whether the bytes are a ZIP archive that may hold films, and not a network or document stored as one."""
    if not is_zip(data[:4]):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = {name.rsplit("/", 1)[-1] for name in archive.namelist()}
    except _BROKEN:
        return True  # opening it reports the error
    return not inside & {name for name, _, _ in NETWORKS_AND_DOCUMENTS}


def films_in(data: bytes, *, name: str) -> Iterator[tuple[str, bytes | UnreadableFile]]:
    """Each film of an archive: its name, and its bytes or the error; one at a time.

    Raises: UnreadableFile as `Bundle`, or where it holds no film.
    """
    bundle = Bundle(data, name=name)
    films, _ = bundle.films()
    if not films:
        raise UnreadableFile(f"{name} is a ZIP archive that holds no film. Choose the one with the radiographs.")
    for path in films:
        try:
            yield f"{name}/{path}", bundle.content(path)
        except UnreadableFile as error:
            yield f"{name}/{path}", error


def safe_path(path: str) -> str:
    """A path within an archive, without parts that lead out of it or cannot be printed: "../../x" is "x"."""
    parts = [part for part in PurePosixPath(path.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    return "/".join("".join(letter for letter in part if letter.isprintable()) for part in parts) or "file"


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.split("/"))
