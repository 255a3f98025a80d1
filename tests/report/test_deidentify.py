"""De-identification: nothing of the patient is left, in objects, reports or pixels."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from dicomanonymizer.simpledicomanonymizer import initialize_actions
from pydicom.datadict import keyword_for_tag

from core.__main__ import cli
from core.errors import BadSetting
from core.image.blacken import PixelBox, blackened, boxes_of, without_marks
from core.image.cases import case
from core.image.phantom import draw
from core.report.dicom.deidentify import ALLOWED, deidentified
from core.report.dicom.source import read_source
from core.types import Radiograph
from tests.report.test_dicom import film_of, run

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
    assert np.unique(after[changed]).tolist() == [before.min()]


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


def test_identifiers_differ_in_every_export_and_do_not_lead_back(phantom: Radiograph) -> None:
    source = read_source(film_of(phantom), name="film.dcm")
    one, other = deidentified(source).header, deidentified(source).header

    assert len({source.header.StudyInstanceUID, one.StudyInstanceUID, other.StudyInstanceUID}) == 3
    assert replace(source, header=one).header.PatientID == "DEIDENTIFIED"


@pytest.mark.parametrize("side", [512, 1024, 2000])
def test_no_letter_is_left_of_burnt_in_marks(side: int) -> None:
    """The drawn case with letters, against the same chest without them: wherever a letter was, it is black."""
    film = case(3).film(side)
    letters = film.pixels > draw(seed=3, height=side, width=side).radiograph.pixels + 400
    copy = without_marks(film)

    assert letters.sum() > 0.001 * film.pixels.size
    assert (copy.pixels[letters] == round(film.black)).mean() == 1.0
