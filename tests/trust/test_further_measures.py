"""Heat on burnt-in marks, lesion statistics of the method, and what other models say."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.image.phantom import draw
from core.models import checkpoints
from core.models.classifier import Classifier
from core.trust import disagreement
from core.trust.marks import marked
from core.trust.measure import Question, measures
from core.types import Cleaning, Explanation, Heat, Placement, Radiograph


@pytest.fixture(scope="module")
def written() -> Radiograph:
    """A drawn chest with a line of white text in its upper left corner."""
    film = draw(seed=2, height=512, width=512).radiograph
    text = np.zeros((90, 230), np.uint8)
    cv2.putText(text, "WARD 12 AP", (14, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255,), 3)
    pixels = film.pixels.copy()
    pixels[:90, :230] = text.astype(np.float32) / 255 * film.white
    return replace(film, pixels=pixels)


def _question(classifier: Classifier, film: Radiograph, heat: Heat, finding: str = "covid") -> Question:
    place = Placement(0, 0, *film.pixels.shape[::-1])
    map_ = Explanation(film.key, "c", heat, place, False, "", "grad-cam", finding, None, {}, 0.0, (1, 0))
    return Question(classifier, film, map_, Cleaning())


def test_heat_on_the_text_is_a_warning_and_heat_elsewhere_is_not(classifier: Classifier, written: Radiograph) -> None:
    at_text, away = np.zeros((2, 16, 16), np.float32)
    at_text[1, :6] = 1  # y 32 to 64 of 512 px, x 0 to 192
    away[8:10, 8:10] = 1

    on = measures["marks"](_question(classifier, written, at_text))
    off = measures["marks"](_question(classifier, written, away))

    assert on.level == "warning"
    assert on.value > 0.7
    assert off.level == "ok"
    assert off.value < 0.05


def test_marks_are_found_where_they_were_written(written: Radiograph) -> None:
    inside = marked(written, Cleaning())

    assert inside[50, 30:180].all()
    assert not inside[200:, 200:].any()


def test_a_card_without_lesion_figures_cannot_be_judged(classifier: Classifier, written: Radiograph) -> None:
    assert classifier.checkpoint.metrics.lesions == ()
    figure = measures["lesions"](_question(classifier, written, np.eye(7, dtype=np.float32)))

    assert not figure.judged


def test_other_models_are_those_with_the_same_findings_and_other_weights(
    classifier: Classifier, weights: Path, written: Radiograph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = _question(classifier, written, np.eye(7, dtype=np.float32))
    disagreement._card.cache_clear()
    monkeypatch.setattr(checkpoints, "SHIPPED", weights)
    assert "No shipped model" in measures["disagreement"](question).sentence

    for ending in ("json", "safetensors"):
        name = f"small-cnn.{ending}"
        (tmp_path / name).symlink_to(Path(__file__).parents[2] / "weights" / name)
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    figure = measures["disagreement"](question)
    disagreement._card.cache_clear()

    other = disagreement._loaded("small-cnn").predict(written)
    mine = question.prediction
    assert figure.value == pytest.approx(abs(other.probability("covid") - mine.probability("covid")), abs=1e-6)
    assert " of 1 other models call" in figure.sentence
