"""Reading a film: every picture format, every bad input, damaged files, the real originals."""

import csv
import io
import json
import os
import struct
import threading
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from core.errors import UnreadableFile, UserError
from core.image.read import read
from core.types import Radiograph
from tests.image.test_dicom import damaged_copies

# As in core/image/picture.py, whose own filter pytest replaces while a test runs.
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

DATA = os.environ.get("LIGHTBOX_DATA")
with_data = pytest.mark.skipif(not DATA, reason="LIGHTBOX_DATA is not set: no real radiographs at hand")

GREY = np.add.outer(np.arange(48), 3 * np.arange(64)).astype(np.uint8)
DEEP = (GREY.astype(np.uint16) * 257)[:, ::-1].copy()
COLOUR = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
DEEP_COLOUR = np.dstack([DEEP, DEEP[::-1], DEEP[:, ::-1]])


def saved(pixels: NDArray[Any] | Image.Image, format: str, **options: Any) -> bytes:
    """The pixels as a file of the format, by Pillow."""
    whole = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(whole, format, **options)
    return whole.getvalue()


def tiff(pixels: NDArray[Any], tags: dict[int, int]) -> bytes:
    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    return saved(pixels, "TIFF", tiffinfo=directory)


def by_opencv(suffix: str, pixels: NDArray[Any]) -> bytes:
    """The same by OpenCV, which writes 16-bit colour; channels in RGB order."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    channels = pixels[:, :, order[pixels.shape[2]]] if pixels.ndim == 3 else pixels
    return bytes(cv2.imencode(suffix, np.ascontiguousarray(channels))[1].tobytes())


def luminance(colour: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(colour @ np.array([0.299, 0.587, 0.114]))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "WebP"])
def test_grey_pixels_come_back_exactly(format: str) -> None:
    options = {"lossless": True} if format == "WebP" else {}

    radiograph = read(saved(GREY, format, **options), name="film")

    assert np.array_equal(radiograph.pixels, GREY)
    assert radiograph.pixels.dtype == np.uint8
    assert (radiograph.black, radiograph.white) == (0, 255)
    assert radiograph.origin.format == format
    assert not radiograph.origin.lossy
    assert radiograph.name == "film"


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("pixels", [GREY, DEEP, COLOUR], ids=["8 bit", "16 bit", "colour"])
def test_every_lossless_tiff_compression_is_read(compression: str, pixels: NDArray[Any]) -> None:
    radiograph = read(saved(pixels, "TIFF", compression=compression), name="film")

    expected = np.rint(luminance(COLOUR)) if pixels is COLOUR else pixels
    assert np.abs(radiograph.pixels.astype(int) - expected).max() <= (pixels is COLOUR)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bits_stay_sixteen_with_levels_from_the_data(format: str) -> None:
    radiograph = read(saved(DEEP, format), name="film")

    assert np.array_equal(radiograph.pixels, DEEP)
    assert (radiograph.origin.mode, radiograph.origin.bits) == ("I;16", 16)
    assert (radiograph.black, radiograph.white) == (257 * 3, 257 * 233)  # 3 of 3,072 pixels lie beyond each
    assert radiograph.steps == (
        "Black (771) and white (59881) come from the data, as the file has no window that fits.",
    )


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_colour_does_not_fall_to_eight(suffix: str) -> None:
    radiograph = read(by_opencv(suffix, DEEP_COLOUR), name="film")

    assert radiograph.pixels.dtype == np.uint16
    assert np.abs(radiograph.pixels - luminance(DEEP_COLOUR)).max() < 2  # OpenCV's weights have 15 bits
    assert (radiograph.origin.mode, radiograph.origin.bits) == ("RGB;16", 16)
    assert radiograph.origin.chroma is not None
    assert radiograph.origin.chroma.max() > 0


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_colour_with_alpha_keeps_its_depth(suffix: str) -> None:
    alpha = np.full_like(DEEP, 65535)
    alpha[:12] = 0  # a quarter of the 48 rows
    grey = np.dstack([DEEP, DEEP, DEEP, alpha])

    radiograph = read(by_opencv(suffix, grey), name="film")

    assert np.array_equal(radiograph.pixels, DEEP)
    assert radiograph.origin.transparent == 0.25


def test_sixteen_bit_grey_with_alpha_keeps_its_depth() -> None:
    rows = np.dstack([DEEP, np.full_like(DEEP, 65535)]).astype(">u2")
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))

    radiograph = read(png(64, 48, depth=16, kind=4, data=packed), name="film")

    assert np.array_equal(radiograph.pixels, DEEP)
    assert radiograph.origin.mode == "LA;16"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *, data: bytes, depth: int = 8, kind: int = 0) -> bytes:
    """A PNG around packed rows, whatever its header claims."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_jpeg_is_near_and_called_lossy() -> None:
    radiograph = read(saved(GREY, "JPEG", quality=95), name="film")

    assert np.abs(radiograph.pixels.astype(int) - GREY).max() < 12
    assert radiograph.origin.lossy
    assert radiograph.origin.chroma is None
    assert read(saved(GREY, "WebP", quality=80), name="film").origin.lossy
    assert read(saved(GREY, "TIFF", compression="jpeg"), name="film").origin.lossy


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "WebP"])
def test_colour_becomes_luminance_and_says_so(format: str) -> None:
    options = {"lossless": True} if format == "WebP" else {}

    radiograph = read(saved(COLOUR, format, **options), name="film")

    assert np.abs(radiograph.pixels - luminance(COLOUR)).max() <= 1
    assert any(step.startswith("Colour removed") for step in radiograph.steps)


def test_three_equal_channels_become_one_with_an_empty_chroma_map() -> None:
    radiograph = read(saved(np.dstack([GREY] * 3), "PNG"), name="film")

    assert np.array_equal(radiograph.pixels, GREY)
    assert radiograph.steps == ("Three equal colour channels became one.",)
    assert radiograph.origin.chroma is not None
    assert not radiograph.origin.chroma.any()


def test_a_coloured_line_one_pixel_thin_stays_at_full_strength_in_the_chroma_map() -> None:
    large = np.full((1000, 2000, 3), 90, np.uint8)
    large[300:700, 1234, 1] = 250

    chroma = read(saved(large, "PNG"), name="film").origin.chroma

    assert chroma is not None
    assert chroma.shape == (125, 250)
    assert (chroma.max(), int((chroma > 0).any(axis=0).sum())) == (160, 1)
    assert chroma[:, 1234 // 8].tolist() == [0] * 37 + [160] * 51 + [0] * 37


def test_a_trace_of_colour_in_sixteen_bits_does_not_vanish() -> None:
    deep = np.dstack([DEEP] * 3)
    deep[5, 5, 0] += 3

    chroma = read(by_opencv(".png", deep), name="film").origin.chroma

    assert chroma is not None
    assert (chroma[5, 5], int((chroma > 0).sum())) == (1, 1)


@pytest.mark.parametrize(("format", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("TIFF", "RGBA"), ("WebP", "RGBA")])
def test_alpha_is_dropped_and_measured(format: str, mode: str) -> None:
    alpha = np.full_like(GREY, 255)
    alpha[:12] = 7
    channels = [GREY] * (3 if mode == "RGBA" else 1)
    options: dict[str, Any] = {"lossless": True, "exact": True} if format == "WebP" else {}

    radiograph = read(saved(np.dstack([*channels, alpha]), format, **options), name="film")

    assert np.array_equal(radiograph.pixels, GREY)
    assert radiograph.origin.transparent == 0.25
    assert "Alpha channel dropped; it made 25.0% of the pixels at least partly transparent." in radiograph.steps


def test_a_palette_is_expanded_with_its_transparency() -> None:
    palette = Image.fromarray((GREY > 100).astype(np.uint8), "L").convert("P")
    palette.putpalette([10, 10, 10, 200, 100, 50])

    radiograph = read(saved(palette, "PNG", transparency=0), name="film")

    assert set(np.unique(radiograph.pixels)) == {10, round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)}
    assert radiograph.steps[0] == "Palette expanded to its colours."
    assert radiograph.origin.transparent == pytest.approx((GREY <= 100).mean())
    assert radiograph.origin.mode == "P"


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_one_bit_becomes_black_and_white(format: str) -> None:
    radiograph = read(saved(Image.fromarray(GREY > 100), format), name="film")

    assert np.array_equal(radiograph.pixels, np.where(GREY > 100, 255, 0))
    assert (radiograph.origin.mode, radiograph.origin.bits) == ("1", 1)


def test_cmyk_is_read_from_jpeg_and_tiff() -> None:
    cmyk = Image.fromarray(np.dstack([GREY] * 3)).convert("CMYK")

    for format in ("TIFF", "JPEG"):
        radiograph = read(saved(cmyk, format), name="film")
        assert np.abs(radiograph.pixels.astype(int) - GREY).max() <= (0 if format == "TIFF" else 12)
        assert "CMYK converted to RGB." in radiograph.steps


@pytest.mark.parametrize("pixels", [GREY, DEEP], ids=["8 bit", "16 bit"])
def test_a_tiff_that_stores_white_as_zero_is_turned_over(pixels: NDArray[Any]) -> None:
    top = int(np.iinfo(pixels.dtype).max)
    plain = bytearray(tiff(pixels, {270: 0}))  # any further tag, so that both files have one
    entry = plain.index(struct.pack("<HHI", 262, 3, 1))
    struct.pack_into("<H", plain, entry + 8, 0)

    assert np.array_equal(read(bytes(plain), name="film").pixels, top - pixels)


def test_floats_that_are_whole_stay_exact_and_others_are_scaled() -> None:
    whole = read(saved(GREY.astype(np.float32), "TIFF"), name="film")
    broken = read(saved(GREY.astype(np.float32) / 255, "TIFF"), name="film")

    assert np.array_equal(whole.pixels, GREY)
    top = int(GREY.max())
    assert np.abs(broken.pixels - GREY * (65535 / top)).max() <= 1
    assert any("scaled to 16 bits" in step for step in broken.steps)


def test_negative_values_are_raised() -> None:
    radiograph = read(saved(GREY.astype(np.int32) - 20, "TIFF"), name="film")

    assert np.array_equal(radiograph.pixels, GREY)
    assert "Values raised by 20, so that none is negative." in radiograph.steps


UPRIGHT = {
    1: GREY,
    2: GREY[:, ::-1],
    3: GREY[::-1, ::-1],
    4: GREY[::-1],
    5: GREY.T,
    6: np.rot90(GREY, -1),
    7: GREY[::-1, ::-1].T,
    8: np.rot90(GREY),
}


@pytest.mark.parametrize("turn", UPRIGHT)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WebP"])
def test_exif_orientation_is_honoured(format: str, turn: int) -> None:
    exif = Image.Exif()
    exif[274] = turn
    whole = (
        tiff(GREY, {274: turn})
        if format == "TIFF"
        else saved(GREY, format, exif=exif, **({"lossless": True} if format == "WebP" else {}))
    )

    radiograph = read(whole, name="film")

    assert np.array_equal(radiograph.pixels, UPRIGHT[turn])
    assert radiograph.pixels.flags.c_contiguous
    assert any("as the EXIF tag says" in step for step in radiograph.steps) == (turn > 1)


def test_sixteen_bit_colour_tiff_is_turned_once() -> None:
    whole = bytearray(by_opencv(".tiff", np.dstack([DEEP] * 3)))
    directory = struct.unpack_from("<I", whole, 4)[0]
    count = struct.unpack_from("<H", whole, directory)[0]
    entries = [bytes(whole[directory + 2 + 12 * i : directory + 14 + 12 * i]) for i in range(count)]
    entries.append(struct.pack("<HHIHH", 274, 3, 1, 6, 0))  # OpenCV writes no orientation: a directory that has one
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    struct.pack_into("<I", whole, 4, len(whole))
    whole += struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"

    assert np.array_equal(read(bytes(whole), name="film").pixels, np.rot90(DEEP, -1))


@pytest.mark.parametrize(
    ("dpi", "spacing"),
    [
        ((72, 72), None),
        ((96, 96), None),
        ((254, 254), (0.1, 0.1)),
        ((254, 127), (0.1, 0.1)),  # resampled to square pixels
        ((2540, 2540), None),  # the film would be 20 mm long
        ((30, 30), None),  # 1.7 m
        (None, None),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_only_a_plausible_resolution_is_a_measurement(
    format: str, dpi: tuple[int, int] | None, spacing: tuple[float, float] | None
) -> None:
    large = np.zeros((1200, 2000), np.uint8)

    radiograph = read(saved(large, format, **({"dpi": dpi} if dpi else {})), name="film")

    assert radiograph.spacing == (pytest.approx(spacing, rel=1e-3) if spacing else None)
    if dpi and not spacing:
        assert "not a measurement" in radiograph.steps[-1]


def test_spacing_turns_with_the_film() -> None:
    exif = Image.Exif()
    exif[274] = 6
    large = np.zeros((1200, 2000), np.uint8)

    radiograph = read(saved(large, "PNG", dpi=(254, 127), exif=exif), name="film")

    assert radiograph.pixels.shape == (2000, 2400)  # the pixels, 0.2 mm wide after the turn, become square
    assert radiograph.spacing == pytest.approx((0.1, 0.1), rel=1e-3)


def animated(format: str) -> bytes:
    return saved(Image.fromarray(GREY), format, save_all=True, append_images=[Image.fromarray(GREY[::-1].copy())])


def nifti() -> bytes:
    return struct.pack("<i", 348) + bytes(340) + b"n+1\0" + bytes(100)


SAFETENSORS = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()

BAD = {
    "empty": (b"", "is empty \\(0 bytes\\); expected a DICOM, PNG"),
    "text": (b"Findings: clear lungs.\n", "is plain text, not a radiograph"),
    "latin text": ("Röntgen: keine Infiltrate.\n".encode("latin-1"), "plain text"),
    "html": (b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "an HTML page"),
    "json": (b'{"finding": "covid"}', "JSON text"),
    "xml": (b"<?xml version='1.0'?><a/>", "an XML document"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
    "zip": (b"PK\x03\x04" + bytes(40), "a ZIP archive"),
    "gzip": (b"\x1f\x8b\x08" + bytes(40), "a gzip archive"),
    "nifti": (nifti(), "a NIfTI volume"),
    "safetensors": (struct.pack("<Q", len(SAFETENSORS)) + SAFETENSORS + bytes(4), "a safetensors file"),
    "gif": (saved(GREY, "GIF"), "a GIF image"),
    "animated gif": (animated("GIF"), "a GIF image"),
    "encrypted": (bytes.fromhex("308204a306092a864886f70d010703a08204") + bytes(60), "an encrypted or signed file"),
    "zeros": (bytes(5000), "nothing but zero bytes"),
    "noise": (bytes(range(128, 256)) * 9, "of an unknown kind"),
    "one pixel": (saved(GREY[:1, :1].copy(), "PNG"), "only 1 × 1 pixels; a radiograph has at least 16"),
    "strip": (saved(GREY[:15].copy(), "PNG"), "only 64 × 15 pixels"),
    "png bomb": (png(40000, 40000, data=zlib.compress(bytes(1000))), "40000 × 40000 pixels \\(1,600 megapixels\\)"),
    "animated png": (animated("PNG"), "an animated PNG of 2 frames; expected a single radiograph"),
    "animated webp": (animated("WebP"), "an animated WebP of 2 frames"),
    "tiff pages": (animated("TIFF"), "a TIFF file of 2 pages"),
    "nan": (saved(np.where(GREY == 9, np.nan, GREY).astype(np.float32), "TIFF"), "pixels that are not a number"),
    "infinite": (saved(np.where(GREY == 9, np.inf, GREY).astype(np.float32), "TIFF"), "or infinite"),
    "cut png": (saved(GREY, "PNG")[:-20], "cannot be decoded.*ends early"),
    "cut 16-bit png": (by_opencv(".png", DEEP_COLOUR)[:-20], "cannot be decoded.*ends early"),
    "cut jpeg": (saved(GREY, "JPEG")[:-200], "cannot be decoded"),
    "cut webp": (saved(GREY, "WebP")[:-20], "cannot be decoded.*ends early"),
    "cut tiff": (saved(GREY, "TIFF")[:-400], "cannot be decoded"),
    "cut bmp": (saved(GREY, "BMP")[:-400], "cannot be decoded"),
    "only a signature": (b"\xff\xd8\xff", "starts like a JPEG file but cannot be decoded"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_clear_sentence(case: str) -> None:
    data, words = BAD[case]

    with pytest.raises(UnreadableFile, match=words) as refusal:
        read(data, name="scan.png")

    assert str(refusal.value).startswith("scan.png ")
    assert str(refusal.value).endswith(".")
    assert len(str(refusal.value)) < 400


def claimed(whole: bytes, places: list[tuple[int, str]]) -> bytes:
    """The file with 40,000 written over width and height, each at (offset, struct format)."""
    changed = bytearray(whole)
    for offset, layout in places:
        struct.pack_into(layout, changed, offset, 40_000)
    return bytes(changed)


def test_a_bomb_of_any_format_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    frame = saved(GREY, "JPEG").index(b"\xff\xc0") + 5
    wide = saved(GREY, "TIFF").index(struct.pack("<HHI", 256, 4, 1)) + 8
    # A VP8X header claims 2**24 a side at most; the decoder would reserve memory for it at once.
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\x3f\x9c\0" * 2
    bombs = {
        "JPEG": claimed(saved(GREY, "JPEG"), [(frame, ">H"), (frame + 2, ">H")]),
        "TIFF": claimed(saved(GREY, "TIFF"), [(wide, "<I"), (wide + 12, "<I")]),
        "BMP": claimed(saved(GREY, "BMP"), [(18, "<i"), (22, "<i")]),
        "WebP": b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas,
    }
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    for format, bomb in bombs.items():
        with pytest.raises(UnreadableFile, match=r"40000 × 40000 pixels .*not opened"):
            read(bomb, name=format)


def test_the_name_does_not_decide_what_a_file_is() -> None:
    assert read(saved(GREY, "PNG"), name="scan.dcm").origin.format == "PNG"
    assert read(saved(GREY, "JPEG"), name="no extension").origin.format == "JPEG"


def test_a_smaller_copy_beside_the_page_is_no_second_page() -> None:
    small = Image.fromarray(GREY[::2, ::2].copy())
    small.encoderinfo = {"tiffinfo": {254: 1}}
    whole = saved(Image.fromarray(GREY), "TIFF", save_all=True, append_images=[small])

    assert np.array_equal(read(whole, name="film").pixels, GREY)


def test_broken_exif_spoils_no_pixel() -> None:
    whole = saved(GREY, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")

    assert np.array_equal(read(whole, name="film").pixels, GREY)


def test_many_threads_read_what_one_reads() -> None:
    files = [saved(GREY, "PNG"), saved(COLOUR, "TIFF"), by_opencv(".png", DEEP_COLOUR), saved(GREY, "WebP")]
    expected = [read(data, name="film").key for data in files]
    wrong: list[str] = []

    def work() -> None:
        for _ in range(10):
            for data, key in zip(files, expected, strict=True):
                if read(data, name="film").key != key:
                    wrong.append(key)
                with pytest.raises(UnreadableFile):
                    read(data[: len(data) // 2], name="cut")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


SOUND = {
    "png": saved(GREY, "PNG"),
    "png palette": saved(Image.fromarray(COLOUR).convert("P"), "PNG"),
    "png 16-bit colour": by_opencv(".png", DEEP_COLOUR),
    "jpeg": saved(COLOUR, "JPEG"),
    "progressive jpeg": saved(GREY, "JPEG", progressive=True),
    "tiff": saved(DEEP, "TIFF"),
    "tiff lzw": saved(COLOUR, "TIFF", compression="tiff_lzw"),
    "tiff fax": saved(Image.fromarray(GREY > 100), "TIFF", compression="group4"),
    "tiff 16-bit colour": by_opencv(".tiff", DEEP_COLOUR),
    "tiff float": saved(GREY.astype(np.float32) / 7, "TIFF"),
    "webp": saved(COLOUR, "WebP"),
    "bmp": saved(COLOUR, "BMP"),
}


@pytest.mark.parametrize("kind", SOUND)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(kind: str) -> None:
    refused = 0
    for copy in damaged_copies(SOUND[kind], seed=len(kind)):
        try:
            assert isinstance(read(copy, name="damaged"), Radiograph)
        except UserError:
            refused += 1
    assert refused >= 6  # the cuts at least


@with_data
def test_every_original_is_read_at_full_size() -> None:
    originals = Path(str(DATA)) / "originals"
    rows = list(csv.DictReader((originals / "originals.csv").read_text().splitlines()))
    for row in rows:
        radiograph = read((originals / row["file"]).read_bytes(), name=row["file"])
        if row["width"]:  # the two DICOM rows give none
            assert radiograph.pixels.shape == (int(row["height"]), int(row["width"])), row["file"]
            assert radiograph.origin.mode == row["mode"], row["file"]
        assert radiograph.origin.format.upper() == row["format"]
    assert len(rows) == 42


@with_data
def test_the_two_original_dicom_files_are_each_others_negative() -> None:
    originals = Path(str(DATA)) / "originals"
    plain, inverted = (read((originals / file).read_bytes(), name=file) for file in ("o12.dcm", "o13.dcm"))

    assert np.array_equal(plain.pixels, 255 - inverted.pixels)  # the second only claims MONOCHROME1
    assert plain.spacing == (0.168, 0.168)
    assert plain.view == "PA"


@with_data
def test_the_training_images_are_read_as_grey_squares() -> None:
    files = sorted((Path(str(DATA)) / "images").glob("*.webp"))[::40]
    assert len(files) > 150
    for file in files:
        radiograph = read(file.read_bytes(), name=file.name)
        assert radiograph.pixels.shape == (256, 256)
        assert radiograph.origin.lossy
        assert radiograph.origin.chroma is not None
        assert radiograph.origin.chroma.max() <= 1
        assert radiograph.steps[0].startswith("Three ")
