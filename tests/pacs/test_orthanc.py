"""A real PACS: what a modality sent is found, opened, explained, and the results come back into the same study."""

import io
import json
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from pydicom.uid import generate_uid

from core.__main__ import cli
from core.errors import BadSetting, Unreachable, UnreadableFile
from core.explain.run import Request
from core.image.read import read
from core.models.classifier import Classifier
from core.pacs.dicomweb import StudyQuery, instances, retrieve, search, store, thumbnail
from core.pacs.server import PacsServer
from core.report.case import make_case
from core.report.dicom.objects import dicom_objects
from core.report.dicom.source import read_source
from core.types import Cleaning
from tests.pacs.orthanc import Orthanc


@pytest.mark.parametrize(
    ("query", "dates"),
    [
        (StudyQuery(), ["20260105", "20260104", "20260103", "20260102", "20260101"]),
        (StudyQuery(patient="drawn^Number3"), ["20260104"]),
        (StudyQuery(patient="*number?"), ["20260105", "20260104", "20260103", "20260102", "20260101"]),
        (StudyQuery(patient="Dräwn"), []),
        (StudyQuery(number="L0002"), ["20260103"]),
        (StudyQuery(accession="none"), []),
        (StudyQuery(first=date(2026, 1, 4)), ["20260105", "20260104"]),
        (StudyQuery(last=date(2026, 1, 2), modality="DX"), ["20260102", "20260101"]),
        (StudyQuery(first=date(2026, 1, 2), last=date(2026, 1, 3)), ["20260103", "20260102"]),
        (StudyQuery(modality="CT"), []),
    ],
)
def test_a_search_gives_the_matching_studies_newest_first(pacs: Orthanc, query: StudyQuery, dates: list[str]) -> None:
    assert [study.date for study in search(pacs.server, query)] == dates


def test_a_film_comes_back_with_the_pixels_that_were_sent(pacs: Orthanc, drawn: list[Path]) -> None:
    [study] = search(pacs.server, StudyQuery(number="L0001"))
    [instance] = instances(pacs.server, study.uid)
    sent, film = (read(data, name="film.dcm") for data in (drawn[1].read_bytes(), retrieve(pacs.server, instance)))

    assert (instance.rows, instance.columns, instance.frames, instance.is_film) == (512, 480, 1, True)
    assert np.array_equal(sent.pixels, film.pixels)
    preview = thumbnail(pacs.server, instance)
    assert preview.size == (180, 192)
    assert np.ptp(np.asarray(preview)) > 200  # a chest, not a grey field


def test_results_come_back_into_the_same_study(pacs: Orthanc, classifier: Classifier) -> None:
    [study] = search(pacs.server, StudyQuery(number="L0003"))
    [instance] = instances(pacs.server, study.uid)
    data = retrieve(pacs.server, instance)
    case = make_case(
        classifier, read(data, name="film.dcm"), [Request("grad-cam", "covid")], cleaning=Cleaning(anyway=True)
    )
    objects = list(dicom_objects(case, read_source(data, name="film.dcm")).values())

    receipt = store(pacs.server, study.uid, objects)

    assert receipt.stored == tuple(each.SOPInstanceUID for each in objects)
    stored = {each.uid: each for each in instances(pacs.server, study.uid)}
    assert {stored[each.SOPInstanceUID].modality for each in objects} == {"OT", "PR", "SEG", "SR"}
    assert [each.uid for each in stored.values() if each.is_film] == [instance.uid]
    assert {each.uid for each in stored.values() if each.is_result} == set(receipt.stored)
    capture = next(
        stored[each.SOPInstanceUID] for each in objects if "SeriesDescription" in each and each.Modality == "OT"
    )
    with pytest.raises(UnreadableFile, match=r"a result that Lightbox made of a film .Secondary Capture Image"):
        read(retrieve(pacs.server, capture), name="capture.dcm")
    report = next(stored[each.SOPInstanceUID] for each in objects if each.Modality == "SR")
    back = pydicom.dcmread(io.BytesIO(retrieve(pacs.server, report)))
    assert back.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID == study.uid


def test_the_commands_search_fetch_and_send(pacs: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in pacs.environment.items():
        monkeypatch.setenv(variable, value)
    run = CliRunner().invoke

    plain = run(cli, ["pacs", "search", "test", "--from", "2026-01-03", "--to", "2026-01-03"])
    named = run(cli, ["pacs", "search", "test", "--number", "L0002", "--names", "--json"])
    [uid] = [line.strip() for line in plain.output.splitlines() if line.strip().startswith("1.2.")]
    assert "L0002" not in plain.output
    assert json.loads(named.output)["patient"] == "Drawn^Number2"
    fetched = run(cli, ["pacs", "fetch", "test", uid, "--out", str(tmp_path / "films")])
    [film] = (tmp_path / "films").iterdir()
    assert fetched.output.strip() == str(film)

    foreign = run(cli, ["pacs", "send", "test", str(film), "--yes"])
    assert foreign.exit_code == 1
    assert "was not made by Lightbox" in foreign.output
    dataset = pydicom.dcmread(film)
    dataset.Manufacturer = "Lightbox"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(tmp_path / "ours.dcm")
    refused = run(cli, ["pacs", "send", "test", str(tmp_path / "ours.dcm")], input="n\n")
    assert "Nothing was sent" in refused.output
    assert len(instances(pacs.server, uid)) == 1
    sent = run(cli, ["pacs", "send", "test", str(tmp_path / "ours.dcm"), "--yes"])
    assert sent.output == f"stored   {dataset.SOPInstanceUID}\n"
    assert len(instances(pacs.server, uid)) == 2


def test_objects_of_another_study_are_never_sent(pacs: Orthanc, drawn: list[Path]) -> None:
    with pytest.raises(ValueError, match="were to be sent"):
        store(pacs.server, "1.2.3", [pydicom.dcmread(drawn[0])])


def test_a_wrong_password_and_a_wrong_address_are_one_sentence_each(pacs: Orthanc) -> None:
    good = pacs.server
    with pytest.raises(Unreachable, match=r"refuses access \(401\)"):
        search(PacsServer("x", good.url, user="reader", password="wrong"), StudyQuery())
    with pytest.raises(Unreachable, match=r"404"):
        search(PacsServer("x", f"{good.url}/nowhere", user=good.user, password=good.password), StudyQuery())
    with pytest.raises(BadSetting, match="is not a Study Instance UID"):
        instances(good, "../../system")
    with pytest.raises(BadSetting, match="Exchange them"):
        search(good, StudyQuery(first=date(2026, 1, 2), last=date(2026, 1, 1)))
