"""Heat on burnt-in marks and on devices, lesion statistics of the method, and what other models say."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.device_network import devices
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


def _with_pacemaker(seed: int) -> tuple[Radiograph, Radiograph]:
    """A drawn chest without and with a metal can and its lead."""
    bare = draw(seed=seed, height=512, width=512).radiograph
    metal = np.zeros((512, 512), np.float32)
    cv2.ellipse(metal, (390, 130), (28, 22), 20, 0, 360, (1.0,), -1, cv2.LINE_AA)
    lead = np.array([[385, 120], [330, 90], [280, 150], [275, 240], [300, 330], [320, 350]], np.int32)
    cv2.polylines(metal, [lead], False, (0.9,), 4, cv2.LINE_AA)
    pixels = bare.pixels + (bare.white - bare.pixels) * metal * np.float32(0.9)
    return bare, replace(bare, pixels=pixels.round().astype(np.uint16))


def test_heat_on_a_pacemaker_is_a_warning_and_none_is_found_where_there_is_none(classifier: Classifier) -> None:
    at_device, away = np.zeros((2, 32, 32), np.float32)
    at_device[7:9, 23:26] = 1  # x 368 to 416, y 112 to 144 of 512 px
    away[24:26, 8:10] = 1
    for seed in range(3):
        bare, paced = _with_pacemaker(seed)

        on, off = (measures["devices"](_question(classifier, paced, heat)) for heat in (at_device, away))
        none = measures["devices"](_question(classifier, bare, at_device))

        assert on.level == "warning"
        assert on.value > 0.9
        assert off.level == "ok"
        assert off.value < 0.05
        assert none.level == "ok"
        assert none.value == 0


def test_devices_are_found_where_they_were_drawn(classifier: Classifier) -> None:
    _, paced = _with_pacemaker(4)

    found = devices(paced)

    assert found.shape == paced.pixels.shape
    assert found[125:136, 375:405].all(), "the can"
    assert found[150:240, 265:290].any(axis=1).mean() > 0.8, "the lead"
    assert not found[:, :200].any()


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
