"""The entry point: bytes in, Radiograph out."""

import hashlib
import logging

from core.errors import UnreadableFile
from core.image.dicom import read_dicom
from core.image.picture import read_picture
from core.image.signature import READABLE, format_of, stranger
from core.types import Radiograph

_LOG = logging.getLogger("lightbox.read")
_LOG.addHandler(logging.NullHandler())  # otherwise Python writes the traceback onto the terminal


def read(data: bytes, *, name: str, frame: int | None = None) -> Radiograph:
    """The radiograph that the bytes hold, at full depth and resolution; safe to call from many threads.

    data:   a whole DICOM, PNG, JPEG, JPEG 2000, TIFF, WebP, AVIF or BMP file, recognised by its first bytes, never by
            its name.
    name:   its name in messages and on screen.
    frame:  which one, from 1, of a file that holds several.
    Raises: UnreadableFile, with what was found, what was expected and what to do; SeveralFrames if a frame must be
            chosen. Nothing else, whatever a decoder or our own code raises, so that one film cannot stop the others.
            The traceback goes to the log "lightbox.read" with the file's SHA-256.
    """
    name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    try:
        return _read(data, name, frame)
    except UnreadableFile:
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # some compiled decoders raise errors that are no Exception
        _LOG.error("file %s cannot be read", hashlib.sha256(data).hexdigest(), exc_info=True)
        if isinstance(error, MemoryError):
            raise UnreadableFile(
                f"{name} needs more memory than this machine has left. Export it at a lower resolution."
            ) from error
        raise UnreadableFile(
            f"{name} cannot be read: it is of an unknown kind ({type(error).__name__}). Export it as "
            "uncompressed DICOM or as a grey PNG."
        ) from error


def _read(data: bytes, name: str, frame: int | None) -> Radiograph:
    if not data:
        raise UnreadableFile(f"{name} is empty (0 bytes); expected a {READABLE} file. Copy or export it again.")
    format = format_of(data)
    if format is None:
        what, advice = stranger(data)
        raise UnreadableFile(f"{name} is {what}, not a radiograph that can be read; expected {READABLE}. {advice}")
    if format == "DICOM":
        return read_dicom(data, name=name, frame=frame)
    return read_picture(data, format, name=name, frame=frame)
