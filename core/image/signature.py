"""What bytes are, told by their first bytes and never by their name, and the sizes that headers claim."""

import struct
import zlib
from collections.abc import Iterator

READABLE = "PNG, JPEG, TIFF, WebP, BMP or DICOM"

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
)

# What people drop by mistake, in the words of the refusal. The first that fits counts.
_STRANGERS = (
    (0, b"GIF8", "a GIF image"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive (Office documents and PyTorch checkpoints are ZIP archives, too)"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (344, b"n+1\0", "a NIfTI volume"),
    (344, b"ni1\0", "the header of a NIfTI volume"),
    (0, b"NRRD", "an NRRD volume"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (9, b'"', "a safetensors file of network weights"),  # after its length and an opening brace, see below
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image outside DICOM"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image outside DICOM"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIC photo"),
    (4, b"ftypmif1", "a HEIC photo"),
    (4, b"ftyp", "a video"),
    (0, b"RIFF", "a RIFF sound or video file"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"v/1\x01", "an OpenEXR image"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (0, b"SQLite format 3\0", "an SQLite data base"),
    (0, b"{\\rtf", "an RTF document"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
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


def stranger(data: bytes) -> str:
    """What unreadable bytes are, with an article: "a PDF document", "plain text", "of an unknown kind"."""
    for offset, magic, words in _STRANGERS:
        if data[offset : offset + len(magic)] != magic:
            continue
        if offset == 9 and not (data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 100_000_000):
            continue
        return words
    if data[:1] == b"\x30" and _SECURED in data[:32]:
        return "an encrypted or signed file (CMS, as secured DICOM is)"
    if not data.strip(b"\0"):
        return "nothing but zero bytes, as a failed copy or download leaves"
    return _text(data[:4096]) or "of an unknown kind"


def _text(start: bytes) -> str | None:
    """Which kind of text the bytes are; None if they are not text."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "plain text"
    if any(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in start):
        return None
    if 2 * sum(byte < 127 for byte in start) < len(start):  # text in any Western encoding is mostly ASCII
        return None
    words = start.removeprefix(b"\xef\xbb\xbf").strip().lower()
    if words.startswith((b"<!doctype html", b"<html")) or b"<html" in words:
        return "an HTML page (often an error page saved by a download)"
    if words.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file it points to"
    if b"<svg" in words:
        return "an SVG drawing"
    if words.startswith(b"<?xml"):
        return "an XML document"
    if words.startswith((b"{", b"[")):
        return "JSON text"
    return "plain text"


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


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """(width, height) that a JPEG, JPEG-LS or JPEG 2000 stream claims; None where it names no size.

    The stream inside a DICOM file can claim another size than the file around it, and the decoder believes the stream.
    """
    if frame[:4] == b"\xff\x4f\xff\x51" and len(frame) >= 24:
        right, bottom, left, top = struct.unpack_from(">IIII", frame, 8)
        return right - left, bottom - top
    place = 2
    while frame[:2] == b"\xff\xd8" and place + 9 <= len(frame):
        if frame[place] != 0xFF:
            return None
        marker = frame[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
        # Start of frame: C0 to CF without the tables C4, C8, CC; F7 is JPEG-LS.
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width = struct.unpack_from(">HH", frame, place + 5)
            return width, height
        else:
            place += 2 + int.from_bytes(frame[place + 2 : place + 4], "big")
    return None
