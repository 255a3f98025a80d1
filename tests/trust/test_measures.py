import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from core.image.phantom import Opacity, draw
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.trust.hottest_region import digits
from core.trust.measure import Question, assess, hottest, measures, no_area, no_effect
from core.types import Checkpoint, Cleaning, Explanation, Heat, Input, Placement, Radiograph

SIZE = 96


@pytest.fixture(scope="module")
def film() -> Radiograph:
    return draw(seed=4, height=400, width=400, opacity=Opacity(x=0.3, y=0.4, radius=0.1, strength=1.0)).radiograph


def _corner_reader() -> Classifier:
    """A network whose answer is the contrast within the square at rows and columns 20 to 40, and nothing else."""

    class Contrast(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, :, 20:40, 20:40].diff(dim=3).abs()

    linear = nn.Linear(1, 1)
    nn.init.constant_(linear.weight, 50.0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(nn.Sequential(Contrast()), {"contrast": "0"}, head).eval()
    return Classifier(Checkpoint("corner", "by hand", ("corner",), True, Input(size=SIZE), sha256=""), network)


def _explanation(heat: Heat) -> Explanation:
    return Explanation(
        "r", "c", heat, Placement(0, 0, 400, 400), False, "logits", "grad-cam", "corner", None, {}, 0.0, (1, 0)
    )


def _heat_at(rows: slice, columns: slice) -> Heat:
    heat = np.zeros((SIZE, SIZE), np.float32)
    heat[rows, columns] = 1 + np.random.default_rng(0).random((SIZE, SIZE), np.float32)[rows, columns]
    return heat


@pytest.mark.parametrize("name", ["deletion", "augmentation"])
def test_a_known_prediction_saves_its_pass_and_changes_no_figure(
    film: Radiograph, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, map_ = _corner_reader(), _explanation(_heat_at(slice(16, 44), slice(16, 44)))
    fresh = Question(classifier, film, map_, Cleaning())
    known = Question(classifier, film, map_, Cleaning(), known=fresh.prediction)
    before = measures[name](fresh)
    monkeypatch.setattr(classifier, "predict", lambda *args, **named: pytest.fail("predicted again"))

    assert measures[name](known) == before


def test_deletion_believes_the_map_of_the_right_place_and_no_other(film: Radiograph) -> None:
    classifier = _corner_reader()
    right = measures["deletion"](
        Question(classifier, film, _explanation(_heat_at(slice(16, 44), slice(16, 44))), Cleaning())
    )
    wrong = measures["deletion"](
        Question(classifier, film, _explanation(_heat_at(slice(64, 94), slice(64, 94))), Cleaning())
    )

    assert (right.level, right.value) == ("ok", 8)
    assert wrong.level == "warning"
    assert wrong.value < 4


def test_a_probability_that_is_nearly_0_or_1_is_written_with_more_digits() -> None:
    assert [digits(each) for each in (0.5, 0.012, 0.0042, 0.9971, 1e-7, 1 - 1e-7)] == [
        "0.50",
        "0.01",
        "0.004",
        "0.997",
        "under 0.001",
        "over 0.999",
    ]


def test_edge_is_the_share_of_heat_in_the_outer_tenth(film: Radiograph) -> None:
    classifier = _corner_reader()

    def edge(heat: Heat) -> tuple[str, float]:
        figure = measures["edge"](Question(classifier, film, _explanation(heat), Cleaning()))
        return figure.level, round(figure.value, 3)

    assert edge(_heat_at(slice(30, 60), slice(30, 60))) == ("ok", 0)
    assert edge(_heat_at(slice(0, 5), slice(0, 96))) == ("warning", 1)
    level, value = edge(np.ones((SIZE, SIZE), np.float32))
    assert level == "note"  # the share of an even map is no more than chance
    assert value == pytest.approx(0.36, abs=0.03)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_map_that_shows_nothing_is_called_flat(film: Radiograph, value: float) -> None:
    figures = assess(_corner_reader(), film, _explanation(np.full((7, 7), value, np.float32)))

    assert len(figures) >= 3
    assert not any(figure.judged for figure in figures)
    assert all("flat" in figure.sentence or "not finite" in figure.sentence for figure in figures)


def test_the_hottest_share_is_exact_among_equals_and_never_cold() -> None:
    assert hottest(np.ones((10, 10), np.float32), 0.1).sum() == 10
    assert hottest(np.eye(10, dtype=np.float32), 0.5).sum() == 10


def test_the_same_question_gets_the_same_answer(film: Radiograph) -> None:
    classifier, explanation = _corner_reader(), _explanation(_heat_at(slice(10, 50), slice(10, 50)))

    assert assess(classifier, film, explanation) == assess(classifier, film, dataclasses.replace(explanation))


def test_a_map_with_one_value_a_zone_has_no_shares_of_area(film: Radiograph) -> None:
    whole = dataclasses.replace(_explanation(_heat_at(slice(0, 48), slice(0, 96))), by_region=True)

    figures = assess(_corner_reader(), film, whole)

    area = [figure for figure in figures if measures[figure.name].obstacle in (no_area, no_effect)]
    assert {figure.name for figure in area} == {"deletion", "lungs", "edge", "marks", "devices"}
    assert all(not figure.judged and "compare zones" in figure.sentence for figure in area)


def test_of_a_map_that_is_the_same_for_every_finding_no_figure_judges_the_model(film: Radiograph) -> None:
    plain = _explanation(_heat_at(slice(16, 44), slice(16, 44)))
    figures = assess(_corner_reader(), film, plain)
    baseline = assess(_corner_reader(), film, dataclasses.replace(plain, method="edge-map"))

    assert any("The model does rely on the marked region." in figure.text for figure in figures)
    assert [figure.value for figure in baseline] == [figure.value for figure in figures]
    assert {figure.level for figure in baseline} == {"note"}
    assert all("the same for every finding" in figure.verdict for figure in baseline if not np.isnan(figure.value))
