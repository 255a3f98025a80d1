"""Maps of drawn films are compared with what was drawn."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.image.cases import CASES, case
from core.models.classifier import Classifier
from core.trust.measure import Figure, Question, assess, measures
from core.types import Cleaning, Explanation, Placement, Radiograph

SIDE = 256


@pytest.fixture(scope="module")
def film() -> Radiograph:
    return case(0).film(SIDE)


def _explanation(classifier: Classifier, film: Radiograph, heat: NDArray[Any], finding: str = "covid") -> Explanation:
    return Explanation(
        film.key,
        classifier.checkpoint.name,
        heat.astype(np.float32),
        Placement(0, 0, SIDE, SIDE),
        False,
        "logits",
        "grad-cam",
        finding,
        None,
        {},
        0.0,
        (1, 0),
    )


def _figure(classifier: Classifier, film: Radiograph, heat: NDArray[Any], finding: str = "covid") -> Figure:
    return measures["truth"](Question(classifier, film, _explanation(classifier, film, heat, finding), Cleaning()))


def test_heat_on_the_drawn_opacity_alone_is_all_of_it(classifier: Classifier, film: Radiograph) -> None:
    figure = _figure(classifier, film, film.planes[0].shape)

    assert figure.level == "ok"
    assert figure.value == pytest.approx(1.0, abs=1e-6)
    assert "the maximum hits it" in figure.sentence


def test_heat_in_the_other_lung_misses_the_drawn_opacity(classifier: Classifier, film: Radiograph) -> None:
    figure = _figure(classifier, film, film.planes[0].shape[:, ::-1])

    assert (figure.level, figure.value) == ("warning", 0.0)
    assert "the maximum misses it" in figure.sentence
    assert "misses the drawn opacity" in figure.verdict


def test_an_even_map_has_the_share_that_the_opacity_covers(classifier: Classifier, film: Radiograph) -> None:
    heat = np.ones((SIDE, SIDE))
    row, column = np.argwhere(film.planes[0].shape)[0]
    heat[row, column] = 1.01  # the maximum hits, the rest is even

    figure = _figure(classifier, film, heat)

    assert figure.level == "note"
    assert figure.value == pytest.approx(film.planes[0].shape.mean(), rel=0.01)


def test_a_map_of_normal_has_no_reason_to_lie_on_an_opacity(classifier: Classifier, film: Radiograph) -> None:
    figure = _figure(classifier, film, film.planes[0].shape[:, ::-1], finding="normal")

    assert (figure.level, figure.verdict) == ("note", "")


def test_the_measure_comes_first_and_for_films_with_a_known_truth_only(
    classifier: Classifier, film: Radiograph
) -> None:
    normal = next(each for each in CASES if each.title == "Normal chest").film(SIDE)
    names = {}
    for each in (film, normal):
        explanation = _explanation(classifier, each, np.ones((7, 7)))
        names[each.name] = [figure.name for figure in assess(classifier, each, explanation)]

    assert names[film.name][0] == "truth"
    assert names["Normal chest"] == names[film.name][1:]
