"""The Trust page: four questions, each with its measures, the slow ones too."""

from html import escape

from core.trust.measure import ASPECTS, measures
from tests.dashboard.conftest import Desk


def test_the_page_answers_four_questions_by_all_measures(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    desk.app.switch_page("views/trust.py")
    desk.run()

    assert all(question in desk.html for question in ASPECTS.values())
    assert all(escape(each.title) in desk.html for each in measures.values())
    assert desk.component("lightbox.viewer")
    assert "quick checks" not in desk.html, "the line above gives the verdict of the quick measures only"
    saved = [each.proto.label for each in desk.app.get("download_button")]
    assert {"Report (PDF)", "Report (web page)", "Figure for a paper", "DICOM"} <= set(saved)


def test_without_a_film_the_page_welcomes(desk: Desk) -> None:
    desk.app.switch_page("views/trust.py")
    desk.run()

    assert "Put a radiograph on the light box" in desk.app.markdown[0].value
