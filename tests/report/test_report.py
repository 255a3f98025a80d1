"""The report as PDF, HTML and figure: what it says, and that it is complete."""

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from core.compare.tile import Tile
from core.explain.run import Request
from core.image.arrangement import turned
from core.models.classifier import Classifier
from core.overlay import overlay
from core.report import front_page
from core.report.blocks import Remark, Remarks
from core.report.case import CaseRecord, make_case
from core.report.content import report_of
from core.report.figure import board_figure, case_figure
from core.report.film_picture import bare, heat_png, scale_bar, sides
from core.report.html import report_html
from core.report.pdf import report_pdf
from core.types import Cleaning, Radiograph


@pytest.fixture(scope="module")
def case(classifier: Classifier, phantom: Radiograph) -> CaseRecord:
    requests = [Request("grad-cam", "covid"), Request("grad-cam", "normal", None, {"signed": True})]
    return make_case(classifier, phantom, requests)


@pytest.fixture(scope="module")
def pdf(case: CaseRecord) -> PdfReader:
    data = report_pdf(report_of(case))
    assert len(data) < 5_000_000
    return PdfReader(io.BytesIO(data))


def test_first_page_answers_four_questions_in_selectable_text(pdf: PdfReader, case: CaseRecord) -> None:
    text = " ".join(pdf.pages[0].extract_text().split())

    assert "Which fits this chest X-ray best: covid, pneumonia or normal?" in text
    for question in ("What was asked?", "how sure is it?", "Where did it look?", "Should you believe it?"):
        assert question in text
    assert "For research and teaching. Not for diagnosis." in text
    assert "Drawn phantom, not a person's film." in text
    assert all(f"{verdict.title} {verdict.label}" in text for verdict in case.verdicts)
    assert front_page.percent(case.prediction.probability("covid")) in text


def test_details_hold_probabilities_operating_point_checks_digests_and_the_research_line(
    pdf: PdfReader, case: CaseRecord
) -> None:
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())

    assert f"covid {case.prediction.probability('covid'):.3f} 0.300" in text
    assert "logits per cell" in text
    assert case.radiograph.key in text
    assert case.checkpoint.sha256 in text
    assert all(check.title in text for check in case.checks)
    assert all(figure.title in text for figure in case.figures)
    assert "This model has not been measured on labelled films." in text
    assert all("Not for diagnosis." in page.extract_text() for page in pdf.pages)


def test_pdf_is_tagged_and_embeds_its_fonts(pdf: PdfReader) -> None:
    catalog: Any = pdf.trailer["/Root"]
    resources: list[Any] = [page["/Resources"] for page in pdf.pages]

    assert catalog["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in catalog
    assert catalog["/Lang"] == "en"
    fonts = [font.get_object() for each in resources for font in each["/Font"].values()]
    assert fonts
    for font in fonts:
        assert "/FontFile2" in font["/DescendantFonts"][0].get_object()["/FontDescriptor"]


def test_the_same_case_gives_the_same_bytes(case: CaseRecord) -> None:
    assert report_pdf(report_of(case)) == report_pdf(report_of(case))
    assert report_html(report_of(case)) == report_html(report_of(case))


def test_html_is_one_file_that_loads_nothing(case: CaseRecord) -> None:
    html = report_html(report_of(case)).decode()

    assert len(html) < 5_000_000
    assert "default-src 'none'" in html
    assert all(address.startswith("data:") for address in re.findall(r'(?:src|href)="([^"]*)"', html))
    assert html.count("<h2>") == 1 + len(report_of(case).sections)


def test_a_name_in_html_is_text_and_no_markup(case: CaseRecord) -> None:
    named = replace(case, radiograph=replace(case.radiograph, name="<script>alert(1)</script>"))
    html = report_html(report_of(named)).decode()

    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_heat_laid_over_the_film_gives_the_overlay(case: CaseRecord) -> None:
    film, map_ = case.radiograph, case.map
    with Image.open(io.BytesIO(heat_png(film, map_))) as picture:
        heat = np.asarray(picture).astype(float)
    alpha = 0.45 * heat[..., 3:] / 255
    laid = bare(film, case.cleaning) * (1 - alpha) + heat[..., :3] * alpha

    expected = turned(overlay(film, map_, opacity=0.45, legend=False), Cleaning())
    assert np.abs(laid - expected).max() < 3  # alpha in 8 bits


def test_figure_has_letters_bars_a_caption_and_300_dpi(case: CaseRecord) -> None:
    figure = case_figure(case)

    text = PdfReader(io.BytesIO(figure.pdf)).pages[0].extract_text().split()
    assert {"a", "b", "c", "logits"} <= set(text)
    with Image.open(io.BytesIO(figure.png)) as picture:
        assert picture.width == pytest.approx(174 / 25.4 * 300, abs=1)
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert figure.caption.startswith("(a) the radiograph; (b) covid")
    assert "(c) normal" in figure.caption
    assert figure.caption.endswith("Not for diagnosis.")


def test_figure_of_a_board_names_the_model_of_each_map(case: CaseRecord) -> None:
    tiles = [Tile(name, case.checkpoint, case.prediction, map_) for name, map_ in zip("AB", case.maps, strict=True)]

    caption = board_figure(case.radiograph, tiles, common=True).caption
    assert caption.startswith("(a) untrained, covid")
    assert "(b) untrained, normal" in caption


def test_scale_bar_is_the_longest_round_length_in_a_third_of_the_film(phantom: Radiograph) -> None:
    film = replace(phantom, pixels=np.zeros((10, 1000), np.uint16), spacing=(0.4, 0.4), at_detector=False)

    bar = scale_bar(film, ())
    assert bar is not None
    assert (bar.share, bar.text) == (0.25, "100 mm")  # of 400 mm; 200 mm would be a half
    assert scale_bar(replace(film, spacing=None), ()) is None


def test_side_letters_follow_the_file_the_turn_and_the_mirror(phantom: Radiograph) -> None:
    film = replace(phantom, orientation=("L", "F"))

    assert sides(film, Cleaning(), ()) == ("R", "L")
    assert sides(film, Cleaning(mirror=True), ()) == ("L", "R")
    assert sides(film, Cleaning(turn=1), ()) == ("", "")  # head and feet are at the sides
    assert sides(replace(film, orientation=None), Cleaning(), ()) == ("(R)", "(L)")
    assert sides(replace(film, orientation=None, view="LL"), Cleaning(), ()) == ("", "")


def test_the_last_answer_counts_the_verdicts_that_fail(case: CaseRecord) -> None:
    holds, fails, unjudged = (
        Remark("ok", "holds", "", "", ""),
        Remark("warning", "fails", "", "", ""),
        Remark("unjudged", "cannot be judged", "", "", ""),
    )

    def answer(*remarks: Remark) -> str:
        return front_page.answers(case, Remarks(remarks))[3].answer

    assert answer(fails, holds) == "Not without a second look: 1 of 2 verdicts fails."
    assert answer(holds, unjudged) == "With reservations: 1 of 2 verdicts does not hold."
    assert answer(holds, holds) == "Nothing speaks against it."
    assert front_page.belief(Remarks((holds, fails))) == "warning"


def test_a_likeliest_finding_below_its_operating_point_is_called_undecided(case: CaseRecord) -> None:
    likely = np.array([0.35, 0.15, 0.5], np.float32)
    prediction = replace(case.prediction, probabilities=likely)
    card = replace(case.checkpoint, thresholds={"covid": 0.3, "normal": 0.6})

    says = front_page.answers(replace(case, prediction=prediction, checkpoint=card), Remarks(()))[1]
    assert says.answer == "Normal, 50% sure."
    assert "only covid (35%) reaches the operating point" in says.text
