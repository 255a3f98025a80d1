"""PNG, JPEG, TIFF, WebP and BMP to Radiograph: header first, then the decoder, then grey at full depth."""

import io
import struct
import warnings
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.errors import UnreadableFile
from core.image.grey import check_size, grey_of, levels, levels_step, unsigned
from core.image.signature import png_chunks, webp_chunks, webp_size
from core.types import Origin, Radiograph

# Pillow warns about oddities in metadata that reading does not use. Set once and for all: changing filters
# around each call is not safe among threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Opened by class, not by Image.open: the signature has spoken, no other plug-in may guess, the size is ours to judge.
_OPEN: dict[str, type[ImageFile]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,  # reads the first picture of a phone's multi-picture JPEG, which is the photo itself
    "TIFF": TiffImageFile,
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
}

# What Pillow's plug-ins raise on damaged files: Image.open's own list, and what loading adds.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    EOFError,
    AssertionError,
    struct.error,
    zlib.error,
    cv2.error,
    Image.DecompressionBombError,
)

_TURNS = {
    2: "Mirrored left to right",
    3: "Turned by 180°",
    4: "Mirrored top to bottom",
    5: "Mirrored and turned by 90° counter-clockwise",
    6: "Turned by 90° clockwise",
    7: "Mirrored and turned by 90° clockwise",
    8: "Turned by 90° counter-clockwise",
}

# What programs write without having measured anything, in dots an inch.
_DEFAULT_DPI = (72, 96)
# A film's longer side lies between an incubator's and a tall adult's, in mm; a figure at "300 dpi" lies below.
_FILM_SIDES = (150.0, 600.0)


def read_picture(data: bytes, format: str, *, name: str) -> Radiograph:
    """The radiograph in a picture file.

    format: the name that `format_of` gave.
    Raises: UnreadableFile.
    """
    try:
        if format == "WebP":
            check_size(*webp_size(data), name=name)  # its plug-in reserves memory for the size as it opens
        picture = _OPEN[format](io.BytesIO(data))
    except _DAMAGED as error:
        raise _damaged(name, format, error) from error
    check_size(*picture.size, name=name)
    try:
        moving = _pictures(data, picture, format)
        if moving is None:
            return _radiograph(data, picture, format, name)
    except _DAMAGED as error:
        raise _damaged(name, format, error) from error
    raise UnreadableFile(f"{name} is {moving}; expected a single radiograph. Save one of them as a file of its own.")


def _damaged(name: str, format: str, error: Exception) -> UnreadableFile:
    return UnreadableFile(
        f"{name} starts like a {format} file but cannot be decoded: it is truncated, damaged or of an uncommon kind "
        f"({str(error).strip('. ') or type(error).__name__}). Copy or export it again."
    )


def _pictures(data: bytes, picture: ImageFile, format: str) -> str | None:
    """What the file is if it holds several pictures; None for one. Walks PNG and WebP to their end.

    Raises: ValueError if a PNG or WebP ends early or a checksum does not fit, which the decoders let pass.
    """
    if format == "PNG":
        counts = [content[:4] for kind, content in png_chunks(data) if kind == b"acTL"]
        frames = int.from_bytes(counts[0], "big") if counts else 1
        return f"an animated PNG of {frames} frames" if frames > 1 else None
    if format == "WebP":
        frames = sum(kind == b"ANMF" for kind, _ in webp_chunks(data))
        return f"an animated WebP of {frames} frames" if frames > 1 else None
    if isinstance(picture, TiffImageFile):
        pages = 1
        for page in range(1, picture.n_frames):
            picture.seek(page)
            pages += not int(picture.tag_v2.get(254, 0)) & 1  # bit 0: a smaller copy of another page
        picture.seek(0)
        return f"a TIFF file of {pages} pages" if pages > 1 else None
    return None


def _radiograph(data: bytes, picture: ImageFile, format: str, name: str) -> Radiograph:
    mode, bits = _layout(data, picture)
    turn = _turn(picture)
    spacing, spacing_step = _spacing(picture)
    values, steps = _values(data, picture, mode, bits)
    if "mp" in picture.info:
        steps.append("The first picture of a multi-picture JPEG was taken.")
    if turn in _TURNS:
        steps.append(f"{_TURNS[turn]} as the EXIF tag says.")
        if format != "TIFF":  # both decoders have turned TIFF already
            values = _turned(values, turn)
        if spacing and turn >= 5:
            spacing = spacing[1], spacing[0]

    transparent, chroma = 0.0, None
    if values.ndim == 3 and values.shape[2] in (2, 4):
        alpha = values[:, :, -1]
        transparent = float((alpha < np.iinfo(alpha.dtype).max).mean())
        steps.append(
            f"Alpha channel dropped; it made {transparent:.1%} of the pixels at least partly transparent."
            if transparent
            else "Alpha channel dropped; it was opaque everywhere."
        )
        values = values[:, :, :-1]
    if values.ndim == 3 and values.shape[2] == 3:
        values, chroma, step = grey_of(np.ascontiguousarray(values))
        steps.append(step)
    elif values.ndim == 3:
        values = values[:, :, 0]
    if values.dtype not in (np.uint8, np.uint16):
        values, scaled = unsigned(values, name=name)
        steps += [scaled] if scaled else []
    if isinstance(picture, TiffImageFile) and mode.startswith("I;16") and picture.tag_v2.get(262) == 0:
        values = 65535 - values  # Pillow turns 8 bits over but leaves 16 as they are
        steps.append("Turned over: the file stores white as 0.")

    black, white = (0.0, 255.0) if values.dtype == np.uint8 else levels(values)
    if values.dtype != np.uint8:
        steps.append(levels_step(black, white))
    return Radiograph(
        pixels=values,
        name=name,
        black=black,
        white=white,
        origin=Origin(format, mode, bits, _is_lossy(data, picture, format), chroma, transparent),
        spacing=spacing,
        steps=(*steps, *([spacing_step] if spacing_step else [])),
    )


def _layout(data: bytes, picture: ImageFile) -> tuple[str, int]:
    """(mode, bits a sample) as the file has them; Pillow's own mode would call 16-bit colour 8-bit."""
    bits = {"1": 1, "I": 32, "F": 32}.get(picture.mode, 16 if picture.mode.startswith("I;16") else 8)
    if isinstance(picture, PngImageFile):
        bits = data[24]
        if bits == 16 and data[25] == 4:
            return "LA;16", 16
    elif isinstance(picture, TiffImageFile):
        bits = int(picture.tag_v2.get(258, (bits,))[0])
    if bits == 16 and picture.mode in ("RGB", "RGBA", "RGBX", "CMYK"):
        return f"{picture.mode};16", bits
    return picture.mode, bits


def _values(data: bytes, picture: ImageFile, mode: str, bits: int) -> tuple[NDArray[Any], list[str]]:
    """The decoded samples, (H, W) or (H, W, C) with C = 2 grey and alpha, 3 RGB, 4 RGBA; and the steps taken."""
    if mode in ("LA;16", "RGB;16", "RGBA;16", "RGBX;16"):
        return _deep_colour(data, mode)
    if mode in ("L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B") and "transparency" not in picture.info:
        values = np.asarray(picture)
        return values.astype(np.uint16) if mode.startswith("I;16") else values, []
    if mode.startswith("I;16"):  # one grey value is declared transparent; nothing is lost by leaving it
        return np.asarray(picture).astype(np.uint16), []
    if mode == "1":
        return np.asarray(picture.convert("L")), ["Black and white (1 bit) became 0 and 255."]
    if mode in ("P", "PA"):
        target = "RGBA" if picture.has_transparency_data else "RGB"
        return np.asarray(picture.convert(target)), ["Palette expanded to its colours."]
    if mode == "L":
        return np.asarray(picture.convert("LA")), []
    if mode == "RGB" or mode in ("La", "RGBa"):
        return np.asarray(picture.convert("RGBA")), []
    if mode in ("CMYK", "CMYK;16", "YCbCr", "RGBX"):
        lost = " at 8 of its 16 bits" if bits == 16 else ""
        return np.asarray(picture.convert("RGB")), [f"{mode.removesuffix(';16')} converted to RGB{lost}."]
    raise ValueError(f"pixel layout {mode}")


def _deep_colour(data: bytes, mode: str) -> tuple[NDArray[Any], list[str]]:
    """16-bit colour by OpenCV, as Pillow keeps only the upper 8 bits."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16:
        raise ValueError(f"16-bit {mode.removesuffix(';16')} that OpenCV could not decode")
    if values.ndim == 2:
        return values, []
    if values.shape[2] == 3:
        return cv2.cvtColor(values, cv2.COLOR_BGR2RGB), []
    if mode == "LA;16":
        return np.ascontiguousarray(values[:, :, [0, 3]]), []
    return cv2.cvtColor(values, cv2.COLOR_BGRA2RGB if mode == "RGBX;16" else cv2.COLOR_BGRA2RGBA), []


def _turn(picture: ImageFile) -> int:
    """EXIF orientation, 1 to 8; 1 where the file gives none or its EXIF block is broken, which spoils no pixel."""
    try:
        return int(picture.getexif().get(274, 1))
    except _DAMAGED:
        return 1


def _turned(values: NDArray[Any], turn: int) -> NDArray[Any]:
    """The pixels upright, for EXIF orientation 2 to 8."""
    if turn in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        values = values[::-1]
    return values[:, ::-1] if turn in (2, 3, 6, 7) else values


def _spacing(picture: ImageFile) -> tuple[tuple[float, float] | None, str | None]:
    """mm a pixel, (row, column), where the resolution in the file is plausibly measured; and the step taken."""
    try:
        across, down = (float(dots) for dots in picture.info["dpi"])
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None, None
    if not (1 < across < 1e6 and 1 < down < 1e6):  # 1 is what Pillow gives for a TIFF that says nothing
        return None, None
    spacing = 25.4 / down, 25.4 / across
    longer = max(picture.width * spacing[1], picture.height * spacing[0])
    if round(across) in _DEFAULT_DPI or not _FILM_SIDES[0] <= longer <= _FILM_SIDES[1]:
        why = "a program's default" if round(across) in _DEFAULT_DPI else f"the film would be {longer:,.0f} mm long"
        return None, f"The file's {across:.0f} dpi were not taken for a measurement: {why}."
    return spacing, f"Pixel spacing taken from the file's {across:.0f} dpi."


def _is_lossy(data: bytes, picture: ImageFile, format: str) -> bool:
    if format == "WebP":
        return any(kind == b"VP8 " for kind, _ in webp_chunks(data))
    return format == "JPEG" or picture.info.get("compression") in ("jpeg", "tiff_jpeg", "webp", "jpeg2000")
