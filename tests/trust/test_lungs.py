import numpy as np
import pytest

from core.image.phantom import draw
from core.models.classifier import Classifier
from core.trust.measure import Question, measures
from core.types import Cleaning, Explanation, Placement, Radiograph

CHEST = draw(seed=2, height=400, width=320)


def _question(classifier: Classifier, film: Radiograph, heat: np.ndarray) -> Question:
    height, width = film.pixels.shape
    explanation = Explanation(
        "r",
        "c",
        heat.astype(np.float32),
        Placement(0, 0, width, height),
        False,
        "logits",
        "grad-cam",
        "covid",
        None,
        {},
        0.0,
        (1, 0),
    )
    return Question(classifier, film, explanation, Cleaning(crop_borders=False))


def test_heat_drawn_on_the_lungs_lies_in_them(classifier: Classifier) -> None:
    figure = measures["lungs"](_question(classifier, CHEST.radiograph, CHEST.lungs))

    assert figure.level == "ok"
    assert figure.value > 0.95


def test_heat_drawn_elsewhere_does_not(classifier: Classifier) -> None:
    outside = np.zeros(CHEST.lungs.shape)
    outside[:30] = 1  # above the lung tips

    figure = measures["lungs"](_question(classifier, CHEST.radiograph, outside))

    assert figure.level == "warning"
    assert figure.value < 0.05
    assert "hardly more than chance" in figure.verdict


def test_even_heat_has_the_share_that_the_lungs_cover(classifier: Classifier) -> None:
    figure = measures["lungs"](_question(classifier, CHEST.radiograph, np.ones((7, 7))))

    covered = int(figure.sentence.split("cover ")[1].split("%")[0])
    assert figure.value == pytest.approx(covered / 100, abs=0.006)
    assert figure.level == "warning"


def test_a_film_without_lungs_is_reported_and_not_scored(classifier: Classifier) -> None:
    blank = draw(seed=2, height=400, width=320).radiograph
    noise = np.random.default_rng(0).integers(0, 65535, blank.pixels.shape).astype(np.uint16)
    figure = measures["lungs"](
        _question(classifier, Radiograph(noise, "noise", 0, 65535, blank.origin), np.ones((7, 7)))
    )

    assert figure.level == "note"
    assert np.isnan(figure.value)
    assert "No lungs found" in figure.sentence


def test_a_flat_map_is_reported(classifier: Classifier) -> None:
    assert np.isnan(measures["lungs"](_question(classifier, CHEST.radiograph, np.zeros((7, 7)))).value)
