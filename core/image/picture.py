"""Pictures (PNG, JPEG, TIFF, ...) to Radiograph: header first, then the decoder, then grey at full depth."""

import io
import struct
import warnings
import zlib
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.errors import UnreadableFile
from core.image.grey import check_size, choose_frame, grey_of, levels, levels_step, size_step, square, unsigned
from core.image.signature import codestream, png_chunks, webp_chunks, webp_size
from core.image.uncommon_tiff import Decoded, uncommon_tiff
from core.types import Origin, Radiograph

# Pillow warns about oddities in metadata that reading does not use. Set once and for all: changing filters
# around each call is not safe among threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Opened by class, not by Image.open: the signature decides, no other plug-in may guess, and we check the size.
_OPEN: dict[str, type[ImageFile]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,  # reads the first picture of a phone's multi-picture JPEG, which is the photo itself
    "TIFF": TiffImageFile,
    "WebP": WebPImageFile,
    "BMP": BmpImageFile,
    "JPEG 2000": Jpeg2KImageFile,
    "AVIF": AvifImageFile,
}

# Errors of Pillow's plug-ins on damaged files: those of Image.open and those of loading.
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

# Defaults that programs write without measuring, in dots per inch.
_DEFAULT_DPI = (72, 96)


def read_picture(data: bytes, format: str, *, name: str, frame: int | None = None) -> Radiograph:
    """The radiograph in a picture file.

    format: the result of `format_of`.
    frame:  of a TIFF of several pages or an animation, from 1.
    Raises: UnreadableFile.
    """
    try:
        if format == "WebP":
            check_size(*webp_size(data), name=name, stored=4)  # its plug-in reserves memory for the size as it opens
        picture = _OPEN[format](io.BytesIO(data))
    except _DAMAGED as error:
        if format == "TIFF" and "pixel mode" in str(error):
            return _uncommon(data, name, frame)
        raise _undecodable(name, format, error) from error
    try:
        check_size(*picture.size, name=name, stored=_stored(data, picture))
        pages, kind = _pictures(data, picture, format)
        unit = "page" if format == "TIFF" else "frame"
        place, steps = choose_frame(len(pages), frame, kind, name=name, unit=unit)
        if pages[place]:
            picture.seek(pages[place])
            check_size(*picture.size, name=name, stored=_stored(data, picture))
        return _radiograph(data, picture, format, name, steps)
    except _DAMAGED as error:
        raise _undecodable(name, format, error) from error


def _uncommon(data: bytes, name: str, frame: int | None) -> Radiograph:
    """The film in a TIFF file whose layout Pillow does not know."""
    try:
        page = uncommon_tiff(data, name=name, frame=frame)
        values, steps = _turned(page.values, page.turn), [*page.steps]
        if page.turn in _TURNS:
            steps.append(f"{_TURNS[page.turn]} as the file says.")
        if values.ndim == 3 or values.dtype not in (np.uint8, np.uint16):
            colours = (
                values[:, :, : 3 if values.ndim == 3 and values.shape[2] >= 3 else 1] if values.ndim == 3 else values
            )
            steps += ["Alpha channel dropped."] if values.ndim == 3 and values.shape[2] in (2, 4) else []
            values, scaled = unsigned(colours, name=name)
            steps += [scaled] if scaled else []
        return _finished(values, page, name, steps)
    except _DAMAGED as error:
        raise _undecodable(name, "TIFF", error) from error


def _finished(values: NDArray[Any], page: Decoded, name: str, steps: list[str]) -> Radiograph:
    """The film of 8 or 16-bit grey or RGB values."""
    chroma = None
    if values.ndim == 3 and values.shape[2] == 3:
        values, chroma, step = grey_of(np.ascontiguousarray(values))
        steps.append(step)
    elif values.ndim == 3:
        values = np.ascontiguousarray(values[:, :, 0])
    if page.white_is_zero:
        values = values.dtype.type(values.max()) - values
        steps.append("Grey scale inverted: the file stores white as 0.")
    black, white = (0.0, 255.0) if values.dtype == np.uint8 else levels(values)
    steps += [levels_step(black, white)] if values.dtype != np.uint8 else []
    origin = Origin("TIFF", page.mode, min(page.bits, 32), chroma=chroma)
    return Radiograph(pixels=values, name=name, black=black, white=white, origin=origin, steps=tuple(steps))


def _undecodable(name: str, format: str, error: Exception) -> UnreadableFile:
    early = isinstance(error.__cause__ or error, struct.error | EOFError | IndexError)  # Pillow wraps some
    reason = "it ends early" if early else str(error).strip(". ") or type(error).__name__
    return UnreadableFile(
        f"{name} starts like a {format} file but cannot be decoded ({reason}). If other programs open it, save it as "
        "an ordinary grey PNG there; else copy or export it again."
    )


def _pictures(data: bytes, picture: ImageFile, format: str) -> tuple[list[int], str]:
    """Positions of the pictures in the file, and the name of a file with several. Walks PNG and WebP to their end.

    Raises: ValueError if a PNG or WebP ends early or a checksum does not fit, which the decoders accept.
    """
    if format == "PNG":
        counts = [content[:4] for kind, content in png_chunks(data) if kind == b"acTL"]
        frames = int.from_bytes(counts[0], "big") if counts else 1
        return list(range(min(frames, getattr(picture, "n_frames", 1)))) or [0], "an animated PNG"
    if format == "WebP":
        return list(range(max(1, sum(kind == b"ANMF" for kind, _ in webp_chunks(data))))), "an animated WebP"
    if format == "AVIF":
        return list(range(max(1, getattr(picture, "n_frames", 1)))), "an AVIF sequence"
    if isinstance(picture, TiffImageFile):
        pages = [0]
        for page in range(1, picture.n_frames):
            picture.seek(page)
            if not int(picture.tag_v2.get(254, 0)) & 1:  # bit 0: a smaller copy of another page
                pages.append(page)
        picture.seek(0)
        return pages, "a TIFF file"
    return [0], ""


def _radiograph(data: bytes, picture: ImageFile, format: str, name: str, steps: list[str]) -> Radiograph:
    mode, bits = _layout(data, picture)
    turn = _turn(picture)
    spacing, spacing_steps = _spacing(picture)
    values, value_steps = _values(data, picture, mode, bits)
    steps = steps + value_steps
    if "mp" in picture.info:
        steps.append("First picture of a multi-picture JPEG.")
    if turn in _TURNS:
        steps.append(f"{_TURNS[turn]} as the EXIF tag says.")
        if format != "TIFF":  # both decoders have turned TIFF already
            values = _turned(values, turn)
        if spacing and turn >= 5:
            spacing = spacing[1], spacing[0]

    chroma = None
    values, transparent, alpha_steps = _without_alpha(values)
    steps += alpha_steps
    if values.ndim == 3 and values.shape[2] == 3:
        values, chroma, step = grey_of(np.ascontiguousarray(values))
        steps.append(step)
    elif values.ndim == 3:
        values = values[:, :, 0]
    if values.dtype not in (np.uint8, np.uint16):
        values, scaled = unsigned(values, name=name)
        steps += [scaled] if scaled else []
    if isinstance(picture, TiffImageFile) and bits > 8 and picture.tag_v2.get(262) == 0:
        top = 2**bits - 1 if bits < 16 and values.max() < 2**bits else 65535
        values = values.dtype.type(top) - values  # Pillow inverts 8 bits but leaves more as they are
        steps.append("Grey scale inverted: the file stores white as 0.")
    tall = spacing[0] / spacing[1] if spacing else 1.0
    if spacing and abs(tall - 1) >= 0.01:
        values, spacing = square(values, tall), (min(spacing), min(spacing))
        spacing_steps.append(f"Pixels are {tall:.3g} times as high as wide; the film was resampled to square ones.")

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
        steps=(*steps, *spacing_steps),
    )


def _without_alpha(values: NDArray[Any]) -> tuple[NDArray[Any], float, list[str]]:
    """The samples without alpha, the share of the pixels that it made at least partly transparent, and the step."""
    if values.ndim != 3 or values.shape[2] not in (2, 4):
        return values, 0.0, []
    alpha = values[:, :, -1]
    transparent = float((alpha < np.iinfo(alpha.dtype).max).mean())
    step = (
        f"Alpha channel dropped; it made {transparent:.1%} of the pixels at least partly transparent."
        if transparent
        else "Alpha channel dropped; it was opaque everywhere."
    )
    return values[:, :, :-1], transparent, [step]


def _layout(data: bytes, picture: ImageFile) -> tuple[str, int]:
    """(mode, bits per sample) of the file; Pillow's own mode calls 16-bit colour 8-bit."""
    bits = {"1": 1, "I": 32, "F": 32}.get(picture.mode, 16 if picture.mode.startswith("I;16") else 8)
    if isinstance(picture, PngImageFile):
        bits = data[24]
        if bits == 16 and data[25] == 4:
            return "LA;16", 16
    elif isinstance(picture, TiffImageFile):
        bits = int(picture.tag_v2.get(258, (bits,))[0])
    elif isinstance(picture, Jpeg2KImageFile) and (held := codestream(data[max(0, data.find(b"\xff\x4f\xff\x51")) :])):
        bits = held.precision if held.precision <= 8 else 16
    if bits == 16 and picture.mode in ("RGB", "RGBA", "RGBX", "CMYK"):
        return f"{picture.mode};16", bits
    return picture.mode, bits


def _stored(data: bytes, picture: ImageFile) -> int:
    """Bytes of a pixel, before compression."""
    _, bits = _layout(data, picture)
    return -(-bits * (3 if picture.mode == "P" else len(picture.getbands())) // 8)


def _values(data: bytes, picture: ImageFile, mode: str, bits: int) -> tuple[NDArray[Any], list[str]]:
    """The decoded samples, (H, W) or (H, W, C) with C = 2 grey and alpha, 3 RGB, 4 RGBA; and the steps taken."""
    if mode in ("LA;16", "RGB;16", "RGBA;16", "RGBX;16"):
        return _deep_colour(data, picture, mode), []
    if isinstance(picture, TiffImageFile) and (kind := int(picture.tag_v2.get(339, (1,))[0])) in (1, 2):
        # Pillow keeps 32 unsigned bits in signed ones, and 8 signed bits in unsigned ones.
        if bits == 32 and kind == 1 and picture.mode == "I":
            return np.asarray(picture).view(np.uint32), []
        if bits == 8 and kind == 2 and picture.mode == "L":
            return np.asarray(picture).view(np.int8).astype(np.int32), []
    if mode in ("L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B") and "transparency" not in picture.info:
        values = np.asarray(picture)
        return values.astype(np.uint16) if mode.startswith("I;16") else values, []
    if mode.startswith("I;16"):  # one grey value is declared transparent; ignoring that loses nothing
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


def _deep_colour(data: bytes, picture: ImageFile, mode: str) -> NDArray[Any]:
    """16-bit colour by other decoders, as Pillow keeps only the upper 8 bits.

    Raises: ValueError if they fail or decode another picture than Pillow.
    """
    # One plane per channel: OpenCV 5.0 mixes them up, and so does Pillow.
    if isinstance(picture, TiffImageFile) and picture.tag_v2.get(284) == 2:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[picture.tell()]
            if page.shape[1:] != (picture.height, picture.width):
                raise ValueError(f"channels of {page.shape}")
            planes = np.ascontiguousarray(np.moveaxis(page.asarray(), 0, -1))
        return np.ascontiguousarray(planes[:, :, :3]) if mode == "RGBX;16" else planes
    if picture.tell():
        raise ValueError("16-bit colour on a later page")
    decoded: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise ValueError(f"16-bit {mode.removesuffix(';16')} that OpenCV could not decode")
    if decoded.ndim == 2:
        return decoded
    if mode == "LA;16":
        return np.ascontiguousarray(decoded[:, :, [0, 3]])
    four = decoded.shape[2] == 4
    values: NDArray[Any] = cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA if four else cv2.COLOR_BGR2RGB)
    if mode == "RGBX;16":
        values = np.ascontiguousarray(values[:, :, :3])
    seen = np.asarray(picture)
    if seen.shape == values.shape and np.abs((values >> 8).astype(np.int16) - seen).mean() > 8:
        raise ValueError("two decoders see two pictures in it")
    return values


def _turn(picture: ImageFile) -> int:
    """EXIF orientation, 1 to 8; 1 if the file has none or its EXIF block is broken, which affects no pixel."""
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


def _spacing(picture: ImageFile) -> tuple[tuple[float, float] | None, list[str]]:
    """mm per pixel, (row, column), if the resolution in the file is plausible; and the steps taken."""
    try:
        across, down = (float(dots) for dots in picture.info["dpi"])
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None, []
    if not (1 < across < 1e6 and 1 < down < 1e6):  # Pillow gives 1 for a TIFF without a resolution
        return None, []
    if round(across) in _DEFAULT_DPI:
        return None, [f"The file's {across:.0f} dpi are a program's default, not a measurement; they were ignored."]
    spacing, steps = size_step(
        (25.4 / down, 25.4 / across), (picture.height, picture.width), f"The file's {across:.0f} dpi,"
    )
    return spacing, steps or [f"Pixel spacing from the file's {across:.0f} dpi."]


def _is_lossy(data: bytes, picture: ImageFile, format: str) -> bool:
    if format == "WebP":
        return any(kind == b"VP8 " for kind, _ in webp_chunks(data))
    if format == "JPEG 2000":
        style = data.find(b"\xff\x52")  # the coding style; its transform is 1 where nothing is lost
        return not (0 <= style < len(data) - 13 and data[style + 13] == 1)
    if format in ("JPEG", "AVIF"):
        return True
    return picture.info.get("compression") in ("jpeg", "tiff_jpeg", "webp", "jpeg2000")
