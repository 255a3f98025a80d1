"""How the pixels of a DICOM file are encoded: transfer syntax and compressed stream, checked before decoding."""

from pydicom import FileDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from core.errors import UnreadableFile
from core.image.elements import BROKEN, file_meta, number
from core.image.signature import Codestream, codestream

# How a compressed stream opens (its start-of-frame marker, 0 for JPEG 2000), and the transfer syntaxes that it may
# have; the first is used where the file names another.
_STREAMS = (
    ((0xC0, 0xC1, 0xC2), ("1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.50")),
    ((0xC3,), ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")),
    ((0xF7,), ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")),
    (
        (0,),
        ("1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93",
         "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"),
    ),
)  # fmt: skip


def checked_syntax(dataset: FileDataset, name: str) -> tuple[UID, list[str]]:
    """The transfer syntax, by the bytes where the file lacks it or they contradict it; and the step.

    Raises: UnreadableFile if it cannot be decoded.
    """
    syntax = UID(file_meta(dataset, "TransferSyntaxUID"))
    if not syntax:
        implicit, little = dataset.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    syntax, steps = _by_pixels(dataset, syntax)
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        known = f"{syntax.name} ({syntax})" if syntax.name != syntax else str(syntax)
        known = "".join(letter for letter in known if letter.isprintable())[:80]
        raise UnreadableFile(
            f"{name} is a DICOM file whose pixels are encoded as {known}, which cannot be decoded here; expected "
            "uncompressed, deflated, RLE, JPEG, JPEG-LS or JPEG 2000. Export it uncompressed."
        )
    return syntax, steps


def _by_pixels(dataset: FileDataset, syntax: UID) -> tuple[UID, list[str]]:
    """The transfer syntax that the pixel data have, where they contradict the one that the file names; and the step.

    Programs that decompress or compress a film sometimes forget to update its header.
    """
    if not syntax.is_transfer_syntax:  # refused below by name
        return syntax, []
    data = dataset.PixelData
    wrapped = data[:4] == b"\xfe\xff\x00\xe0"  # an item: pixel data in fragments
    held = codestream(data)
    whole = held is not None and (held.width, held.height) == (dataset.Columns, dataset.Rows)
    match: UID | None = None
    if wrapped:
        try:
            frame = _unboxed(get_frame(data, 0, number_of_frames=1))
        except BROKEN:
            return syntax, []
        held = codestream(frame)
        if held is None and _is_rle(frame) and syntax != RLELossless:
            match = RLELossless
    if (wrapped or whole) and held is not None:
        kinds = next((kinds for frames, kinds in _STREAMS if held.frame in frames), ())
        match = UID(kinds[0]) if kinds and syntax not in kinds else None
    elif not wrapped and syntax.is_encapsulated:
        samples, allocated = (int(number(dataset, keyword) or 1) for keyword in ("SamplesPerPixel", "BitsAllocated"))
        plain = int(dataset.Rows) * int(dataset.Columns) * samples * allocated // 8
        match = ExplicitVRLittleEndian if plain <= len(data) <= plain + 1 else None
    if whole:
        dataset.PixelData = encapsulate([data])
    if match is None:
        return syntax, []
    dataset.file_meta.TransferSyntaxUID = match
    return match, [f"The file says that its pixels are {_coding(syntax)}, they are {_coding(match)}: read as that."]


def _is_rle(frame: bytes) -> bool:
    """Whether a frame opens with the table of run-length segments (PS3.5, G.5)."""
    return 1 <= int.from_bytes(frame[:4], "little") <= 15 and int.from_bytes(frame[4:8], "little") == 64


def _coding(syntax: UID) -> str:
    return syntax.name if syntax.is_encapsulated else "uncompressed"


def _unboxed(frame: bytes) -> bytes:
    """The codestream of a whole JPEG 2000 file; any other stream as it is."""
    return frame[max(0, frame.find(b"\xff\x4f\xff\x51")) :] if frame[:8] == b"\0\0\0\x0cjP  " else frame


def checked_stream(frame: bytes, size: tuple[int, int]) -> tuple[bytes, list[str]]:
    """The stream in the form that decoders accept, and the steps.

    Raises: ValueError where it is of another size than the file says, or ends early: decoders believe the stream.
    """
    if frame[:8] == b"\0\0\0\x0cjP  ":  # a whole JPEG 2000 file; pydicom 3.0 runs forever on one with an empty box
        frame = _unboxed(frame)
        if codestream(frame) is None:
            raise ValueError("the JPEG 2000 file within holds no codestream")
    held = codestream(frame)
    if held is None:
        return frame, []
    if (held.width, held.height) != size:
        raise ValueError(
            f"the file says {size[0]} × {size[1]} pixels, its compressed stream {held.width} × {held.height}"
        )
    if frame.rfind(b"\xff\xd9") < held.scan:
        raise ValueError("the compressed stream ends early")
    return _mended_scan(frame, held)


def _mended_scan(frame: bytes, held: Codestream) -> tuple[bytes, list[str]]:
    """A sequential JPEG (baseline, extended) with the only spectral selection that such a scan can have.

    Some writers leave it at zero, which decoders refuse; it says nothing about a sequential scan (ITU-T T.81, B.2.3).
    """
    if held.frame not in (0xC0, 0xC1) or not held.scan or held.scan + 5 > len(frame):
        return frame, []
    end = held.scan + 2 + int.from_bytes(frame[held.scan + 2 : held.scan + 4], "big")
    if frame[end - 3 : end] == b"\0\x3f\0":
        return frame, []
    return (
        frame[: end - 3] + b"\0\x3f\0" + frame[end:],
        ["The scan header of the JPEG stream is not that of a sequential scan; it was read as one."],
    )
