"""How a film, a map and a case appear in a notebook."""

import io
from dataclasses import replace
from html import escape

import numpy as np
from PIL import Image
from pypdf import PdfReader

from core.compare.board import PANE, Board, board_png
from core.compare.tile import Tile
from core.explain.run import Request
from core.models.classifier import Classifier
from core.overlay import display
from core.report.case import make_case
from core.report.content import report_of
from core.report.html import report_html
from core.report.pdf import report_pdf
from core.trust.measure import CHEAP
from core.types import Radiograph


def picture(png: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def test_a_film_shows_itself_through_its_own_window(phantom: Radiograph) -> None:
    assert np.array_equal(picture(phantom._repr_png_()), display(phantom))
    assert max(picture(replace(phantom, pixels=np.zeros((10, 2000), np.uint16))._repr_png_()).shape) == 512


def test_a_map_shows_one_square_per_value_and_a_case_its_report(classifier: Classifier, phantom: Radiograph) -> None:
    case = make_case(classifier, phantom, [Request("grad-cam", "covid")], costs=CHEAP)
    heat = np.array([[0.0, 1.0], [0.5, np.nan]], np.float32)

    shown = picture(replace(case.map, heat=heat)._repr_png_())
    assert shown.shape == (512, 512, 3)
    assert shown[0, 0].tolist() == shown[-1, -1].tolist() == [0, 0, 4]  # inferno's dark end, for zero and for NaN
    assert shown[0, -1].sum() > 500
    assert len(np.unique(shown[:256, :256].reshape(-1, 3), axis=0)) == 1  # one colour per square
    assert case._repr_html_().startswith("<iframe srcdoc=")
    assert "What the model says about this X-ray" in case._repr_html_()


def test_a_board_shows_its_maps_and_a_verdict_its_sentence_and_measures(
    classifier: Classifier, phantom: Radiograph
) -> None:
    case = make_case(classifier, phantom, [Request("grad-cam", "covid"), Request("grad-cam", "normal")], costs=CHEAP)
    tiles = tuple(Tile(each.finding, case.checkpoint, case.prediction, each) for each in case.maps)
    board = Board(phantom, tiles, "One & the same.")

    assert board._repr_png_() == board_png(phantom, tiles, words="One & the same.")
    assert picture(board._repr_png_()).shape[1] > 2 * PANE
    for verdict in case.verdicts:
        html = verdict._repr_html_()
        assert escape(verdict.sentence) in html
        assert html.count("<tr>") == 1 + len(verdict.figures)


def test_a_report_of_a_board_has_every_map_with_its_model(classifier: Classifier, phantom: Radiograph) -> None:
    case = make_case(classifier, phantom, [Request("grad-cam", "covid"), Request("grad-cam", "normal")], costs=CHEAP)
    tiles = tuple(
        Tile(name, case.checkpoint, case.prediction, each) for name, each in zip("AB", case.maps, strict=True)
    )
    report = report_of(replace(case, compared=Board(phantom, tiles, "A and B agree.")))

    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(report_pdf(report))).pages).split())
    assert "Compared maps" in text
    assert "A and B agree." in text
    assert f"B {tiles[1].title}" in text
    assert "A and B agree." in report_html(report).decode()
    assert "Compared maps" not in [section.title for section in report_of(case).sections]
