"""What a card says about a patient's age."""

import math

import pytest

from core import card as cards
from core.card import Metrics, SubsetFigures
from core.estimate import Estimate
from core.evaluate.age_group import age_group, age_sentence
from core.types import Checkpoint, Input


def card() -> Checkpoint:
    """0.90 right on all films, as much on children, 0.50 (at most 0.70) on young adults, unknown on the old."""
    accuracies = {
        "0-17": Estimate(0.92, 0.85, 0.97, 80),
        "18-39": Estimate(0.5, 0.3, 0.7, 20),
        "65+": Estimate(math.nan, math.nan, math.nan, 3),
        "not said": Estimate(0.95, 0.9, 0.99, 90),
    }
    groups = tuple(SubsetFigures(each.n, None, name, "age", accuracy=each) for name, each in accuracies.items())
    metrics = Metrics(test=cards.TestFigures(n=193, accuracy=Estimate(0.9, 0.88, 0.92, 193), groups=groups))
    return Checkpoint("hand", "small-cnn", ("a", "b"), False, Input(size=64), sha256="", metrics=metrics)


@pytest.mark.parametrize(
    ("age", "name"), [(0.2, "0-17"), (17.9, "0-17"), (18, "18-39"), (50, None), (90, "65+"), (None, None)]
)
def test_an_age_belongs_to_its_band_to_the_last_month(age: float | None, name: str | None) -> None:
    group = age_group(card(), age)

    assert (group.name if group else None) == name


def test_a_model_is_worse_at_an_age_whose_whole_interval_lies_below_its_figure() -> None:
    assert age_sentence(card(), 25) == (
        "The model is worse at this age: accuracy 0.50 (0.30–0.70, n = 20) on test films aged 18-39, 0.90 on all.",
        True,
    )
    assert age_sentence(card(), 5)[1] is False
    assert age_sentence(card(), 90) == ("", False)
