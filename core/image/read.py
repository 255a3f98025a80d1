"""The door: bytes in, Radiograph out."""

from core.errors import UnreadableFile
from core.image.dicom import read_dicom
from core.image.picture import read_picture
from core.image.signature import READABLE, format_of, stranger
from core.types import Radiograph


def read(data: bytes, *, name: str) -> Radiograph:
    """The radiograph that the bytes hold, at full depth and resolution; safe to call from many threads.

    data:   a whole PNG, JPEG, TIFF, WebP, BMP or DICOM file, told by its first bytes and never by its name.
    name:   what to call it in messages and on screen.
    Raises: UnreadableFile, in a sentence that says what was found, what was expected and what to do.
    """
    if not data:
        raise UnreadableFile(f"{name} is empty (0 bytes); expected a {READABLE} file. Copy or export it again.")
    format = format_of(data)
    if format is None:
        raise UnreadableFile(
            f"{name} is {stranger(data)}, not a radiograph we can read; expected {READABLE}. "
            "Export the radiograph in one of these formats."
        )
    return read_dicom(data, name=name) if format == "DICOM" else read_picture(data, format, name=name)
