"""DICOM: every encoding, every way to say what the grey values mean, every refusal."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data.data_manager import DATA_ROOT
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.utils import set_pixel_data
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from core.errors import UnreadableFile, UserError
from core.image.read import read
from core.types import Radiograph

# As in core/image/dicom.py, whose own filter pytest replaces while a test runs.
pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")

BUNDLED = Path(DATA_ROOT) / "test_files"  # comes with the package, no download


def ramp(*, bits: int = 12, signed: bool = False, side: int = 64) -> NDArray[Any]:
    """(side, side) from the lowest to the highest value of the depth."""
    low = -(2 ** (bits - 1)) if signed else 0
    kind = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    return np.linspace(low, low + 2**bits - 1, side * side).round().astype(kind).reshape(side, side)


def dicom(
    pixels: NDArray[Any],
    *,
    bits: int = 12,
    syntax: UID = ExplicitVRLittleEndian,
    photometric: str = "MONOCHROME2",
    preamble: bool = True,
    meta: bool = True,
    without: tuple[str, ...] = (),
    **elements: Any,
) -> bytes:
    """A DX file around the pixels; `elements` are set last, `without` are deleted."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Modality = "DX"
    dataset.PatientName = "Nobody"
    set_pixel_data(dataset, pixels, photometric, bits)
    if syntax.is_encapsulated:
        dataset.compress(syntax, generate_instance_uid=False)
    elif not syntax.is_little_endian and pixels.dtype.itemsize == 2:
        dataset.PixelData = pixels.byteswap().tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    for keyword in without:
        del dataset[keyword]
    whole = io.BytesIO()
    if meta:
        dcmwrite(whole, dataset, enforce_file_format=preamble)
        return whole.getvalue()
    del dataset.file_meta
    dcmwrite(whole, dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return whole.getvalue()


def lut(table: list[int], *, first: int = 0, bits: int = 8) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(table), first, bits])
    item.add_new("LUTData", "US", table)
    return Sequence([item])


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
    ids=lambda syntax: syntax.keyword,
)
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (10, False), (12, True), (16, False), (16, True)])
def test_lossless_pixels_come_back_exactly(syntax: UID, bits: int, signed: bool) -> None:
    stored = ramp(bits=bits, signed=signed)

    radiograph = read(dicom(stored, bits=bits, syntax=syntax), name="film")

    shift = 2 ** (bits - 1) if signed else 0
    assert np.array_equal(radiograph.pixels, stored.astype(int) + shift)
    assert radiograph.pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert (radiograph.origin.format, radiograph.origin.mode, radiograph.origin.bits) == ("DICOM", "MONOCHROME2", bits)
    assert not radiograph.origin.lossy
    assert any("Signed values raised" in step for step in radiograph.steps) == signed


def bundled(file: str) -> bytes:
    """A file that pydicom ships, made to claim that it is a radiograph."""
    dataset = dcmread(BUNDLED / file)
    dataset.Modality = "CR"
    whole = io.BytesIO()
    dataset.save_as(whole)
    return whole.getvalue()


@pytest.mark.parametrize(
    ("file", "same_as"),
    [
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
    ],
)
def test_other_encoders_files_equal_their_uncompressed_twin(file: str, same_as: str) -> None:
    assert read(bundled(file), name=file).key == read(bundled(same_as), name=same_as).key


@pytest.mark.parametrize(
    ("file", "shape"),
    [("JPGExtended.dcm", (1024, 256)), ("JPEG2000.dcm", (1024, 256)), ("SC_rgb_jpeg_dcmtk.dcm", (100, 100))],
)
def test_lossy_files_are_read_and_called_lossy(file: str, shape: tuple[int, int]) -> None:
    radiograph = read(bundled(file), name=file)

    assert radiograph.pixels.shape == shape
    assert radiograph.origin.lossy


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_without_preamble_and_header_is_still_dicom(syntax: UID) -> None:
    assert np.array_equal(read(dicom(ramp(), syntax=syntax, meta=False), name="bare").pixels, ramp())


def test_a_preamble_that_looks_like_a_tiff_does_not_mislead() -> None:
    whole = dicom(ramp())

    assert read(b"II*\0" + whole[4:], name="dual").origin.format == "DICOM"


def test_without_a_window_the_levels_come_from_the_data_and_a_step_says_so() -> None:
    radiograph = read(dicom(ramp()), name="film")

    assert (radiograph.black, radiograph.white) == (4, 4091)  # 0.1 % of 4,096 values at each end
    assert radiograph.steps == ("Black (4) and white (4091) come from the data, as the file has no window that fits.",)


@pytest.mark.parametrize(
    ("elements", "black", "white"),
    [
        ({"WindowCenter": 2048, "WindowWidth": 1001}, 1547.5, 2547.5),
        ({"WindowCenter": 2048, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}, 1548, 2548),
        ({"WindowCenter": [2048, 9], "WindowWidth": [1001, 5]}, 1547.5, 2547.5),
        # Unit values are 2 * stored - 1000, so the window 0 to 1,000 is 500 to 1,000 stored.
        (
            {
                "WindowCenter": 500,
                "WindowWidth": 1000,
                "VOILUTFunction": "LINEAR_EXACT",
                "RescaleSlope": 2,
                "RescaleIntercept": -1000,
            },
            500,
            1000,
        ),
    ],
)
def test_a_linear_window_sets_the_levels_and_leaves_the_pixels(
    elements: dict[str, Any], black: float, white: float
) -> None:
    radiograph = read(dicom(ramp(), **elements), name="film")

    assert np.array_equal(radiograph.pixels, ramp())
    assert (radiograph.black, radiograph.white) == (black, white)
    assert any("indow" in step for step in radiograph.steps)


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": 2048, "WindowWidth": 0},
        {"WindowCenter": 90000, "WindowWidth": 10},
        {"WindowCenter": 2048},
        {"RescaleSlope": 0},
    ],
)
def test_a_senseless_window_or_slope_is_left_out(elements: dict[str, Any]) -> None:
    radiograph = read(dicom(ramp(), **elements), name="film")

    assert (radiograph.black, radiograph.white) == (4, 4091)


def test_monochrome1_is_turned_over_and_its_window_with_it() -> None:
    radiograph = read(
        dicom(ramp(), photometric="MONOCHROME1", WindowCenter=1000, WindowWidth=400, VOILUTFunction="LINEAR_EXACT"),
        name="film",
    )

    assert np.array_equal(radiograph.pixels, 4095 - ramp())
    assert (radiograph.black, radiograph.white) == (4095 - 1200, 4095 - 800)
    assert "Grey scale inverted: the file stores bone dark." in radiograph.steps


def test_a_falling_rescale_slope_turns_the_film_over_and_undoes_monochrome1() -> None:
    falling: dict[str, Any] = {"RescaleSlope": -1, "RescaleIntercept": 4095}

    assert np.array_equal(read(dicom(ramp(), **falling), name="film").pixels, 4095 - ramp())
    twice = read(dicom(ramp(), photometric="MONOCHROME1", **falling), name="film")
    assert np.array_equal(twice.pixels, ramp())


def test_further_windows_stay_with_their_names_and_are_inverted_with_the_film() -> None:
    elements: dict[str, Any] = {
        "WindowCenter": [2048, 1000, 700, 90000],
        "WindowWidth": [1001, 401, 0, 9],
        "WindowCenterWidthExplanation": ["NORMAL", "HARDER"],
    }
    upright = read(dicom(ramp(), **elements), name="film")
    turned = read(dicom(ramp(), photometric="MONOCHROME1", **elements), name="film")

    unnamed = read(dicom(ramp(), WindowCenter=[2048, 9], WindowWidth=[1001, 5]), name="film")

    assert offered(upright) == [("HARDER", 799.5, 1199.5)]
    assert offered(turned) == [("HARDER", 4095 - 1199.5, 4095 - 799.5)]
    assert offered(unnamed) == [("Window 2", 6.5, 10.5)]


def offered(radiograph: Radiograph) -> list[tuple[str, float, float]]:
    return [(window.name, window.black, window.white) for window in radiograph.windows]


@pytest.mark.parametrize(
    ("letters", "orientation"), [(["L", "F"], ("L", "F")), (["RA", "FP"], ("R", "F")), (["X", "F"], None), ([], None)]
)
def test_the_patients_sides_are_those_that_the_file_says(
    letters: list[str], orientation: tuple[str, str] | None
) -> None:
    assert read(dicom(ramp(), PatientOrientation=letters), name="film").orientation == orientation


def test_a_sigmoid_window_bends_the_pixels() -> None:
    radiograph = read(dicom(ramp(), WindowCenter=2048, WindowWidth=400, VOILUTFunction="SIGMOID"), name="film")

    row = radiograph.pixels[ramp() == 2048]
    assert abs(int(row[0]) - 32768) <= 1  # the centre becomes the middle
    unit = 65535 / (1 + np.exp(-4 * (2148 - 2048) / 400))
    assert int(radiograph.pixels[ramp() == 2148][0]) == round(unit)
    assert (radiograph.black, radiograph.white) == (0, 65535)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_voi_lut_is_applied_beyond_its_ends_too(syntax: UID) -> None:
    table = list(range(100, 200))  # input 1,000 becomes 100, 1,099 becomes 199

    radiograph = read(dicom(ramp(), syntax=syntax, VOILUTSequence=lut(table, first=1000)), name="film")

    assert np.array_equal(radiograph.pixels, np.clip(ramp().astype(int) - 1000, 0, 99) + 100)
    assert radiograph.pixels.dtype == np.uint8
    assert (radiograph.black, radiograph.white) == (0, 255)
    assert radiograph.steps == ("VOI LUT applied.",)


def test_modality_lut_and_voi_lut_follow_each_other() -> None:
    modality = [4095 - value for value in range(4096)]
    voi = [value // 4 for value in range(4096)]

    radiograph = read(
        dicom(
            ramp(),
            ModalityLUTSequence=lut(modality, bits=16),
            VOILUTSequence=lut(voi, bits=10),
        ),
        name="film",
    )

    assert np.array_equal(radiograph.pixels, (4095 - ramp()) // 4)
    assert (radiograph.black, radiograph.white) == (0, 1023)
    assert radiograph.steps == ("Modality LUT applied.", "VOI LUT applied.")


def test_signed_inputs_reach_a_voi_lut_that_starts_below_zero() -> None:
    stored = ramp(bits=12, signed=True)

    radiograph = read(dicom(stored, VOILUTSequence=lut(list(range(201)), first=-100)), name="film")

    assert np.array_equal(radiograph.pixels, np.clip(stored.astype(int) + 100, 0, 200))


def test_bright_padding_becomes_black_and_does_not_count_for_the_levels() -> None:
    stored = ramp()
    stored[:8] = 4095
    stored[8:] = np.minimum(stored[8:], 3000)

    radiograph = read(dicom(stored, PixelPaddingValue=4095), name="film")

    assert (radiograph.pixels[:8] == stored[8:].min()).all()
    assert radiograph.white == 3000
    assert "Padding (12.5% of the pixels) set to black." in radiograph.steps


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"PixelSpacing": [4, 4], "ImagerPixelSpacing": [5, 5]}, (4, 4)),
        ({"ImagerPixelSpacing": [4, 4]}, (4, 4)),
        ({"ImagerPixelSpacing": [6, 6], "EstimatedRadiographicMagnificationFactor": 1.5}, (4, 4)),
        ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": [0.1, 0.1]}, None),  # the film would be 6 mm long
        ({}, None),
    ],
)
def test_spacing_is_that_in_the_patient_where_the_file_knows_it(
    elements: dict[str, Any], spacing: tuple[float, float] | None
) -> None:
    result = read(dicom(ramp(), **elements), name="film").spacing

    assert result == (pytest.approx(spacing) if spacing else None)


def test_view_and_unspecific_modality_are_reported() -> None:
    radiograph = read(dicom(ramp(), Modality="OT", ViewPosition="pa"), name="film")

    assert radiograph.view == "PA"
    assert any("does not say that it is a radiograph" in step for step in radiograph.steps)


def test_colour_becomes_luminance_with_a_chroma_map() -> None:
    colour = np.full((64, 64, 3), 100, np.uint8)
    colour[10:12, 20:30, 0] = 200

    radiograph = read(dicom(colour, bits=8, photometric="RGB"), name="capture")

    assert radiograph.pixels[0, 0] == 100
    assert radiograph.pixels[10, 20] == round(0.299 * 200 + 0.701 * 100)
    assert radiograph.origin.chroma is not None
    assert radiograph.origin.chroma.max() == 100
    assert (radiograph.origin.chroma > 0).sum() == 20


def test_a_palette_is_expanded() -> None:
    radiograph = read(bundled("examples_palette.dcm"), name="palette")

    assert "Palette expanded to its colours." in radiograph.steps
    assert radiograph.origin.chroma is not None


def test_the_patients_name_is_never_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Dataset] = []
    monkeypatch.setattr("core.image.dicom.check_content", lambda dataset, data, name: seen.append(dataset))

    read(dicom(ramp()), name="film")

    assert "PatientName" not in seen[0]
    assert "Rows" in seen[0]


def claiming(syntax: str) -> bytes:
    """A JPEG 2000 file that claims another transfer syntax, of 22 characters, too."""
    return dicom(ramp(), syntax=JPEG2000Lossless).replace(JPEG2000Lossless.encode(), syntax.encode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (dicom(ramp(), Modality="CT"), "holds a CT image \\(modality CT\\); expected a plain radiograph"),
        (dicom(ramp(), Modality="MG"), "holds a mammogram"),
        (dicom(ramp(), Modality="XYZ"), "modality XYZ"),
        (dicom(ramp(), without=("Modality",), SOPClassUID="1.2.840.10008.5.1.4.1.1.4"), "holds MR Image Storage"),
        (dicom(ramp(), NumberOfFrames=12, PixelData=ramp().tobytes() * 12), "12 frames; expected a single radiograph"),
        (dicom(ramp(), without=("PixelData",)), "ends before its 64 × 64 pixels are complete"),
        (
            dicom(ramp(), without=("PixelData", "Rows", "Columns"), Modality="OT"),
            "holds no image: it has no rows and columns",
        ),
        (dicom(ramp(), Rows=40000, Columns=40000), "40000 × 40000 pixels .*1,600 megapixels.*not opened"),
        (dicom(ramp(), Rows=1, Columns=1), "only 1 × 1 pixels"),
        (dicom(ramp(), Rows=65), "8,192 bytes of pixels; its 64 × 65 need 8,320"),
        (dicom(ramp(), BitsAllocated=32), "32 bits allocated"),
        (dicom(ramp())[:4000], "its 64 × 64 need 8,192. It was cut short, or its header is wrong"),
        (dicom(ramp())[:500], "ends before its pixels are complete"),
        (dicom(ramp(), syntax=JPEG2000Lossless)[:-200], "ends before its 64 × 64 pixels are complete"),
        (dicom(ramp(), syntax=JPEG2000Lossless, Rows=32), "says 64 × 32 pixels, its compressed stream 64 × 64"),
        (
            claiming("1.2.840.10008.1.2.4.94").replace(b"\xff\x4f\xff\x51", bytes(4)),
            r"JPIP Referenced \(1.2.840.10008.1.2.4.94\), which cannot be decoded",
        ),
        (claiming("1.2.840.99999.1.2.4.90"), "encoded as 1.2.840.99999.1.2.4.90, which cannot be decoded"),
        (dicom(ramp(bits=8), bits=8, PhotometricInterpretation="HSV"), "pixels are HSV"),
        (dicom(ramp(), FloatPixelData=b"\0\0\xc0\x7f" * 4096), "floating-point pixels"),
        ((BUNDLED / "test-SR.dcm").read_bytes(), "holds a structured report"),
    ],
    ids=range(20),
)
def test_what_is_no_plain_radiograph_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words) as refusal:
        read(data, name="scan.dcm")

    assert str(refusal.value).startswith("scan.dcm ")
    assert str(refusal.value).endswith(".")


def test_a_compressed_stream_that_ends_early_is_refused() -> None:
    whole = dicom(ramp(), syntax=JPEG2000Lossless)
    end = whole.rindex(b"\xff\xd9")

    with pytest.raises(UnreadableFile, match="compressed stream ends early"):
        read(whole[:end] + b"\0\0" + whole[end + 2 :], name="cut")


def test_a_deflated_bomb_is_refused_without_inflating_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.image.dicom_content._LARGEST_DATASET", 50_000)
    bomb = dicom(np.zeros((256, 256), np.uint16), syntax=DeflatedExplicitVRLittleEndian)
    assert len(bomb) < 2000

    with pytest.raises(UnreadableFile, match="inflates to more than"):
        read(bomb, name="bomb")


def test_reading_changes_no_warning_filter() -> None:
    before = list(warnings.filters)

    read(dicom(ramp()), name="film")

    assert warnings.filters == before


def damaged_copies(whole: bytes, *, seed: int, flips: int = 40) -> list[bytes]:
    """The file cut at several places, and with a few random bytes changed, half of the time in its head."""
    random = np.random.default_rng(seed)
    copies = [whole[: int(len(whole) * part)] for part in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)] + [whole[:-1]]
    for turn in range(flips):
        copy = bytearray(whole)
        for place in random.integers(0, len(copy) if turn % 2 else min(len(copy), 700), size=5):
            copy[place] = random.integers(256)
        copies.append(bytes(copy))
    return copies


@pytest.mark.parametrize(
    "whole",
    [
        *(
            dicom(
                ramp(),
                syntax=syntax,
                VOILUTSequence=lut([0, 1, 2, 30, 200]),
                RescaleSlope=2,
                RescaleIntercept=-7,
                PixelPaddingValue=0,
                WindowCenter=2000,
                WindowWidth=900,
            )
            for syntax in (ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless)
        ),
        bundled("MR_small_jpeg_ls_lossless.dcm"),
        bundled("JPGExtended.dcm"),
        bundled("SC_rgb_gdcm_KY.dcm"),
        bundled("examples_palette.dcm"),
        dicom(ramp(), meta=False),
    ],
    ids=["implicit", "deflated", "RLE", "JPEG 2000", "JPEG-LS", "JPEG 12 bit", "JPEG RGB", "palette", "bare"],
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(whole: bytes) -> None:
    outcomes: set[type[Radiograph | UserError]] = set()
    for copy in damaged_copies(whole, seed=len(whole)):
        try:
            outcomes.add(type(read(copy, name="damaged")))
        except UserError as refusal:
            outcomes.add(type(refusal))
    assert outcomes == {Radiograph, UnreadableFile}


def test_sex_and_device_are_read_and_nothing_that_names_the_patient() -> None:
    who: dict[str, Any] = {
        "PatientID": "4711",
        "PatientBirthDate": "19500101",
        "InstitutionName": "St Elsewhere",
        "StudyDate": "20200101",
    }
    film = read(dicom(ramp(), PatientSex="F", PatientAge="034Y", Manufacturer="ACME", KVP="125", **who), name="film")

    assert film.header == (("Sex", "female"), ("Modality", "DX"), ("Maker", "ACME"), ("Tube voltage", "125 kV"))
    assert film.age == 34
    everything = repr(film)
    assert not [each for each in ("Nobody", "NOBODY", *who.values()) if each in everything]
    assert film.key == read(dicom(ramp(), PatientSex="M", PatientAge="034Y"), name="film").key
