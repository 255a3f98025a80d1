"""A checkpoint in one line."""

from dataclasses import replace
from math import nan
from pathlib import Path

import core.card as card_module
from core.card import (
    LesionFigures,
    LesionTest,
    Metrics,
    Schedule,
    SourceMean,
    SubsetFigures,
    TrainedOn,
)
from core.codec import parse
from core.estimate import Estimate
from core.models.summary import calibration_sentence, lesion_sentence, retrained, summary
from core.types import Checkpoint, Input


def card(metrics: Metrics) -> Checkpoint:
    return Checkpoint("a", "densenet121", ("covid",), False, Input(64), "0" * 64, metrics=metrics)


def without(source: str, value: float | None) -> SubsetFigures:
    figure = None if value is None else Estimate(value, value - 0.1, value + 0.05, 100)
    return SubsetFigures(n=100, source=source, macro_auc=figure)


def test_the_held_out_figure_is_the_mean_and_the_lowest_hospital_is_named(tmp_path: Path) -> None:
    hospitals = (without("a", 0.9), without("b", 0.7), without("c", None), without("d", nan))
    mean = SourceMean(Estimate(0.8, 0.75, 0.85, 200), ("a", "b"))
    line = summary(card(Metrics(other_source=hospitals, other_source_mean=mean)), tmp_path)

    assert line.held_out is not None
    assert (line.held_out.value, line.lowest) == (0.8, "lowest b, 0.70")
    alone = summary(card(Metrics(other_source=hospitals[:1], other_source_mean=mean)), tmp_path)
    assert alone.lowest == "a alone"


def test_a_card_without_figures_has_none(tmp_path: Path) -> None:
    line = summary(card(Metrics()), tmp_path)

    assert (line.internal, line.held_out, line.lungs, line.date, line.lowest) == (None, None, None, "", "")


def test_held_out_figures_name_their_recipe_where_it_differs_from_that_of_the_weights() -> None:
    recipe = {"epochs": [3, 1], "sizes": [64, 112], "rate": 0.002}
    schedule = parse(Schedule, recipe)

    words = "another network, trained without it"
    assert retrained(card(Metrics(other_source_recipe=schedule))) == f"{words} for 4 epochs at 112 px"
    assert retrained(card(Metrics())) == words
    same = replace(card(Metrics(other_source_recipe=schedule)), trained_on=TrainedOn(recipe=recipe))
    assert retrained(same) == f"{words} by the same recipe"


def test_the_lesion_sentence_is_of_the_set_with_the_most_films_and_beside_a_blob_at_the_centre() -> None:
    def figures(hit: float, n: int) -> LesionFigures:
        return LesionFigures(hit_rate=Estimate(hit, hit - 0.05, hit + 0.05, n))

    tests = (
        LesionTest("adults", "test", 33, {"grad-cam": figures(0.5, 33)}),
        LesionTest("adults", "train", 248, {"grad-cam": figures(0.57, 248), "centre-gaussian": figures(0.21, 248)}),
    )
    measured = card(Metrics(lesions=tests))

    assert lesion_sentence(measured, "grad-cam") == (
        "On 248 films with marked lesions (split train of adults), the maximum of this map lay in a lesion in 57% (52% "
        "to 62%); the maximum of a blob at the centre in 21%."
    )
    assert lesion_sentence(measured, "saliency") == ""


def test_the_calibration_sentence_says_for_which_films_it_holds() -> None:
    def error(value: float) -> Estimate:
        return Estimate(value, value, value, 100)

    warm = replace(card(Metrics()), temperature=1.2)
    assert calibration_sentence(card(Metrics())) == "Not calibrated: raw network probabilities."
    assert calibration_sentence(warm) == ("Calibrated for films like those of its training only (temperature 1.20).")
    hospitals = tuple(SubsetFigures(n=100, source=name, ece=error(value)) for name, value in (("a", 0.14), ("b", 0.09)))
    measured = replace(warm, metrics=Metrics(test=card_module.TestFigures(ece=error(0.03)), other_source=hospitals))
    assert calibration_sentence(measured).endswith(
        "the calibration error is 0.03 on such test films, 0.09 to 0.14 at hospitals left out."
    )
