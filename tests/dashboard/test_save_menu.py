"""The menu of all that can be saved on Read: what it offers, and what a click makes."""

import io
import zipfile
from typing import Any

import pytest
from pypdf import PdfReader

from core.image.read import read
from core.models.classifier import Classifier
from core.report.annotation import Annotation, FilmAnnotations
from core.report.manifest import read_manifest
from core.types import Radiograph
from dashboard import dicom_sources, save_menu
from dashboard.state import Session
from tests.report.test_dicom import film_of


@pytest.fixture
def view(classifier: Classifier, monkeypatch: pytest.MonkeyPatch, phantom: Radiograph) -> Any:
    """The map of covid on a film from a DICOM file."""
    from core.explain.run import Request, explain_many
    from dashboard.selection import MapView

    monkeypatch.setattr("dashboard.cache.networks.classifier", lambda checkpoint: classifier)
    data = film_of(phantom)
    film = read(data, name="film.dcm")
    dicom_sources.remember(film, data)
    prediction, (map_,) = explain_many(classifier, film, [Request("grad-cam", "covid")])
    method: Any = None
    return MapView(
        film, classifier.checkpoint, map_.cleaning, prediction, "covid", method, "stage 4", {}, explanation=map_
    )


def test_a_report_of_the_map_on_screen_has_its_digest(view: Any, tmp_path: Any) -> None:
    here = Session()
    here.annotations[view.radiograph.key] = FilmAnnotations((Annotation("length", ((20, 30), (60, 60))),))

    data = save_menu._pdf(view, view.explanation, here)
    (tmp_path / "case.pdf").write_bytes(data)

    assert "What the model says about this X-ray" in PdfReader(io.BytesIO(data)).pages[0].extract_text()
    assert "1: 62.5 mm" in PdfReader(io.BytesIO(data)).pages[0].extract_text()
    assert [each.key for each in read_manifest(tmp_path / "case.pdf").maps] == [view.explanation.key]


def test_dicom_objects_of_a_film_from_a_dicom_file_are_in_one_archive(view: Any) -> None:
    assert dicom_sources.obstacle(view.radiograph) == ""
    with zipfile.ZipFile(io.BytesIO(save_menu._dicom_zip(view, view.explanation, Session()))) as archive:
        assert "structured-report.dcm" in archive.namelist()
        assert len(archive.namelist()) == 5


def test_a_film_without_a_dicom_file_has_no_dicom_objects(phantom: Radiograph) -> None:
    assert dicom_sources.source(phantom) is None
    assert "names no patient and no study" in dicom_sources.obstacle(phantom)
