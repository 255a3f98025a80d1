"""Files that bend their format, each made here: read as they must be meant, with a sentence, or refused in one."""

import io
import struct
import zipfile
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import JPEG2000Lossless

from core.errors import SeveralFrames, UnreadableFile
from core.image import phantom
from core.image.prepare import windowed
from core.image.read import read
from core.types import Radiograph
from tests.image.test_dicom import dicom, lut, ramp

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")

CHEST: NDArray[np.uint16] = np.array(
    phantom.draw(seed=3, height=256, width=256).radiograph.pixels, np.uint16
)  # 12 bits, bone bright


def grey(radiograph: Radiograph) -> NDArray[np.float32]:
    return windowed(radiograph.pixels, radiograph.black, radiograph.white)


def closeness(radiograph: Radiograph, wanted: NDArray[Any] = CHEST) -> float:
    """Correlation of what is shown with the greys that the file means."""
    return float(np.corrcoef(grey(radiograph).ravel(), wanted.ravel())[0, 1])


def is_reported(radiograph: Radiograph, words: str) -> bool:
    return any(words in step for step in radiograph.steps)


# Colour and grey under each other's label


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_colour_under_a_grey_header_is_read_as_colour_and_reported(photometric: str) -> None:
    colour = np.repeat((CHEST >> 4).astype(np.uint8)[:, :, None], 3, 2)

    film = read(dicom(colour, bits=8, photometric="RGB", PhotometricInterpretation=photometric), name="copy")

    assert np.array_equal(film.pixels, CHEST >> 4)
    assert is_reported(film, f"The header says {photometric} with 3 samples per pixel, the data hold 3: read as RGB.")


def test_grey_under_a_colour_label_is_read_as_grey_and_reported() -> None:
    film = read(dicom((CHEST >> 4).astype(np.uint8), bits=8, PhotometricInterpretation="RGB"), name="grey")

    assert np.array_equal(film.pixels, CHEST >> 4)
    assert is_reported(film, "the data hold 1: read as MONOCHROME2.")


def test_colour_that_is_called_signed_is_read_as_unsigned() -> None:
    colour = np.repeat((CHEST >> 4).astype(np.uint8)[:, :, None], 3, 2)

    film = read(dicom(colour, bits=8, photometric="RGB", PixelRepresentation=1), name="signed")

    assert np.array_equal(film.pixels, CHEST >> 4)
    assert is_reported(film, "calls colour samples signed")


@pytest.mark.parametrize(
    ("elements", "without", "words"),
    [
        ({}, ("PhotometricInterpretation",), "does not say what its greys mean"),
        ({}, ("SamplesPerPixel",), "does not say how many samples"),
        ({}, ("BitsStored",), "does not say how many bits are stored"),
        ({}, ("BitsAllocated",), "does not say how many bits a pixel takes"),
        ({}, ("PixelRepresentation",), "does not say whether its values are signed"),
        ({"PhotometricInterpretation": ""}, (), "does not say what its greys mean"),
    ],
)
def test_what_a_header_leaves_out_is_read_as_what_it_must_be(
    elements: dict[str, Any], without: tuple[str, ...], words: str
) -> None:
    film = read(dicom(CHEST, without=without, **elements), name="gap")

    assert np.array_equal(film.pixels, CHEST)
    assert is_reported(film, words)


def test_a_label_in_small_letters_is_read() -> None:
    with pydicom.config.disable_value_validation():
        whole = dicom(CHEST, PhotometricInterpretation="monochrome2")

    assert np.array_equal(read(whole, name="small").pixels, CHEST)


# Bits


def test_values_in_the_upper_bits_are_used_from_there() -> None:
    film = read(dicom((CHEST << 4).astype(np.uint16), bits=16, BitsStored=12, HighBit=15), name="high")

    assert np.array_equal(film.pixels, CHEST)
    assert is_reported(film, "Values read from bits 4 to 15")


def test_a_high_bit_that_the_pixels_contradict_is_reported_and_left() -> None:
    film = read(dicom(CHEST, HighBit=15), name="low")

    assert np.array_equal(film.pixels, CHEST)
    assert is_reported(film, "they lie in the lower 12")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_drawing_above_the_stored_bits_is_masked(compressed: bool) -> None:
    drawn = CHEST.copy()
    drawn[40:60, 40:200] |= 1 << 12
    drawn[::31, :] |= 1 << 12
    whole = dicom(drawn, bits=16, syntax=JPEG2000Lossless) if compressed else dicom(drawn, bits=16)
    dataset = pydicom.dcmread(io.BytesIO(whole))
    dataset.BitsStored, dataset.HighBit = 12, 11
    file = io.BytesIO()
    dataset.save_as(file)

    film = read(file.getvalue(), name="overlay")

    assert np.array_equal(film.pixels, CHEST)
    assert is_reported(film, "Bits above the 12 of the values left out")


def test_more_bits_than_the_header_says_stay_and_are_reported() -> None:
    film = read(dicom(CHEST, bits=16, BitsStored=10, HighBit=9), name="deep")

    assert np.array_equal(film.pixels, CHEST)
    assert is_reported(film, "The header says 10 bits, the pixels use 12")


def test_a_largest_value_below_the_pixels_is_reported() -> None:
    film = read(dicom(CHEST, LargestImagePixelValue=255), name="largest")

    assert is_reported(film, f"largest pixel value is 255; the pixels reach {CHEST.max()}")


# Lookup tables and windows


def test_a_lut_that_claims_more_bits_than_it_holds_is_scaled_by_what_it_holds() -> None:
    sequence = lut(list(range(4096)), bits=16)

    film = read(dicom(CHEST, VOILUTSequence=sequence, WindowCenter=2048, WindowWidth=4096), name="lut")

    assert np.abs(grey(film) - CHEST / 4095).max() < 0.001
    assert is_reported(film, "claims 16 bits, its entries end at 4095: read as 12 bits")
    assert [window.name for window in film.windows][:1] == ["Window (centre 2048, width 4096)"]


def test_a_flat_lut_gives_way_to_the_window() -> None:
    sequence = lut([65535] * 4096, bits=16)

    film = read(dicom(CHEST, VOILUTSequence=sequence, WindowCenter=2048, WindowWidth=4096), name="flat")

    assert np.abs(grey(film) - CHEST / 4095).max() < 0.001
    assert is_reported(film, "left out, as it makes all pixels equal")


def test_a_first_mapped_value_is_unsigned_where_the_pixels_are() -> None:
    high = (CHEST + 40000).astype(np.uint16)
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [4096, 40000 - 65536, 12])
    item.add_new("LUTData", "US", list(range(4096)))

    film = read(dicom(high, bits=16, VOILUTSequence=pydicom.Sequence([item])), name="first")

    assert np.array_equal(film.pixels, CHEST)


def raw_window(centre: bytes, width: bytes) -> bytes:
    """A file whose window is these bytes, whatever they are."""
    dataset = pydicom.dcmread(io.BytesIO(dicom(CHEST)))
    for tag, value in ((0x00281050, centre), (0x00281051, width)):
        dataset[tag] = RawDataElement(Tag(tag), "DS", len(value), value, 0, False, True)
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("centre", "width"), [(b"2048,0", b"4096,0"), (b"nan ", b"nan "), (b"2048", b""), (b"1e999 ", b"4096")]
)
def test_a_window_that_cannot_be_read_is_reported_as_such(centre: bytes, width: bytes) -> None:
    film = read(raw_window(centre, width), name="window")

    assert closeness(film) > 0.99
    assert is_reported(film, "cannot be read: its centre or width is not a number")


@pytest.mark.parametrize(("centre", "width"), [(b"2048\\ ", b"4096\\ "), (b"2048,0\\2048", b"4096,0\\4096 ")])
def test_the_next_good_window_is_used(centre: bytes, width: bytes) -> None:
    film = read(raw_window(centre, width), name="window")

    assert (film.black, film.white) == (0, 4095)
    assert is_reported(film, "cannot be read")
    assert is_reported(film, "(centre 2048, width 4096) sets black and white")


def test_a_window_of_another_depth_is_reported() -> None:
    film = read(dicom(CHEST, WindowCenter=128, WindowWidth=256), name="window")

    assert is_reported(film, "The window does not fit")


@pytest.mark.parametrize("inverse", [True, False])
def test_a_presentation_shape_that_contradicts_is_settled_by_the_pixels(inverse: bool) -> None:
    stored = (4095 - CHEST).astype(np.uint16) if inverse else CHEST

    film = read(dicom(stored, PresentationLUTShape="INVERSE"), name="shape")

    assert closeness(film) > 0.99
    assert is_reported(film, f"by its pixels bone is {'dark' if inverse else 'bright'}")


# Geometry


@pytest.mark.parametrize("elements", [{"PixelSpacing": [2.4, 1.2]}, {"PixelAspectRatio": [2, 1]}])
def test_pixels_that_are_not_square_become_square(elements: dict[str, Any]) -> None:
    film = read(dicom(np.ascontiguousarray(CHEST[::2]), **elements), name="tall")

    assert film.pixels.shape == (256, 256)
    assert film.spacing == ((1.2, 1.2) if "PixelSpacing" in elements else None)
    assert is_reported(film, "Pixels are 2 times as high as wide")
    assert closeness(film) > 0.99


def test_wide_pixels_become_square_too() -> None:
    assert read(dicom(np.ascontiguousarray(CHEST[:, ::2]), PixelAspectRatio=[1, 2]), name="wide").pixels.shape == (
        256,
        256,
    )


@pytest.mark.parametrize(
    ("elements", "at_detector"),
    [
        ({"PixelSpacing": [1.2, 1.2], "ImagerPixelSpacing": [1.2, 1.2]}, True),
        ({"ImagerPixelSpacing": [1.2, 1.2]}, True),
        ({"PixelSpacing": [1.1, 1.1], "ImagerPixelSpacing": [1.2, 1.2]}, False),
        (
            {
                "PixelSpacing": [1.2, 1.2],
                "ImagerPixelSpacing": [1.2, 1.2],
                "PixelSpacingCalibrationType": "GEOMETRY",
            },
            False,
        ),
    ],
)
def test_lengths_are_at_the_detector_where_nothing_calibrated_them(elements: dict[str, Any], at_detector: bool) -> None:
    film = read(dicom(CHEST, **elements), name="film")

    assert film.spacing is not None
    assert film.at_detector is at_detector
    assert is_reported(film, "at the detector") is at_detector


def test_a_film_at_600_dots_per_inch_is_read() -> None:
    film = read(dicom(np.zeros((10200, 8400), np.uint8), bits=8), name="digitised")

    assert film.pixels.shape == (10200, 8400)


def test_the_bound_on_the_size_follows_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.image.grey.most_pixels", lambda _: 60_000)

    with pytest.raises(UnreadableFile, match="than the 0 megapixels that this machine has memory for"):
        read(dicom(CHEST), name="large")


# Sentences


def test_the_index_of_a_disc_says_what_to_add() -> None:
    whole = dicom(CHEST, SOPClassUID="1.2.840.10008.1.3.10", without=("PixelData", "Rows", "Columns", "Modality"))

    with pytest.raises(UnreadableFile, match=r"the index of a disc .* add the files beside it, or the whole folder"):
        read(whole, name="DICOMDIR")


def test_a_file_without_an_image_is_not_called_cut_short() -> None:
    dataset = Dataset()
    dataset.PatientName = "Nobody"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.UID("1.2.3")
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("1.2.3")
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)

    with pytest.raises(UnreadableFile, match="holds no image: it has no rows and columns"):
        read(file.getvalue(), name="report.dcm")


def test_float_pixels_are_reported_as_such() -> None:
    values = (CHEST / 4095).astype("<f4").tobytes()
    whole = dicom(
        CHEST,
        without=("PixelData", "BitsStored", "HighBit", "PixelRepresentation"),
        BitsAllocated=32,
        FloatPixelData=values,
        Modality="OT",
    )

    with pytest.raises(UnreadableFile, match="floating-point pixels; expected the 8 to 16 bits"):
        read(whole, name="map.dcm")


def jpeg(frame: bytes) -> bytes:
    """A DX file around a JPEG stream of CHEST's size."""
    dataset = pydicom.dcmread(io.BytesIO(dicom((CHEST >> 4).astype(np.uint8), bits=8)))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def stream() -> bytes:
    file = io.BytesIO()
    Image.fromarray((CHEST >> 4).astype(np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_a_scan_header_that_is_not_sequential_is_read_as_one() -> None:
    frame = bytearray(stream())
    scan = frame.index(b"\xff\xda")
    end = scan + 2 + int.from_bytes(frame[scan + 2 : scan + 4], "big")
    frame[end - 3 : end] = b"\0\0\0"

    film = read(jpeg(bytes(frame)), name="odd")

    assert closeness(film) > 0.99
    assert is_reported(film, "not that of a sequential scan")


def test_bytes_after_the_end_of_a_stream_are_accepted() -> None:
    assert closeness(read(jpeg(stream() + b"\0" * 3000), name="long")) > 0.99


def test_a_jpeg_2000_file_within_whose_boxes_lead_nowhere_is_refused() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(CHEST, syntax=JPEG2000Lossless)))
    for frame in (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(200), b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(200) + b"\xff\xd9"):
        dataset.PixelData = encapsulate([frame])
        file = io.BytesIO()
        dataset.save_as(file)

        with pytest.raises(UnreadableFile, match="cannot be decoded"):
            read(file.getvalue(), name="boxes")


def test_several_frames_are_refused_until_one_is_named() -> None:
    frames = np.stack([CHEST, CHEST[::-1], CHEST.T])
    whole = dicom(CHEST, PixelData=frames.tobytes(), NumberOfFrames=3)

    with pytest.raises(SeveralFrames, match="a DICOM file of 3 frames") as refusal:
        read(whole, name="loop")
    assert refusal.value.frames == 3
    with pytest.raises(UnreadableFile, match="has no frame 4; it has 3"):
        read(whole, name="loop", frame=4)
    second = read(whole, name="loop", frame=2)
    assert np.array_equal(second.pixels, CHEST[::-1])
    assert is_reported(second, "Frame 2 of 3.")


def test_a_page_of_a_tiff_can_be_named() -> None:
    file = io.BytesIO()
    pages = [Image.fromarray(each) for each in (CHEST.astype(np.uint8), CHEST[::-1].astype(np.uint8))]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])

    film = read(file.getvalue(), name="pages", frame=2)

    assert np.array_equal(film.pixels, CHEST[::-1].astype(np.uint8))
    assert is_reported(film, "Page 2 of 2.")


# Pictures


def tiff(pixels: NDArray[Any], **how: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **how)
    return file.getvalue()


def test_deep_colour_in_planes_is_not_scrambled() -> None:
    deep = (CHEST.astype(np.uint32) * 16).astype(np.uint16)

    film = read(tiff(np.stack([deep] * 3), photometric="rgb", planarconfig="separate"), name="planes")

    assert np.array_equal(film.pixels, deep)


@pytest.mark.parametrize(
    ("pixels", "wanted"),
    [
        (CHEST.astype(np.uint32) + 2**31, CHEST),  # beyond a signed integer
        ((CHEST.astype(np.int64) - 2**31).astype(np.int32), CHEST),
        (((CHEST >> 4).astype(np.int16) - 128).astype(np.int8), CHEST >> 4),
        ((CHEST / 4095).astype(np.float32), CHEST),
    ],
    ids=["unsigned 32", "signed 32", "signed 8", "float"],
)
def test_tiffs_of_uncommon_numbers_are_read_right(pixels: NDArray[Any], wanted: NDArray[Any]) -> None:
    assert closeness(read(tiff(pixels), name="numbers"), wanted) > 0.99


DEEP = CHEST * np.uint16(16)
OPAQUE = np.full_like(DEEP, 65535)


@pytest.mark.parametrize(
    ("pixels", "how", "words"),
    [
        ((CHEST / 4095).astype(np.float16), {}, "scaled to 16 bits"),
        (CHEST / 4095, {}, "scaled to 16 bits"),
        (CHEST.astype(np.uint64), {}, ""),
        (CHEST.astype(np.int64) - 2048, {}, "so that none is negative"),
        (
            np.repeat((CHEST / 4095).astype(np.float32)[..., None], 3, 2),
            {"photometric": "rgb"},
            "equal colour channels",
        ),
        (np.repeat(CHEST.astype(np.uint32)[..., None], 3, 2), {"photometric": "rgb"}, "equal colour channels"),
        (
            np.repeat((CHEST / 4095)[None], 3, 0),
            {"photometric": "rgb", "planarconfig": "separate"},
            "equal colour channels",
        ),
        (
            np.stack([DEEP, OPAQUE], 2),
            {"photometric": "minisblack", "extrasamples": ["unassalpha"], "planarconfig": "contig"},
            "Alpha channel dropped",
        ),
        ((CHEST.max() - CHEST).astype(np.float64), {"photometric": "miniswhite"}, "stores white as 0"),
        (np.stack([CHEST, CHEST[::-1]]).astype(np.float64), {"photometric": "minisblack"}, "Page 1 of 2."),
    ],
    ids=["half", "double", "64", "signed 64", "float RGB", "RGB 32", "planes", "grey and alpha", "white 0", "pages"],
)
def test_layouts_of_tiff_that_pillow_does_not_know_are_read_right(
    pixels: NDArray[Any], how: dict[str, Any], words: str
) -> None:
    film = read(tiff(pixels, **how), name="uncommon", frame=1 if "Page" in words else None)

    assert closeness(film) > 0.999
    assert not words or is_reported(film, words)


def test_an_uncommon_tiff_with_holes_is_refused() -> None:
    holed = CHEST / 4095
    holed[3, 4] = np.nan

    with pytest.raises(UnreadableFile, match="1 pixels that are not a number"):
        read(tiff(holed), name="holed")


def test_an_uncommon_tiff_that_claims_too_much_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.image.grey.most_pixels", lambda _: 60_000)
    monkeypatch.setattr("tifffile.TiffPage.asarray", lambda _: pytest.fail("was decoded"))

    with pytest.raises(UnreadableFile, match="and was not opened"):
        read(tiff(CHEST / 4095), name="large")


@pytest.mark.parametrize(("format", "least"), [("JPEG2000", 1.0), ("AVIF", 0.99)])
def test_other_pictures_are_read_where_pillow_can(format: str, least: float) -> None:
    file = io.BytesIO()
    Image.fromarray((CHEST >> 4).astype(np.uint8)).save(file, format)

    film = read(file.getvalue(), name="picture")

    assert closeness(film, CHEST >> 4) >= least - 1e-6
    assert film.origin.format == ("AVIF" if format == "AVIF" else "JPEG 2000")


def test_deep_jpeg_2000_keeps_its_depth() -> None:
    coded, whole = cv2.imencode(".jp2", (CHEST * 16).astype(np.uint16), [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    assert coded

    film = read(whole.tobytes(), name="deep")

    assert film.origin.bits == 16
    assert len(np.unique(film.pixels)) > 1000


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as inside:
        for name in names:
            inside.writestr(name, b"x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a JPEG XL image"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "a HEIC photo"),
        (struct.pack("<i", 348) + bytes(340) + b"n+1\0" + bytes(100), "a NIfTI volume"),
        (b"NRRD0004\ntype: short\n", "an NRRD volume"),
        (b"ObjectType = Image\nNDims = 3\nElementDataFile = LOCAL\n\x00\x01", "a MetaImage volume"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0" + bytes(40), "an ONNX network"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "a TensorFlow Lite network"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file .Keras"),
        (archive("metadata.json", "config.json", "model.weights.h5"), "a Keras network"),
        (archive("model/data.pkl", "model/data/0"), "a PyTorch checkpoint"),
        (archive("[Content_Types].xml"), "an Office document"),
        (archive("film.dcm"), "a ZIP archive"),
    ],
)
def test_what_is_no_film_is_refused_by_name_with_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=f"scan is {words}.*; expected DICOM, PNG") as refusal:
        read(data, name="scan")
    assert str(refusal.value).endswith(".")
    assert (
        "onvert" in str(refusal.value)
        or "Save" in str(refusal.value)
        or "Export" in str(refusal.value)
        or "Add" in str(refusal.value)
    )


# The boundary


@pytest.mark.parametrize(
    "step",
    [
        "core.image.dicom_content.dcmread",
        "core.image.dicom.pixel_array",
        "core.image.dicom.film",
        "core.image.dicom.grey_of",
        "core.image.header.meaningful",
        "core.image.voi._unsigned",
        "core.image.voi._windows",
        "core.image.dicom.square",
        "core.image.dicom.Radiograph",
        "core.image.picture._values",
        "core.image.picture._spacing",
        "core.image.picture.Radiograph",
        "core.image.read.format_of",
    ],
)
@pytest.mark.parametrize(
    "error", [KeyError("x"), cv2.error("bad"), MemoryError(), ZeroDivisionError(), BaseException()]
)
def test_whatever_reading_raises_is_that_files_sentence(
    step: str, error: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    colour = np.repeat((CHEST >> 4).astype(np.uint8)[:, :, None], 3, 2)
    picture = io.BytesIO()
    Image.fromarray(colour).save(picture, "PNG")
    films = [dicom(CHEST), dicom(colour, bits=8, photometric="RGB"), picture.getvalue()]
    monkeypatch.setattr(step, fail)
    refused = []
    for film in films:
        try:
            read(film, name="scan")
        except UnreadableFile as refusal:
            refused.append(str(refusal))
    assert refused
    assert all(sentence.startswith("scan ") and sentence.endswith(".") for sentence in refused)


def test_the_traceback_goes_to_the_log_with_the_digest_of_the_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr("core.image.read.read_dicom", fail)
    with pytest.raises(UnreadableFile, match="it is of an unknown kind"):
        read(dicom(ramp()), name="Nobody.dcm")

    assert "inside" in caplog.text
    assert "Traceback" in caplog.text
    assert "Nobody" not in caplog.text


def test_a_person_who_stops_the_program_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("core.image.read.read_dicom", stop)
    with pytest.raises(KeyboardInterrupt):
        read(dicom(ramp()), name="scan")
