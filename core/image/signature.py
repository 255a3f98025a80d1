"""The format of a file by its first bytes, never by its name, and the sizes that headers claim."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

READABLE = "DICOM, PNG, JPEG, JPEG 2000, TIFF, WebP, AVIF or BMP"

# Each readable format by (offset, bytes); WebP and DICOM's bare form need a second look below. DICOM comes first, as
# its 128-byte preamble is free for use and some files put the start of a TIFF there.
_FORMATS = (
    (128, b"DICM", "DICOM"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),  # BigTIFF
    (0, b"MM\0+", "TIFF"),
    (0, b"BM", "BMP"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),  # a bare codestream
    (4, b"ftypavif", "AVIF"),
)

_AS_FILM = "Export the radiograph in one of these formats."
_AS_PLANE = "Save the plane that you mean as DICOM, PNG or TIFF."
_AS_PYTORCH = (
    "It may hold a network, not a film: import networks on the Models page or with `python -m core import`, "
    "as PyTorch weights (.safetensors, .pt); convert it there first."
)
_AS_FILES = "Unpack it and add the films themselves."

# Files dropped by mistake: (offset, bytes, what it is, what to do). The first match counts.
_STRANGERS = (
    (0, b"GIF8", "a GIF image", _AS_FILM),
    (0, b"%PDF-", "a PDF document", _AS_FILM),
    (0, b"PK\x05\x06", "an empty ZIP archive", _AS_FILES),
    (0, b"\x1f\x8b", "a gzip archive", _AS_FILES),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _AS_FILES),
    (0, b"Rar!", "a RAR archive", _AS_FILES),
    (257, b"ustar", "a tar archive", _AS_FILES),
    (0, b"BZh", "a bzip2 archive", _AS_FILES),
    (0, b"\xfd7zXZ\0", "an XZ archive", _AS_FILES),
    (344, b"n+1\0", "a NIfTI volume", _AS_PLANE),
    (344, b"ni1\0", "the header of a NIfTI volume", _AS_PLANE),
    (4, b"n+2\0\r\n\x1a\n", "a NIfTI-2 volume", _AS_PLANE),
    (4, b"ni2\0\r\n\x1a\n", "the header of a NIfTI-2 volume", _AS_PLANE),
    (0, b"NRRD", "an NRRD volume", _AS_PLANE),
    (0, b"MINC", "a MINC volume", _AS_PLANE),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras networks and MATLAB data are stored so)", _AS_PYTORCH),
    (4, b"TFL3", "a TensorFlow Lite network", _AS_PYTORCH),
    (0, b"\x93NUMPY", "a NumPy array", _AS_FILM),
    (0, b"\x80\x02", "a Python pickle, as older PyTorch checkpoints are", _AS_PYTORCH),
    (9, b'"', "a safetensors file of network weights", _AS_PYTORCH),  # after length and an opening brace, see below
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image", _AS_FILM),
    (0, b"\xff\x0a", "a JPEG XL image", _AS_FILM),
    (4, b"ftypavis", "an AVIF sequence", _AS_FILM),
    (4, b"ftyphei", "a HEIC photo", _AS_FILM),
    (4, b"ftyphev", "a HEIC sequence", _AS_FILM),
    (4, b"ftypmif1", "a HEIF photo", _AS_FILM),
    (4, b"ftypmsf1", "a HEIF sequence", _AS_FILM),
    (4, b"ftyp", "a video", _AS_FILM),
    (0, b"RIFF", "a RIFF sound or video file", _AS_FILM),
    (0, b"8BPS", "a Photoshop document", _AS_FILM),
    (0, b"\0\0\1\0", "an icon", _AS_FILM),
    (0, b"v/1\x01", "an OpenEXR image", _AS_FILM),
    (0, b"MATLAB 5.0", "a MATLAB file", _AS_FILM),
    (0, b"CDF", "a NetCDF or MINC volume", _AS_PLANE),
    (0, b"SIMPLE  =", "a FITS image", _AS_FILM),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", _AS_FILM),
    (0, b"SQLite format 3\0", "an SQLite database", _AS_FILM),
    (0, b"{\\rtf", "an RTF document", _AS_FILM),
    (0, b"\x7fELF", "a program", _AS_FILM),
    (0, b"MZ", "a program", _AS_FILM),
)
# The kind of a ZIP archive, by the name of a file in it; one of films is added as a whole (core.image.bundle).
NETWORKS_AND_DOCUMENTS = (
    ("model.weights.h5", "a Keras network", _AS_PYTORCH),
    ("saved_model.pb", "a TensorFlow network", _AS_PYTORCH),
    ("data.pkl", "a PyTorch checkpoint", _AS_PYTORCH),
    ("[Content_Types].xml", "an Office document", _AS_FILM),
)

# The object identifier of PKCS #7, which opens every secured (encrypted or signed) DICOM file, PS3.15.
_SECURED = bytes.fromhex("06092a864886f70d0107")


def format_of(data: bytes) -> str | None:
    """The readable format that the first bytes announce: "PNG", ..., "DICOM"; None if there is none."""
    for offset, magic, name in _FORMATS:
        if data[offset : offset + len(magic)] == magic:
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return "DICOM" if _is_bare_dicom(data) else None


def _is_bare_dicom(data: bytes) -> bool:
    """Whether the bytes start like a DICOM data set that lost its 128-byte preamble: group 2 or 8, low element."""
    start = data[:4]
    little = start[:2] in (b"\x02\0", b"\x08\0") and start[3:] == b"\0"
    big = start[:3] == b"\0\x08\0"
    return (little or big) and len(data) >= 8


def stranger(data: bytes) -> tuple[str, str]:
    """The kind of unreadable bytes, with an article ("a PDF document", "of an unknown kind"), and what to do."""
    for offset, magic, words, advice in _STRANGERS:
        if data[offset : offset + len(magic)] != magic:
            continue
        if offset == 9 and not (data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 100_000_000):
            continue
        return _inside_gzip(data) or (words, advice)
    if is_zip(data):
        return _zip(data)
    if data[:1] == b"P" and data[1:2] in b"1234567fF" and data[2:3].isspace():
        return "a Netpbm image (PGM, PPM, PFM)", _AS_FILM
    if data[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c") and len(data) in (348, 352):
        return "the header of an Analyze volume", _AS_PLANE
    if data[:1] == b"\x30" and _SECURED in data[:32]:
        return "an encrypted or signed file (CMS, as secured DICOM is)", _AS_FILM
    if not data.strip(b"\0"):
        return "nothing but zero bytes, as a failed copy or download leaves", "Copy or download it again."
    if _is_onnx(data):
        return "an ONNX network", _AS_PYTORCH
    return _text(data[:4096]) or ("of an unknown kind", _AS_FILM)


def is_zip(data: bytes) -> bool:
    """Whether the bytes start like a ZIP archive that holds something."""
    return data[:4] == b"PK\x03\x04"


def _zip(data: bytes) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = {name.rsplit("/", 1)[-1] for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error, LookupError):
        return "a ZIP archive that is damaged or cut short", "Copy or download it again."
    for name, words, advice in NETWORKS_AND_DOCUMENTS:
        if name in inside:
            return words, advice
    return "a ZIP archive", "Add it by itself as a set of films, or unpack it and choose a film in it."


def _inside_gzip(data: bytes) -> tuple[str, str] | None:
    """A compressed NIfTI volume, or None."""
    if data[:2] != b"\x1f\x8b":
        return None
    try:
        start = zlib.decompressobj(31).decompress(data[:4096], 600)
    except zlib.error:
        return None
    inside = next((entry for entry in _STRANGERS if start[entry[0] : entry[0] + len(entry[1])] == entry[1]), None)
    return (f"{inside[2]}, compressed by gzip", inside[3]) if inside and inside[3] is _AS_PLANE else None


def _is_onnx(data: bytes) -> bool:
    """Whether the bytes start like the protocol buffer of a network: its version (field 1), then its producer (2)."""
    return data[:1] == b"\x08" and 1 <= data[1] <= 32 and data[2:3] in (b"\x12", b"\x1a", b"\x3a") and len(data) > 16


def _text(start: bytes) -> tuple[str, str] | None:
    """The kind of text, and what to do; None if the bytes are not text."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "plain text", _AS_FILM
    head = start[:512]
    if (b"NDims =" in head or b"ObjectType = Image" in head) and head[:1].isalpha():
        return "a MetaImage volume (MHA, MHD)", _AS_PLANE  # its pixels may follow the text
    if any(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in start):
        return None
    if 2 * sum(byte < 127 for byte in start) < len(start):  # text in any Western encoding is mostly ASCII
        return None
    words = start.removeprefix(b"\xef\xbb\xbf").strip().lower()
    if words.startswith((b"<!doctype html", b"<html")) or b"<html" in words:
        return "an HTML page (often an error page saved by a download)", "Download the film itself."
    if words.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file it points to", "Fetch the file with `git lfs pull`."
    if b"<svg" in words:
        return "an SVG drawing", _AS_FILM
    if words.startswith(b"<?xml"):
        return "an XML document", _AS_FILM
    if words.startswith((b"{", b"[")):
        return "JSON text", _AS_FILM
    return "plain text", _AS_FILM


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk of a PNG as (type, content).

    Raises: ValueError where the file ends early or a checksum does not fit.
    """
    place, kind = 8, b""
    while kind != b"IEND":
        if place + 12 > len(data):
            raise ValueError("the file ends early")
        length, kind = struct.unpack_from(">I4s", data, place)
        if place + 12 + length > len(data):
            raise ValueError("the file ends early")
        content = data[place + 8 : place + 8 + length]
        if zlib.crc32(content, zlib.crc32(kind)) != struct.unpack_from(">I", data, place + 8 + length)[0]:
            raise ValueError(f"the checksum of chunk {kind.decode('latin-1')!r} does not fit")
        yield kind, content
        place += 12 + length


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk of a WebP file as (type, content).

    Raises: ValueError where the file ends early.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError("the file ends early")
    place = 12
    while place + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, place)
        if place + 8 + length > end:
            raise ValueError("the file ends early")
        yield kind, data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def webp_size(data: bytes) -> tuple[int, int]:
    """(width, height) that the first chunk of a WebP file claims.

    Raises: ValueError if there is none.
    """
    kind, content = next(webp_chunks(data), (b"", b""))
    if kind == b"VP8X" and len(content) >= 10:
        return 1 + int.from_bytes(content[4:7], "little"), 1 + int.from_bytes(content[7:10], "little")
    if kind == b"VP8L" and len(content) >= 5:
        bits = int.from_bytes(content[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(content) >= 10:
        width, height = struct.unpack_from("<HH", content, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("it holds no picture")


class Codestream(NamedTuple):
    """The header of a JPEG, JPEG-LS or JPEG 2000 stream, independent of the file around it.

    precision: bits per sample.
    scan:      where the first scan begins, in bytes; 0 for JPEG 2000.
    frame:     its start-of-frame marker; 0 for JPEG 2000.
    """

    width: int
    height: int
    samples: int
    precision: int
    frame: int
    scan: int


def codestream(stream: bytes) -> Codestream | None:
    """The header of the stream; None if it has no size."""
    if stream[:4] == b"\xff\x4f\xff\x51" and len(stream) >= 43:
        right, bottom, left, top = struct.unpack_from(">IIII", stream, 8)
        samples = int.from_bytes(stream[40:42], "big")
        return Codestream(right - left, bottom - top, samples, 1 + (stream[42] & 0x7F), 0, 0)
    place, header = 2, None
    while stream[:2] == b"\xff\xd8" and place + 10 <= len(stream):
        if stream[place] != 0xFF:
            break
        marker = stream[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        # Start of frame: C0 to CF without the tables C4, C8, CC; F7 is JPEG-LS.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            precision, height, width, samples = struct.unpack_from(">BHHB", stream, place + 4)
            header = Codestream(width, height, samples, precision, marker, 0)
        elif marker == 0xDA:
            return header and header._replace(scan=place)
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    return header
