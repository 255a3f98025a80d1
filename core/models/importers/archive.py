"""What opening a torch.save file would do: the archive is checked, and its pickles are traced but not run."""

import stat
import struct
import zipfile
from collections import Counter
from pathlib import PureWindowsPath
from typing import BinaryIO

from core.errors import BadCheckpoint, Unsafe
from core.models.importers.file import FileKind
from core.models.importers.pickle_stream import PickleContents, follow
from core.models.importers.text import broken_message, bytes_of, listing, plain

_ENTRIES = 20_000  # files in a torch.save archive; one per tensor
_PICKLE = 64e6  # bytes of the pickle in it

# zipfile raises RuntimeError for an encrypted entry, a string of a false length MemoryError.
_BROKEN = (
    ValueError,
    OverflowError,
    EOFError,
    OSError,
    struct.error,
    zipfile.BadZipFile,
    RuntimeError,
    MemoryError,
)


def pickle_contents(file: BinaryIO, what: FileKind, name: str) -> PickleContents:
    """What opening the file would do.

    Raises: Unsafe if it would fill the memory or crash Python; BadCheckpoint if it is broken.
    """
    contents = PickleContents()
    try:
        if what == "torch zip":
            _follow_archive(file, contents, name)
        else:
            _follow_all(file, what, contents, name)
    except _BROKEN as error:
        if contents.harmful:
            return contents  # what was read before the end is enough
        if what == "pickle":  # by its first byte alone
            raise BadCheckpoint(f"{plain(name)} is not a checkpoint: neither safetensors nor torch.save's.") from error
        raise BadCheckpoint(broken_message(name, error)) from error
    return contents


def _follow_all(file: BinaryIO, what: FileKind, contents: PickleContents, name: str) -> None:
    """What the pickles at the beginning of a file would do; torch's older files have five."""
    whole = file.seek(0, 2)
    file.seek(0)
    for _ in range(5 if what == "torch legacy" else 1):
        follow(file, contents, name)
    _refuse_claims(contents, whole, name)


def _follow_archive(file: BinaryIO, contents: PickleContents, name: str) -> None:
    """What the pickle in an archive of torch.save would do, after the archive is validated.

    torch.save never compresses: a compressed entry, or entries larger than the file, are a decompression bomb.
    """
    whole = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if not entries:
            raise BadCheckpoint(f"{plain(name)} is a ZIP archive with nothing in it.")
        names = [entry.filename for entry in entries]
        root = names[0].split("/", 1)[0]
        inside = {each.removeprefix(f"{root}/"): entry for each, entry in zip(names, entries, strict=True)}
        if "constants.pkl" in inside or any(each.startswith("code/") for each in inside):
            raise Unsafe(
                f"{plain(name)} is a TorchScript program: to open it, the code in it would run "
                f"({listing(each for each in inside if each.startswith('code/')) or 'code/'}). Nothing was run. "
                'Save the weights alone: torch.save(model.state_dict(), "weights.pt").'
            )
        _refuse_strange_entries(entries, whole, name, comment=archive.comment)
        table = inside.get("data.pkl")
        if table is None:
            raise BadCheckpoint(f"{plain(name)} is a ZIP archive, but not one that torch.save wrote: {listing(names)}.")
        if table.file_size > _PICKLE:
            raise Unsafe(
                f"{plain(name)} has a pickle of {bytes_of(table.file_size)}; {bytes_of(_PICKLE)} is plenty where the "
                "weights are tensors. Save them as tensors, not as NumPy arrays."
            )
        with archive.open(table) as opened:
            follow(opened, contents, name)
    _refuse_claims(contents, whole, name)


def _refuse_strange_entries(entries: list[zipfile.ZipInfo], whole: int, name: str, *, comment: bytes) -> None:
    names = [entry.filename for entry in entries]
    packed = [entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
    unpacked = sum(entry.file_size for entry in entries)
    outside = [each for each in names if _leads_out(each)]
    links = [entry.filename for entry in entries if stat.S_ISLNK(entry.external_attr >> 16)]
    if len(entries) > _ENTRIES:
        raise Unsafe(f"{plain(name)} is an archive of {len(entries):,} files; no supported network has so many.")
    if outside:
        raise Unsafe(
            f"{plain(name)} holds names that lead out of their folder: {listing(outside)}. Nothing was unpacked."
        )
    if links:
        raise Unsafe(f"{plain(name)} holds symbolic links: {listing(links)}. Nothing was unpacked.")
    if packed or unpacked > whole or comment:
        what = f"{len(packed)} packed files, {bytes_of(unpacked)} when unpacked" if packed else bytes_of(unpacked)
        raise Unsafe(
            f"{plain(name)} has {bytes_of(whole)} and says that it holds {what}: torch.save packs nothing, so it is "
            "either some other archive (unpack it first) or made to fill the memory. Nothing was unpacked."
        )
    if len(set(names)) < len(names):
        twice = [each for each, count in Counter(names).items() if count > 1]
        raise Unsafe(
            f"{plain(name)} holds several files of one name, of which readers choose different ones: {listing(twice)}."
        )


def _leads_out(name: str) -> bool:
    path = PureWindowsPath(name)  # both kinds of slash
    return path.is_absolute() or bool(path.drive or path.root) or ".." in path.parts or "\0" in name


def _refuse_claims(contents: PickleContents, whole: int, name: str) -> None:
    claimed = sum(contents.storages.values())
    if claimed > whole:
        raise Unsafe(
            f"{plain(name)} has {bytes_of(whole)} and asks for {bytes_of(claimed)} of memory: it was cut short, or "
            "made to fill the memory."
        )
