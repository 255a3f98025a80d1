"""The kind of a file, by its first bytes and never by its name; refuses others with one sentence."""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from core.errors import BadCheckpoint
from core.models.importers.text import bytes_of, plain

FileKind = Literal["safetensors", "torch zip", "torch legacy", "pickle"]
KINDS: Mapping[FileKind, str] = MappingProxyType(
    {
        "safetensors": "safetensors",
        "torch zip": "PyTorch",
        "torch legacy": "PyTorch of before 2020",
        "pickle": "a Python pickle",
    }
)
LARGEST = 4e9  # bytes; VGG-19 with its optimiser has 1.7
_HEAD = 1024  # bytes that identify the kind
_LONGEST_HEADER = 2**48  # a larger number in the first eight bytes is not a length
_LEGACY = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled number at the start of torch.save files before 2020
_WAY = "Give a .safetensors file, or a .pt or .pth that torch.save made of a state_dict."

# Files often mistaken for a checkpoint -> their first characters (lower case, without leading space).
_STRANGERS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    (
        "a Git LFS pointer: the weights themselves were not fetched. Run git lfs pull where it came from",
        lambda head: head.startswith(b"version https://git-lfs"),
    ),
    (
        "a web page: the download brought a log-in or preview page in place of the file. Fetch the file itself",
        lambda head: head.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")),
    ),
    (
        "a tar archive: either several files, to be unpacked first, or a checkpoint of torch before 2017, which "
        "cannot be opened without running what it holds",
        lambda head: head[257:262] == b"ustar",
    ),
    (
        "an HDF5 file, as Keras writes them. Only PyTorch networks can be imported",
        lambda head: head.startswith(b"\x89hdf"),
    ),
    ("a NumPy file. Only PyTorch networks can be imported", lambda head: head.startswith(b"\x93numpy")),
    ("compressed. Unpack it first", lambda head: head.startswith((b"\x1f\x8b", b"bzh", b"\xfd7zxz", b"7z\xbc\xaf"))),
    ("a picture, not a network", lambda head: head.startswith((b"\x89png", b"\xff\xd8\xff", b"gif8"))),
    ("a DICOM file, not a network", lambda head: head[128:132] == b"dicm"),
)


def kind(path: Path, name: str) -> FileKind:
    """The kind of the file, by its first bytes.

    name:   its name in messages.
    Raises: BadCheckpoint if it is missing or not a file of weights.
    """
    size = _size(path, name)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise BadCheckpoint(f"{plain(name)} cannot be opened ({error.strerror}). Check its permissions.") from error
    if head.startswith(b"PK\x03\x04"):
        return "torch zip"
    if head[2 : 2 + len(_LEGACY)] == _LEGACY:
        return "torch legacy"
    if _safetensors(head):
        return "safetensors"
    small = head.lower()
    for what, fits in _STRANGERS:
        if fits(small) or fits(small.lstrip()):
            raise BadCheckpoint(f"{plain(name)} is {what}.")
    if (head[:1] == b"\x80" and head[1:2] <= b"\x05") or _pickled_text(head):
        return "pickle"
    if _is_text(head):
        raise BadCheckpoint(f"{plain(name)} is a text file ({bytes_of(size)}), not a network. {_WAY}")
    raise BadCheckpoint(f"{plain(name)} is of an unknown kind ({bytes_of(size)}). {_WAY}")


def sha256(path: Path) -> str:
    """The SHA-256 of the whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path, name: str) -> int:
    """Bytes of the file, through a symbolic link if it is one."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        if os.path.islink(path):
            raise BadCheckpoint(
                f"{plain(name)} is a symbolic link that leads nowhere. Give the file itself."
            ) from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadCheckpoint(f"There is no file {plain(name)} ({reason}). {_WAY}") from error
    if stat.S_ISDIR(status.st_mode):
        raise BadCheckpoint(f"{plain(name)} is a folder. {_WAY}")
    if not stat.S_ISREG(status.st_mode):
        raise BadCheckpoint(f"{plain(name)} is a device or a pipe, not a file. {_WAY}")
    if not status.st_size:
        raise BadCheckpoint(f"{plain(name)} is empty: 0 bytes. Fetch it again.")
    if status.st_size > LARGEST:
        raise BadCheckpoint(
            f"{plain(name)} has {bytes_of(status.st_size)}, more than any supported network with its optimiser "
            f"({bytes_of(LARGEST)}). Save the weights alone."
        )
    return status.st_size


def _safetensors(head: bytes) -> bool:
    """Whether it has a length, then a JSON object; in a text file the length would be astronomical."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LONGEST_HEADER


def _pickled_text(head: bytes) -> bool:
    """Whether it starts like a pickle of the oldest, textual protocol: with a mark or an import."""
    first = head.split(b"\n", 1)[0]
    return head[:1] == b"(" or (head[:1] == b"c" and first[1:].replace(b"_", b"").replace(b".", b"").isalnum())


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and b"\0" not in head  # cut in the middle of a character
    return "\0" not in text
