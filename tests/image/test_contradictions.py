"""Headers that contradict their own pixels: the pixels decide, and a step reports it; correct headers are followed."""

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate, get_frame
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from core.errors import UnreadableFile
from core.image.prepare import windowed
from core.image.read import read
from tests.image.test_dicom import dicom, lut
from tests.image.test_odd_files import CHEST, grey, is_reported

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")

WINDOW: dict[str, Any] = {"WindowCenter": 2048, "WindowWidth": 4096}
CHEST8 = (CHEST >> 4).astype(np.uint8)
LOWERED = CHEST.astype(np.int32) - 2048  # as a scanner of signed values stores it


def changed(data: bytes, **elements: Any) -> bytes:
    """The file with these elements, whatever they say of its pixels."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return saved(dataset)


def saved(dataset: pydicom.Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


# The sign


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            changed(dicom(CHEST, **WINDOW), PixelRepresentation=1),
            "calls the values signed, by the pixels they are unsig",
        ),
        (
            changed(dicom(LOWERED.astype(np.int16), bits=16, WindowCenter=0, WindowWidth=4096), PixelRepresentation=0),
            "calls the values unsigned, by the pixels they are signed",
        ),
    ],
)
def test_a_wrong_sign_is_settled_by_the_pixels(data: bytes, words: str) -> None:
    film = read(data, name="film")

    assert np.abs(grey(film) - CHEST / 4095).max() < 0.001
    assert is_reported(film, words)


@pytest.mark.parametrize("extended", [True, False])
def test_a_right_sign_is_followed(extended: bool) -> None:
    """Some writers fill the bits above the value with its sign, some leave them empty."""
    cells = LOWERED.astype(np.int16).view(np.uint16)
    cells = cells if extended else (cells & 0x0FFF).astype(np.uint16)

    film = read(
        changed(
            dicom(cells, bits=16), PixelRepresentation=1, BitsStored=12, HighBit=11, WindowCenter=0, WindowWidth=4096
        ),
        name="film",
    )

    assert np.abs(grey(film) - CHEST / 4095).max() < 0.001
    assert not is_reported(film, "by the pixels they are")


def test_white_letters_at_the_top_of_sixteen_bits_are_no_negative_values() -> None:
    lettered = CHEST.copy()
    lettered[5:30, 5:100:7] = 65535

    film = read(dicom(lettered, bits=16, **WINDOW), name="film")

    assert np.array_equal(film.pixels, lettered)


# The bits allocated


@pytest.mark.parametrize(("stored", "words"), [(12, "8 bits per pixel, the data hold 16"), (8, "the data hold 16")])
def test_more_bits_in_the_data_than_the_header_says_are_read(stored: int, words: str) -> None:
    film = read(changed(dicom(CHEST), BitsAllocated=8, BitsStored=stored, HighBit=stored - 1, **WINDOW), name="film")

    assert np.array_equal(film.pixels, CHEST)
    assert is_reported(film, words)


def test_fewer_bits_in_the_data_than_the_header_says_are_read() -> None:
    film = read(changed(dicom(CHEST8, bits=8), BitsAllocated=16), name="film")

    assert np.array_equal(film.pixels, CHEST8)
    assert is_reported(film, "The header says 16 bits per pixel, the data hold 8")


def test_a_film_of_8_bits_with_something_behind_it_stays_one() -> None:
    film = read(changed(dicom(CHEST8, bits=8), PixelData=CHEST8.tobytes() * 2), name="film")

    assert np.array_equal(film.pixels, CHEST8)


# The order of the colour channels


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("right", [True, False])
def test_how_colour_channels_lie_is_settled_by_the_pixels(planar: int, right: bool) -> None:
    tinted = np.stack([CHEST8, CHEST8, CHEST8 // 2], 2)
    cells = np.moveaxis(tinted, 2, 0) if planar else tinted
    data = changed(
        dicom(tinted, bits=8, photometric="RGB"),
        PixelData=cells.tobytes(),
        PlanarConfiguration=planar if right else 1 - planar,
    )

    film = read(data, name="film")

    wanted = tinted @ np.array([0.299, 0.587, 0.114])
    assert np.abs(film.pixels - wanted).max() <= 1
    assert is_reported(film, "contradicts the data on how the colour channels lie") is not right


# The transfer syntax


def labelled(pixels: NDArray[Any], data: bytes, *, fragments: bool, syntax: UID, **elements: Any) -> bytes:
    """A file with this pixel data under that syntax, whatever the data are."""
    dataset = pydicom.dcmread(io.BytesIO(dicom(pixels, bits=12 if pixels.dtype == np.uint16 else 8, **elements)))
    dataset.PixelData = data
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = fragments
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless if fragments else ExplicitVRLittleEndian
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    result = str(dataset.file_meta.TransferSyntaxUID).encode()
    wanted = str(syntax).encode().ljust(len(result), b"\0")
    assert len(wanted) - len(result) in (0, 2, 3)
    whole = file.getvalue()
    place = whole.index(result)
    long = len(result) + len(result) % 2
    wanted = wanted + b"\0" * (len(wanted) % 2)
    more = len(wanted) - long
    meta = int.from_bytes(whole[140:144], "little") + more
    return (
        whole[:140]
        + meta.to_bytes(4, "little")
        + whole[144 : place - 2]
        + len(wanted).to_bytes(2, "little")
        + wanted
        + whole[place + long :]
    )


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(CHEST8).save(file, "JPEG", quality=98)
    return file.getvalue()


def frame_of(syntax: UID) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom(CHEST, syntax=syntax)))
    frame: bytes = get_frame(dataset.PixelData, 0, number_of_frames=1)
    return frame


@pytest.mark.parametrize(
    ("pixels", "data", "fragments", "syntax", "words"),
    [
        (CHEST8, CHEST8.tobytes(), False, JPEGBaseline8Bit, "JPEG Baseline (Process 1), they are uncompressed"),
        (CHEST, CHEST.tobytes(), False, JPEG2000Lossless, "they are uncompressed: read as that."),
        (CHEST8, encapsulate([jpeg()]), True, ExplicitVRLittleEndian, "uncompressed, they are JPEG Extended"),
        (CHEST8, jpeg(), False, ExplicitVRLittleEndian, "uncompressed, they are JPEG Extended"),
        (CHEST, encapsulate([frame_of(JPEG2000Lossless)]), True, JPEGBaseline8Bit, "they are JPEG 2000"),
        (CHEST, encapsulate([frame_of(RLELossless)]), True, ExplicitVRLittleEndian, "they are RLE Lossless"),
    ],
    ids=["plain 8", "plain 16", "JPEG in fragments", "bare JPEG", "JPEG 2000", "run lengths"],
)
def test_pixels_of_another_encoding_than_the_file_says_are_read(
    pixels: NDArray[Any], data: bytes, fragments: bool, syntax: UID, words: str
) -> None:
    film = read(labelled(pixels, data, fragments=fragments, syntax=syntax, **WINDOW), name="film")

    assert np.corrcoef(film.pixels.ravel(), pixels.ravel())[0, 1] > 0.999
    assert is_reported(film, words)


def test_an_encoding_that_nobody_knows_is_refused_by_its_name() -> None:
    data = labelled(CHEST, CHEST.tobytes(), fragments=False, syntax=UID("1.2.840.113619.5.2"))

    with pytest.raises(UnreadableFile, match=r"encoded as 1\.2\.840\.113619\.5\.2, which cannot be decoded here"):
        read(data, name="film")


# Shape, frames and size


@pytest.mark.parametrize("deep", [True, False])
def test_rows_and_columns_in_each_others_place_are_settled_by_the_pixels(deep: bool) -> None:
    cut = np.ascontiguousarray((CHEST if deep else CHEST8)[:, :200])
    data = dicom(cut, bits=12 if deep else 8)

    swapped = read(changed(data, Rows=200, Columns=256), name="film")

    assert np.array_equal(swapped.pixels, cut)
    assert is_reported(swapped, "The header says 200 rows of 256 pixels, the data hold 256 of 200")
    assert not is_reported(read(data, name="film"), "rows of")


def test_a_number_of_frames_of_which_there_is_one_is_reported() -> None:
    film = read(changed(dicom(CHEST), NumberOfFrames=3), name="film")

    assert np.array_equal(film.pixels, CHEST)
    assert is_reported(film, "The header says 3 frames, the data hold one.")


@pytest.mark.parametrize("value", [b"0,4\\0,4 ", b"0\\0 ", b"400\\400 ", b"0.4 ", b"wide\\high"])
def test_a_pixel_size_that_cannot_be_is_reported(value: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(CHEST)))
    dataset[0x00280030] = RawDataElement(Tag(0x00280030), "DS", len(value), value, 0, False, True)

    film = read(saved(dataset), name="film")

    assert film.spacing is None
    assert is_reported(film, "The file's PixelSpacing is not a possible pixel size")


# Lookup tables and overlays


def test_a_lut_of_another_depth_gives_way_to_the_window() -> None:
    film = read(dicom(CHEST, VOILUTSequence=lut(list(range(256)), bits=8), **WINDOW), name="film")

    assert np.abs(grey(film) - CHEST / 4095).max() < 0.001
    assert is_reported(film, "VOI LUT does not fit: ")
    assert [window.name for window in film.windows] == ["VOI LUT"]


def test_a_lut_of_another_depth_alone_leaves_the_levels_to_the_data() -> None:
    film = read(dicom(CHEST, VOILUTSequence=lut(list(range(256)), bits=8)), name="film")

    assert np.corrcoef(grey(film).ravel(), CHEST.ravel())[0, 1] > 0.99
    other = film.windows[0].curve
    assert other is not None
    assert np.array_equal(other[film.pixels], np.minimum(CHEST, 255))


def test_a_modality_lut_of_another_depth_is_left_out_and_reported() -> None:
    film = read(dicom(CHEST, ModalityLUTSequence=lut(list(range(256)), bits=8), **WINDOW), name="film")

    assert np.abs(grey(film) - CHEST / 4095).max() < 0.001
    assert is_reported(film, "Modality LUT left out: ")


def test_an_overlay_in_an_unused_bit_can_be_shown() -> None:
    drawn = np.zeros(CHEST.shape, bool)
    drawn[40:60, 30:200] = True
    dataset = pydicom.dcmread(io.BytesIO(dicom((CHEST | (drawn.astype(np.uint16) << 13)).astype(np.uint16), bits=16)))
    dataset.BitsStored, dataset.HighBit = 12, 11
    for element, vr, value in (
        (0x10, "US", 256),
        (0x11, "US", 256),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 16),
        (0x102, "US", 13),
    ):
        dataset.add_new((0x6000, element), vr, value)

    film = read(saved(dataset), name="film")

    assert np.array_equal(film.pixels, CHEST)
    assert len(film.planes) == 1
    assert np.array_equal(film.planes[0].shape, drawn)
    assert windowed(film.pixels, film.black, film.white).max() > 0
