"""De-identification: nothing of the patient is left, in objects, reports or pixels."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from dicomanonymizer.simpledicomanonymizer import initialize_actions
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.datadict import keyword_for_tag
from pypdf import PdfReader
from pypdf.generic import StreamObject

from core.__main__ import cli
from core.errors import BadSetting
from core.explain.run import Request
from core.image.arrangement import through
from core.image.blacken import PixelBox, blackened, boxes_of, without_marks
from core.image.cases import case
from core.image.phantom import draw
from core.image.read import read
from core.models.classifier import Classifier
from core.report.case import make_case
from core.report.dicom.deidentify import ALLOWED, deidentified
from core.report.dicom.objects import dicom_files, dicom_objects
from core.report.dicom.source import read_source
from core.trust.measure import CHEAP
from core.types import Cleaning, Radiograph
from tests.report.test_dicom import case_of, film_of, frames_of, run

CANARY = "CANARYBIRD"
IDENTIFYING = {
    "PatientName": f"{CANARY}^A",
    "PatientID": CANARY,
    "PatientBirthDate": "19500102",
    "PatientAddress": CANARY,
    "PatientComments": CANARY,
    "OtherPatientIDs": CANARY,
    "EthnicGroup": CANARY,
    "InstitutionName": CANARY,
    "InstitutionAddress": CANARY,
    "ReferringPhysicianName": f"{CANARY}^B",
    "OperatorsName": f"{CANARY}^C",
    "StationName": CANARY,
    "AccessionNumber": CANARY,
    "StudyID": CANARY,
    "StudyDescription": CANARY,
    "SeriesDescription": CANARY,
    "ProtocolName": CANARY,
    "ImageComments": CANARY,
    "StudyDate": "20200304",
    "DeviceSerialNumber": CANARY,
}


@pytest.fixture(scope="module")
def marked() -> Radiograph:
    """A chest large enough for its side marker to be found."""
    return draw(seed=1, height=640, width=560).radiograph


@pytest.fixture(scope="module")
def film(marked: Radiograph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / f"{CANARY}.dcm"
    path.write_bytes(film_of(marked, **IDENTIFYING))
    return path


def test_no_allowed_element_is_one_that_the_basic_profile_changes() -> None:
    """PS3.15 Table E.1-1, as dicom-anonymizer holds it."""
    changed = {keyword_for_tag(tag[:2]) for tag in initialize_actions() if len(tag) == 2}

    assert len(changed) > 300
    assert {"PatientName", "StudyInstanceUID", "InstitutionName"} <= changed
    assert not ALLOWED & changed


def test_nothing_of_the_patient_leaves_with_a_deidentified_export(weights: Path, film: Path, tmp_path: Path) -> None:
    objects = tmp_path / "objects"
    outs = ["--out", str(tmp_path / "case.html"), "--out", str(tmp_path / "case.pdf"), "--dicom", str(objects)]
    command = [
        "report",
        "--weights",
        str(weights),
        str(film),
        "--finding",
        "covid",
        "--deidentify",
        "--blacken",
        "marks",
    ]
    result = CliRunner().invoke(cli, [*command, *outs])
    assert result.exit_code == 0, result.output

    source = read_source(film.read_bytes(), name="film.dcm").header
    secrets = [CANARY, "19500102", "20200304", source.StudyInstanceUID, source.SOPInstanceUID, source.SeriesInstanceUID]
    written = [tmp_path / "case.html", tmp_path / "case.pdf", *objects.iterdir()]
    assert len(written) == 8
    for path in written:
        assert [secret for secret in secrets if secret.encode() in path.read_bytes()] == [], path.name
    datasets = {path.name: pydicom.dcmread(path) for path in objects.iterdir()}
    assert {each.PatientIdentityRemoved for each in datasets.values()} == {"YES"}
    assert len({each.StudyInstanceUID for each in datasets.values()}) == 1
    copy = datasets["film.dcm"]
    assert all(copy.SOPInstanceUID in str(each) for each in datasets.values())  # what they refer to is there
    for path in objects.glob("*.dcm"):
        if path.name != "film.dcm":  # the film is as incomplete as its source
            report = run("dciodvfy", "-new", path)
            assert not [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")]


def test_burnt_in_marks_bring_a_warning_and_parts_are_blackened_in_the_film(
    weights: Path, film: Path, tmp_path: Path
) -> None:
    command = ["report", "--weights", str(weights), str(film), "--finding", "covid", "--deidentify", "--dicom"]
    box = PixelBox(10, 20, 60, 40)
    result = CliRunner().invoke(cli, [*command, str(tmp_path), "--blacken", "10,20,60,40"])

    assert result.exit_code == 0, result.output
    assert "burnt-in mark" in result.stderr
    before = pydicom.dcmread(io.BytesIO(film.read_bytes())).pixel_array
    after = pydicom.dcmread(tmp_path / "film.dcm").pixel_array
    changed = np.zeros_like(before, bool)
    changed[box.y0 : box.y1, box.x0 : box.x1] = True
    assert np.array_equal(after[~changed], before[~changed])
    assert np.unique(after[changed]).tolist() == [round(read(film.read_bytes(), name="film.dcm").black)]


def test_a_blackened_film_is_another_film_and_says_so(phantom: Radiograph) -> None:
    film = blackened(phantom, [PixelBox(0, 0, 5, 5)])

    assert film.key != phantom.key
    assert film.steps[-1] == "1 part of the film painted black."
    assert int(film.pixels[:5, :5].max()) <= phantom.black
    assert blackened(phantom, []) is phantom


def test_every_burnt_in_mark_gets_a_box(marked: Radiograph) -> None:
    boxes = boxes_of(marked, ["marks"])
    height, width = marked.pixels.shape

    assert boxes  # the phantom has a side marker
    assert all(0 <= box.x0 < box.x1 <= width and 0 <= box.y0 < box.y1 <= height for box in boxes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("1,2,3", "give its left, upper, right and lower edge"), ("0,0,9999,5", "Give one on the film")],
)
def test_a_bad_box_is_refused_in_one_sentence(phantom: Radiograph, text: str, sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        boxes_of(phantom, [text])


def test_identifiers_differ_in_every_export_and_do_not_lead_back(classifier: Classifier, phantom: Radiograph) -> None:
    case, source = case_of(classifier, film_of(phantom))
    one, other = deidentified(case, source).header, deidentified(case, source).header

    assert len({source.header.StudyInstanceUID, one.StudyInstanceUID, other.StudyInstanceUID}) == 3
    assert replace(source, header=one).header.PatientID == "DEIDENTIFIED"


_CURVE = Dataset()
_CURVE.LUTDescriptor = [4096, 0, 12]
_CURVE.LUTData = (np.linspace(0, 1, 4096) ** 2 * 4095).astype("<u2").tobytes()


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 3996},
        {"PixelRepresentation": 1, "WindowCenter": 1000},
        {"PixelSpacing": [1.0, 1.25], "WindowCenter": [2048, 1500], "WindowWidth": [4096, 700]},
        {"VOILUTFunction": "SIGMOID"},
        {"VOILUTSequence": [_CURVE]},
    ],
    ids=["plain", "dark", "signed", "tall", "sigmoid", "curve"],
)
@pytest.mark.parametrize("window", ["", "data"])
def test_a_deidentified_film_looks_as_the_film_did_and_its_objects_fit_it(
    classifier: Classifier, phantom: Radiograph, elements: dict[str, object], window: str
) -> None:
    case, source = case_of(classifier, film_of(phantom, **elements), cleaning=Cleaning(window=window, anyway=True))
    files = dicom_files(case, deidentified(case, source))

    film, before = read(files["film.dcm"], name="film.dcm"), through(case.radiograph, window)

    assert np.array_equal(film.pixels, before.pixels)
    assert (film.black, film.white) == pytest.approx((before.black, before.white))
    assert film.spacing == pytest.approx(before.spacing)
    state = pydicom.dcmread(io.BytesIO(files["presentation-state.dcm"]))
    if before.linear is None:
        again = through(
            film, f"{state.SoftcopyVOILUTSequence[0].WindowCenter}/{state.SoftcopyVOILUTSequence[0].WindowWidth}"
        )
        assert (again.black, again.white) == pytest.approx((before.black, before.white))
    assert pydicom.dcmread(io.BytesIO(files["segmentation.dcm"])).Rows == film.pixels.shape[0]


def test_a_deidentified_frame_is_a_film_of_its_own(classifier: Classifier, phantom: Radiograph) -> None:
    other = replace(phantom, pixels=phantom.pixels[::-1])
    data = frames_of(phantom, other)
    case = make_case(classifier, read(data, name="film.dcm", frame=2), [Request("grad-cam", "covid")], costs=CHEAP)

    files = dicom_files(case, deidentified(case, read_source(data, name="film.dcm", frame=2)))

    assert np.array_equal(read(files["film.dcm"], name="film.dcm").pixels, other.pixels)
    assert not [
        name for name in files if b"ReferencedFrameNumber" in str(pydicom.dcmread(io.BytesIO(files[name]))).encode()
    ]


def test_a_deidentified_colour_film_is_valid_and_grey(classifier: Classifier, tmp_path: Path) -> None:
    data = Path(str(get_testdata_file("SC_rgb_dcmtk_+eb+cr.dcm", download=False))).read_bytes()
    case, source = case_of(classifier, data, cleaning=Cleaning(anyway=True))

    files = dicom_files(case, deidentified(case, source))

    assert {"film.dcm", "presentation-state.dcm"} <= files.keys()
    assert np.array_equal(read(files["film.dcm"], name="film.dcm").pixels, case.radiograph.pixels)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        report = run("dciodvfy", "-new", tmp_path / name)
        assert not [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")], name


def test_objects_of_a_film_that_others_deidentified_say_how_they_did(
    classifier: Classifier, phantom: Radiograph
) -> None:
    data = film_of(phantom, PatientIdentityRemoved="YES", DeidentificationMethod="by hand")

    objects = dicom_objects(*case_of(classifier, data))

    assert {(each.PatientIdentityRemoved, each.DeidentificationMethod) for each in objects.values()} == {
        ("YES", "by hand")
    }


@pytest.mark.parametrize("side", [512, 1024, 2000])
def test_no_letter_is_left_of_burnt_in_marks(side: int) -> None:
    """The drawn case with letters, against the same chest without them: wherever a letter was, it is black."""
    film = case(3).film(side)
    letters = film.pixels > draw(seed=3, height=side, width=side).radiograph.pixels + 400
    copy = without_marks(film)

    assert letters.sum() > 0.001 * film.pixels.size
    assert (copy.pixels[letters] == round(film.black)).mean() == 1.0


def test_a_report_holds_no_name_from_the_header_and_no_folder(
    weights: Path, marked: Radiograph, tmp_path: Path
) -> None:
    """Without --deidentify: text, metadata, attachments and every stream of the PDF; the whole HTML; the figure."""
    folder = tmp_path / CANARY
    folder.mkdir()
    (folder / "film.dcm").write_bytes(film_of(marked, **IDENTIFYING))
    with zipfile.ZipFile(folder / "disc.zip", "w") as archive:
        archive.writestr("film.dcm", film_of(marked, **IDENTIFYING))
    for film in (folder / "film.dcm", folder / "disc.zip" / "film.dcm"):
        outs = ["--out", str(tmp_path / "case.html"), "--out", str(tmp_path / "case.pdf"), "--figure"]
        command = ["report", "--weights", str(weights), str(film), "--finding", "covid", "--force"]
        result = CliRunner().invoke(cli, [*command, *outs, str(tmp_path / "figure")])
        assert result.exit_code == 0, result.output

        for path in sorted(tmp_path.glob("*.*")):
            data = path.read_bytes()
            if path.suffix == ".pdf":
                reader = PdfReader(path)
                parts = [reader.get_object(number) for number in range(1, len(reader.xref[0]) + 1)]
                data += b"".join(each.get_data() for each in parts if isinstance(each, StreamObject))
                data += repr((reader.metadata, reader.xmp_metadata, reader.attachments, parts)).encode()
                data += "".join(page.extract_text() for page in reader.pages).encode()
            lower = data.lower()
            secrets = [str(value).lower().encode() for value in (CANARY, *IDENTIFYING.values(), tmp_path)]
            assert [each for each in secrets if each in lower] == [], path.name
            assert path.suffix in (".png", ".txt") or path.stem == "figure" or b"film.dcm" in lower
