"""The DICOM objects: valid by independent tools, and equal to the case when read back."""

import io
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    generate_uid,
)

from core.errors import BadData, UnreadableFile
from core.explain.run import Request
from core.image.prepare import enlarge
from core.image.read import read
from core.models.classifier import Classifier
from core.overlay import end
from core.report.annotation import Annotation, FilmAnnotations
from core.report.case import CaseRecord, make_case
from core.report.dicom.images import THRESHOLD
from core.report.dicom.objects import dicom_files, dicom_objects, left_out
from core.report.dicom.source import SourceInstance, read_source
from core.trust.measure import CHEAP
from core.types import Cleaning, Radiograph

NAMES = ("secondary-capture", "segmentation", "parametric-map", "structured-report", "presentation-state")
ANNOTATIONS = FilmAnnotations(
    (
        Annotation("length", ((20, 30), (60, 60))),  # 50 px
        Annotation("ellipse", ((100, 80), (60, 180))),
        Annotation("rectangle", ((130, 90), (170, 120))),
        Annotation("angle", ((10, 10), (50, 10), (10, 20), (50, 60))),
        Annotation("diameter", ((40, 200), (100, 200), (70, 190), (70, 215))),
        Annotation("arrow", ((200, 200), (150, 150)), "opacity?"),
        Annotation("text", ((20, 240),), "bed film"),
        Annotation("angle", ((0, 0), (9, 9))),  # its second line is missing
        Annotation("lasso", ((0, 0), (9, 9), (0, 9))),
    )
)


def film_of(phantom: Radiograph, **elements: object) -> bytes:
    """The phantom as a DX file of nobody's study; elements by keyword, None leaves one out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["instance"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    values: dict[str, object] = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": generate_uid(entropy_srcs=["study"]),
        "SeriesInstanceUID": generate_uid(entropy_srcs=["series"]),
        "PatientName": "Nobody^Drawn",
        "PatientID": "0",
        "Modality": "DX",
        "Rows": phantom.pixels.shape[0],
        "Columns": phantom.pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelSpacing": [1.25, 1.25],
        "PatientOrientation": ["L", "F"],
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        "RescaleType": "US",
        "WindowCenter": 2048,
        "WindowWidth": 4096,
        **elements,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset["PixelData"] = pydicom.DataElement(0x7FE00010, "OW", np.ascontiguousarray(phantom.pixels).tobytes())
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def case_of(
    classifier: Classifier, data: bytes, *, cleaning: Cleaning | None = None
) -> tuple[CaseRecord, SourceInstance]:
    film = read(data, name="film.dcm")
    request = [Request("grad-cam", "covid", None, {"signed": True})]
    return make_case(classifier, film, request, cleaning=cleaning, costs=CHEAP), read_source(data, name="film.dcm")


@pytest.fixture(scope="module")
def made(classifier: Classifier, phantom: Radiograph) -> tuple[CaseRecord, SourceInstance]:
    case, source = case_of(classifier, film_of(phantom, StudyDescription="Chest PA"), cleaning=Cleaning(anyway=True))
    return replace(case, annotations=ANNOTATIONS), source


@pytest.fixture(scope="module")
def files(made: tuple[CaseRecord, SourceInstance], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dicom")
    contents = dicom_files(*made)
    assert list(contents) == [f"{name}.dcm" for name in NAMES]
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {name: folder / f"{name}.dcm" for name in NAMES}


def run(tool: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed (Debian: dicom3tools, dcmtk)")
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_dciodvfy_finds_no_error(files: dict[str, Path], name: str) -> None:
    report = run("dciodvfy", "-new", files[name])
    lines = (report.stdout + report.stderr).splitlines()

    assert [line for line in lines if line.startswith(("Error", "Abort"))] == []
    assert lines  # it names the kind of object


@pytest.mark.parametrize("name", NAMES)
def test_no_object_is_opened_as_a_film(files: dict[str, Path], name: str) -> None:
    with pytest.raises(
        UnreadableFile, match=f"{name} is a result that Lightbox made of a film .*expected the film itself"
    ):
        read(files[name].read_bytes(), name=name)


@pytest.mark.parametrize("name", NAMES)
def test_dcmtk_reads_every_object(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    assert run("dcm2xml", files[name], tmp_path / "out.xml").returncode == 0
    if name == "structured-report":
        dumped = run("dsrdump", files[name])
        assert dumped.returncode == 0, dumped.stderr
        assert '"Probability of covid"' in dumped.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_of_the_films_patient_and_study_and_refers_to_its_instance(
    files: dict[str, Path], made: tuple[CaseRecord, SourceInstance], name: str
) -> None:
    case, source = made
    dataset = pydicom.dcmread(files[name])

    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDescription"):
        assert dataset[keyword].value == source.header[keyword].value
    assert dataset.SeriesInstanceUID != source.header.SeriesInstanceUID
    assert dataset.SOPInstanceUID != source.header.SOPInstanceUID
    assert source.header.SOPInstanceUID in str(dataset)
    assert dataset.Manufacturer == "Lightbox"
    assert dataset.ManufacturerModelName == case.checkpoint.name
    assert dataset.DeviceSerialNumber == case.checkpoint.sha256


def test_every_object_has_an_identifier_and_a_series_of_its_own(files: dict[str, Path]) -> None:
    datasets = [pydicom.dcmread(path) for path in files.values()]

    assert len({each.SOPInstanceUID for each in datasets}) == len({each.SeriesInstanceUID for each in datasets}) == 5


def test_capture_is_derived_and_says_research(files: dict[str, Path]) -> None:
    capture = pydicom.dcmread(files["secondary-capture"])

    assert list(capture.ImageType) == ["DERIVED", "SECONDARY"]
    assert capture.BurnedInAnnotation == "YES"
    assert "Research use" in capture.ImageComments
    assert capture.pixel_array.shape[2] == 3
    assert np.ptp(capture.pixel_array.astype(int), axis=2).max() > 50  # heat is coloured


def test_segments_are_the_heat_above_half_of_its_end(
    files: dict[str, Path], made: tuple[CaseRecord, SourceInstance]
) -> None:
    case, _ = made
    segmentation = highdicom.seg.segread(files["segmentation"])
    heat = enlarge(case.map.heat, case.map.placement, case.radiograph.pixels.shape)
    pixels = segmentation.pixel_array.reshape(-1, *heat.shape)

    assert segmentation.get_segment_description(1).SegmentLabel == "Heat for covid above 50%"
    assert np.array_equal(pixels[0], np.nan_to_num(heat) >= THRESHOLD * end(case.map))


def test_parametric_map_holds_the_heat_to_the_last_bit(
    files: dict[str, Path], made: tuple[CaseRecord, SourceInstance]
) -> None:
    case, _ = made
    mapped = highdicom.imread(files["parametric-map"])
    heat = np.nan_to_num(enlarge(case.map.heat, case.map.placement, case.radiograph.pixels.shape))
    mapping = mapped.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    unit = mapping.MeasurementUnitsCodeSequence[0]

    assert np.array_equal(mapped.pixel_array, heat)
    assert (unit.CodeValue, unit.CodeMeaning) == ("{logit}", "logits per cell")
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)


def numbers(item: Dataset) -> dict[str, float]:
    """Name -> value of all numeric items of a report."""
    values = {}
    for each in item.get("ContentSequence", []):
        if each.ValueType == "NUM":
            name = each.ConceptNameCodeSequence[0].CodeMeaning
            values[name] = float(each.MeasuredValueSequence[0].NumericValue)
        values |= numbers(each)
    return values


def test_structured_report_holds_probabilities_peak_and_lung_share(
    files: dict[str, Path], made: tuple[CaseRecord, SourceInstance]
) -> None:
    case, _ = made
    report = highdicom.sr.srread(files["structured-report"])
    values = numbers(report)

    for finding in case.prediction.findings:
        assert values[f"Probability of {finding}"] == pytest.approx(case.prediction.probability(finding), rel=1e-6)
    assert values["Peak of the heat"] == pytest.approx(case.map.peak, rel=1e-6)
    if not np.isnan(case.location.lungs):
        assert values["Share of the heat in the lungs"] == pytest.approx(100 * case.location.lungs)
    content: Any = report.content
    groups = content.get_image_measurement_groups()
    assert len(groups) == 5  # prediction, heat; length, angle, diameter
    verdicts = [item for group in groups for item in group.get_qualitative_evaluations()]
    expected = [(each.title, each.word) for each in case.verdicts]
    assert [(item.name.meaning, item.value.value.lower()) for item in verdicts] == expected


def test_presentation_state_shows_the_window_of_the_film_and_the_length(files: dict[str, Path]) -> None:
    state = pydicom.dcmread(files["presentation-state"])
    window, annotation = state.SoftcopyVOILUTSequence[0], state.GraphicAnnotationSequence[0]

    assert (float(window.WindowCenter), float(window.WindowWidth)) == (2048, 4096)
    assert state.PresentationLUTShape == "IDENTITY"
    assert list(annotation.GraphicObjectSequence[0].GraphicData) == [20.5, 30.5, 60.5, 60.5]
    assert annotation.TextObjectSequence[0].UnformattedTextValue == "62.5 mm"


def test_presentation_state_draws_every_complete_annotation_with_its_words(files: dict[str, Path]) -> None:
    state = pydicom.dcmread(files["presentation-state"])
    drawn = [
        (
            [each.GraphicType for each in annotation.get("GraphicObjectSequence", [])],
            annotation.TextObjectSequence[0].UnformattedTextValue,
        )
        for annotation in state.GraphicAnnotationSequence
    ]
    ellipse = state.GraphicAnnotationSequence[1].GraphicObjectSequence[0]

    assert drawn == [
        (["POLYLINE"], "62.5 mm"),
        (["ELLIPSE"], f"{math.pi / 4 * 40 * 100 * 1.25**2:.1f} mm²"),
        (["POLYLINE"], f"{40 * 30 * 1.25**2:.1f} mm²"),
        (["POLYLINE", "POLYLINE"], "45.0°"),
        (["POLYLINE", "POLYLINE"], "75.0 × 31.2 mm"),
        (["POLYLINE", "POLYLINE"], "opacity?"),
        ([], "bed film"),
    ]
    assert list(ellipse.GraphicData) == [80.5, 80.5, 80.5, 180.5, 60.5, 130.5, 100.5, 130.5]  # the long axis first


def test_structured_report_holds_each_measurement_with_its_unit_and_coordinates(
    files: dict[str, Path], made: tuple[CaseRecord, SourceInstance]
) -> None:
    case, _ = made
    content: Any = highdicom.sr.srread(files["structured-report"]).content
    pixels = case.radiograph.pixels[90:120, 130:170].astype(float)

    groups = {each.tracking_identifier: each for each in content.get_image_measurement_groups()}
    regions = {each.tracking_identifier: each for each in content.get_planar_roi_measurement_groups()}

    def figures(group: Any) -> Any:
        return {each.name.meaning: (each.value, each.unit.value) for each in group.get_measurements()}

    assert figures(groups["length 1"]) == {"Length": (62.5, "mm")}
    assert figures(groups["angle 4"]) == {"Angle": (pytest.approx(45), "deg")}
    assert figures(groups["diameter 5"]) == {"Long Axis": (75, "mm"), "Short Axis": (31.25, "mm")}
    rectangle = figures(regions["rectangle 3"])
    assert rectangle["Area"] == (1875, "mm2")
    assert rectangle["Mean"][0] == pytest.approx(pixels.mean())
    assert rectangle["Standard Deviation"][0] == pytest.approx(pixels.std())
    assert rectangle["Share of the heat in the region"][1] == "%"
    assert regions.keys() == {"ellipse 2", "rectangle 3"}
    assert regions["ellipse 2"].roi.graphic_type.value == "ELLIPSE"


def test_letters_of_any_alphabet_are_written_and_read_back(
    made: tuple[CaseRecord, SourceInstance], phantom: Radiograph
) -> None:
    case, _ = made
    source = read_source(film_of(phantom, SpecificCharacterSet="ISO_IR 100", PatientName="Ängström^Zoé"), name="a.dcm")
    drawn = FilmAnnotations((Annotation("text", ((20, 240),), "тень ≈ 2 cm²"),))

    state = pydicom.dcmread(io.BytesIO(dicom_files(replace(case, annotations=drawn), source)["presentation-state.dcm"]))

    assert state.PatientName == "Ängström^Zoé"
    annotation = state.GraphicAnnotationSequence[0]
    assert annotation.TextObjectSequence[0].UnformattedTextValue == "тень ≈ 2 cm²"


def test_a_calibrated_size_says_so_in_report_and_presentation_state(made: tuple[CaseRecord, SourceInstance]) -> None:
    case, source = made
    calibrated = replace(case, annotations=replace(ANNOTATIONS, calibration=0.5))

    objects = dicom_objects(calibrated, source)

    state = objects["presentation-state.dcm"]
    text = state.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue
    assert text == "25.0 mm (calibrated by hand)"
    assert "Pixel size calibrated by hand" in str(objects["structured-report.dcm"])
    assert numbers(objects["structured-report.dcm"])["Length"] == 25


def test_presentation_state_turns_as_the_film_was_turned(classifier: Classifier, phantom: Radiograph) -> None:
    case, source = case_of(classifier, film_of(phantom, PhotometricInterpretation="MONOCHROME1"))

    def state(cleaning: Cleaning) -> Dataset:
        turned = replace(case, maps=(replace(case.map, cleaning=cleaning),))
        return dicom_objects(turned, source)["presentation-state.dcm"]

    assert state(Cleaning()).PresentationLUTShape == "INVERSE"
    assert state(Cleaning(turn=1)).ImageRotation == 270  # DICOM turns clockwise
    both = state(Cleaning(turn=1, mirror=True))
    assert (both.ImageRotation, both.ImageHorizontalFlip) == (90, "Y")


def test_without_a_size_of_a_pixel_measurements_are_in_pixels_and_there_is_no_parametric_map(
    classifier: Classifier, phantom: Radiograph, tmp_path: Path
) -> None:
    case, source = case_of(classifier, film_of(phantom, PixelSpacing=None))
    case = replace(case, annotations=ANNOTATIONS)
    (tmp_path / "report.dcm").write_bytes(dicom_files(case, source)["structured-report.dcm"])
    content: Any = highdicom.sr.srread(tmp_path / "report.dcm").content
    [length] = [each for each in content.get_image_measurement_groups() if each.tracking_identifier == "length 1"]
    report = run("dciodvfy", "-new", tmp_path / "report.dcm")

    assert [(each.value, each.unit.value) for each in length.get_measurements()] == [(50, "{pixels}")]
    assert not [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")]

    assert "parametric-map.dcm" not in dicom_objects(case, source)
    assert left_out(case, source)["parametric-map"].startswith("No parametric map: it needs the pixel size")


def test_a_colour_film_without_orientation_gives_valid_objects(classifier: Classifier, tmp_path: Path) -> None:
    data = Path(str(get_testdata_file("SC_rgb_dcmtk_+eb+cr.dcm", download=False))).read_bytes()
    made = case_of(classifier, data, cleaning=Cleaning(anyway=True))
    assert left_out(*made)["presentation-state"].startswith("No presentation state: it needs a grey film")
    for name, content in dicom_files(*made).items():
        (tmp_path / name).write_bytes(content)
        report = run("dciodvfy", "-new", tmp_path / name)
        errors = [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], name


@pytest.mark.parametrize(
    ("elements", "sentence"),
    [
        ({"StudyInstanceUID": None}, "film.dcm has no StudyInstanceUID, so nothing can refer to it"),
        ({"SeriesInstanceUID": None}, "film.dcm has no SeriesInstanceUID, so nothing can refer to it"),
    ],
)
def test_an_instance_that_nothing_can_refer_to_is_refused(
    phantom: Radiograph, elements: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadData, match=sentence):
        read_source(film_of(phantom, **elements), name="film.dcm")


def frames_of(*films: Radiograph) -> bytes:
    """The films as frames of one multi-frame capture."""
    pixels = [np.ascontiguousarray(film.pixels).tobytes() for film in films]
    dataset = pydicom.dcmread(io.BytesIO(film_of(films[0], NumberOfFrames=len(films), ConversionType="DI")))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = (
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    )
    dataset.PixelData = b"".join(pixels)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def references(dataset: Dataset, uid: str, above: str = "") -> list[tuple[str, str, int | None]]:
    """(sequence, SOP class, frame) of every reference to the instance."""
    every = []
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                if item.get("ReferencedSOPInstanceUID") == uid:
                    every.append(
                        (f"{above}.{element.keyword}", item.ReferencedSOPClassUID, item.get("ReferencedFrameNumber"))
                    )
                every += references(item, uid, element.keyword)
    return every


def test_every_object_of_a_frame_refers_to_that_frame(
    classifier: Classifier, phantom: Radiograph, tmp_path: Path
) -> None:
    other = replace(phantom, pixels=phantom.pixels[::-1])
    data = frames_of(phantom, other, phantom)
    film = read(data, name="film.dcm", frame=2)
    case = replace(make_case(classifier, film, [Request("grad-cam", "covid")], costs=CHEAP), annotations=ANNOTATIONS)
    source = read_source(data, name="film.dcm", frame=2)

    files = dicom_files(case, source)

    assert np.array_equal(film.pixels, other.pixels)
    assert list(files) == [f"{name}.dcm" for name in NAMES]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        report = run("dciodvfy", "-new", tmp_path / name)
        errors = [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], name
        found = references(pydicom.dcmread(tmp_path / name), source.header.SOPInstanceUID)
        assert {storage for _, storage, _ in found} == {MultiFrameGrayscaleWordSecondaryCaptureImageStorage}
        whole = {place for place, _, frame in found if frame is None}
        assert whole <= {  # lists of instances, which name no frame
            "ReferencedSeriesSequence.ReferencedInstanceSequence",
            "ReferencedSeriesSequence.ReferencedSOPSequence",
        }, name
        assert {frame for place, _, frame in found if place not in whole} == {2}, name
    assert highdicom.sr.srread(tmp_path / "structured-report.dcm")
    assert highdicom.seg.segread(tmp_path / "segmentation.dcm").Rows == source.rows


def test_from_a_picture_no_patient_is_invented() -> None:
    with pytest.raises(BadData, match=r"film\.png is not a DICOM file\. .* none is invented"):
        read_source(b"\x89PNG\r\n\x1a\n" + b"\0" * 200, name="film.png")
