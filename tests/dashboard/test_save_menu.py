"""The menu of everything that can be saved on Read: what it offers, and what a click saves."""

import io
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pypdf import PdfReader
from streamlit.testing.v1 import AppTest

from core.compare.tile import Tile
from core.image.blacken import PixelBox, blackened, without_marks
from core.image.phantom import draw
from core.image.read import read
from core.models.classifier import Classifier
from core.report.annotation import Annotation, FilmAnnotations
from core.report.manifest import read_manifest
from core.trust.verdicts import Verdict
from core.types import Radiograph
from dashboard import dicom_sources, save_menu
from dashboard.cache import verdict_requests
from dashboard.compare import export
from dashboard.state import Session
from tests.dashboard.conftest import SECONDS
from tests.report.test_annotation import yellow_at
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


def test_a_report_saved_after_trust_has_the_verdicts_of_all_measures(
    view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {(view.explanation.key, view.explanation.cleaning): (Verdict("domain", "holds", "By every measure.", ()),)}

    before = save_menu._html(view, view.explanation, Session())
    monkeypatch.setattr(verdict_requests, "_in_full", known)

    assert b"By every measure." not in before
    assert b"By every measure." in save_menu._html(view, view.explanation, Session())


def test_a_report_of_a_board_has_every_map_and_no_name_if_deidentified(view: Any) -> None:
    tiles = tuple(Tile(name, view.checkpoint, view.prediction, view.explanation) for name in "AB")

    named, nameless = (
        export._html(view.radiograph, tiles, Session(deidentified=hidden)).decode() for hidden in (False, True)
    )

    assert "Compared maps" in named
    assert f"B: {view.checkpoint.name}" in named
    assert "film.dcm" in named
    assert "film.dcm" not in nameless


def test_a_saved_overlay_shows_the_measurements_where_they_were_drawn(view: Any) -> None:
    here = Session()
    here.annotations[view.radiograph.key] = FilmAnnotations((Annotation("length", ((40, 60), (120, 60))),))
    left = (480 - view.radiograph.pixels.shape[1]) // 2  # of a narrow film on its legend

    def saved(session: Session) -> Any:
        return np.asarray(Image.open(io.BytesIO(save_menu._overlay(view, view.explanation, session))))

    on = [(left + x, 60.0) for x in (45, 60, 100, 115)]
    assert yellow_at(saved(here), on) == [True] * 4
    assert yellow_at(saved(here), [(left + 60, 50.0)]) == [False]
    assert yellow_at(saved(Session()), on) == [False] * 4


def test_dicom_objects_of_a_film_from_a_dicom_file_are_in_one_archive(view: Any) -> None:
    assert dicom_sources.obstacle(view.radiograph) == ""
    with zipfile.ZipFile(io.BytesIO(save_menu._dicom_zip(view, view.explanation, Session()))) as archive:
        assert "structured-report.dcm" in archive.namelist()
        assert len(archive.namelist()) == 5


def test_the_send_dialog_says_what_is_not_sent_and_why(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_PACS_TEST_URL", "http://localhost:1/dicom-web")
    film = replace(view.radiograph, spacing=None)
    dicom_sources.share(view.radiograph, film)

    def draw_button(chosen: "Any") -> None:  # Streamlit runs the body alone, without the imports
        from dashboard import save_menu

        save_menu.send_button(chosen)

    chosen = replace(view, radiograph=film, explanation=replace(view.explanation, radiograph=film.key))
    page = AppTest.from_function(draw_button, default_timeout=SECONDS, args=(chosen,)).run()
    page.button(key="send to pacs").click().run()

    text = "\n".join(each.value for each in page.html)
    assert "4 new objects will be added to the film" in text
    assert "Not sent. No parametric map: it needs the pixel size" in text


def test_a_film_without_a_dicom_file_has_no_dicom_objects(phantom: Radiograph) -> None:
    assert dicom_sources.source(phantom) is None
    assert "names no patient and no study" in dicom_sources.obstacle(phantom)


def test_a_deidentified_export_names_nobody(view: Any) -> None:
    here = Session(deidentified=True)
    here.annotations[view.radiograph.key] = FilmAnnotations(
        (Annotation("arrow", ((20, 30), (60, 60)), text="Mrs Nobody"),)
    )
    pdf = "".join(
        page.extract_text() for page in PdfReader(io.BytesIO(save_menu._pdf(view, view.explanation, here))).pages
    )
    files = [pdf.encode(), save_menu._html(view, view.explanation, here), save_menu._map(view, view.explanation, here)]
    with zipfile.ZipFile(io.BytesIO(save_menu._dicom_zip(view, view.explanation, here))) as archive:
        objects = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]

    assert not [name for name in (b"film.dcm", b"Mrs Nobody") for data in files if name in data]
    assert {str(each.PatientName) for each in objects} == {"DEIDENTIFIED^"}
    assert {each.PatientIdentityRemoved for each in objects} == {"YES"}
    source = dicom_sources.source(view.radiograph)
    assert source is not None
    assert source.header.StudyInstanceUID not in {each.StudyInstanceUID for each in objects}
    [film] = [each for each in objects if each.Modality == "DX"]
    assert np.array_equal(film.pixel_array, view.radiograph.pixels)
    assert all(film.SOPInstanceUID in str(each) for each in objects)


def test_a_deidentified_copy_without_marks_is_saved_with_black_marks(classifier: Classifier, view: Any) -> None:
    black = blackened(view.radiograph, [PixelBox(10, 20, 60, 40)])
    dicom_sources.share(view.radiograph, black)
    chosen = replace(view, radiograph=black)

    saved = save_menu._dicom_zip(chosen, replace(view.explanation, radiograph=black.key), Session(deidentified=True))

    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        pixels = pydicom.dcmread(io.BytesIO(archive.read("film.dcm"))).pixel_array
    assert np.array_equal(pixels, black.pixels)
    assert np.unique(pixels[20:40, 10:60]).tolist() == [round(black.black)]


def test_a_copy_without_marks_has_black_there_and_the_same_instance() -> None:
    film = draw(seed=1).radiograph
    dicom_sources.remember(film, film_of(film))
    copy = without_marks(film)
    dicom_sources.share(film, copy)

    changed = copy.pixels != film.pixels
    assert 0 < changed.mean() < 0.1
    assert (copy.pixels[changed] == round(film.black)).all()
    assert dicom_sources.source(copy) is dicom_sources.source(film)
