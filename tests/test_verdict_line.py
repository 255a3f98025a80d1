"""The line above a film: one call, the place of the heat, and whether the map holds up."""

from dataclasses import replace

import numpy as np
import pytest

from core import card
from core.compare.anatomical_regions import HeatLocation
from core.estimate import Estimate
from core.trust.measure import Aspect, Figure
from core.trust.verdicts import Verdict, combined
from core.types import Checkpoint, Explanation, Input, Level, Prediction
from core.verdict_line import Call, call, verdict_line
from tests.compare.planted import film, heat_map

FINDINGS = ("covid", "pneumonia", "normal")
POINTS = {"covid": 0.18, "pneumonia": 0.18, "normal": 0.54}
LEFT = HeatLocation(places=(("the left middle lung", 0.41), ("the heart and mediastinum", 0.2)))
MAP = heat_map(film(), np.ones((7, 7)), finding="covid")
SURE = {"covid": 0.87, "pneumonia": 0.02, "normal": 0.11}


def called(probabilities: dict[str, float], *, points: dict[str, float] = POINTS, multi_label: bool = False) -> Call:
    test = card.TestFigures(
        sensitivity={"covid": Estimate(0.96, 0.9, 1, 99)}, specificity={"covid": Estimate(0.89, 0.8, 1, 99)}
    )
    checkpoint = Checkpoint(
        name="few",
        architecture="small-cnn",
        findings=FINDINGS,
        multi_label=multi_label,
        input=Input(size=64),
        sha256="",
        thresholds=points,
        metrics=card.Metrics(test=test),
    )
    likely = np.array([probabilities[finding] for finding in FINDINGS], np.float32)
    return call(Prediction("film", checkpoint.key, FINDINGS, np.log(likely), likely, 1.0, 0.1), checkpoint)


@pytest.mark.parametrize(
    ("probabilities", "sentence"),
    [
        ((0.87, 0.02, 0.11), "Covid 0.87."),
        ((0.50, 0.45, 0.05), "Covid 0.50, uncertain."),  # pneumonia reaches its operating point, too
        ((0.50, 0.10, 0.40), "Covid 0.50, uncertain."),  # less than twice as likely as normal
        ((0.10, 0.10, 0.50), "Undecided: normal is the most likely (0.50), below its operating point."),
        ((0.30, 0.20, 0.50), "Undecided: normal is the most likely (0.50), below its operating point; covid and "
         "pneumonia reach theirs."),
    ],
)  # fmt: skip
def test_exclusive_findings_give_one_call(probabilities: tuple[float, float, float], sentence: str) -> None:
    assert called(dict(zip(FINDINGS, probabilities, strict=True))).sentence == sentence


def test_findings_that_are_judged_alone_give_the_first_and_the_number_of_the_others() -> None:
    one = {"covid": 0.9, "pneumonia": 0.8, "normal": 0.1}

    assert called(one, multi_label=True).sentence == "Covid 0.90, and 1 more finding."
    assert called(one | {"pneumonia": 0.1}, multi_label=True).sentence == "Covid 0.90."
    assert (
        called(dict.fromkeys(FINDINGS, 0.1), multi_label=True).sentence
        == "No finding: covid is the most likely (0.10)."
    )


def test_the_operating_point_stands_with_what_it_costs() -> None:
    assert called(SURE).operating_point == "Operating point 0.18: sensitivity 0.96, specificity 0.89"
    assert called({"covid": 0.1, "pneumonia": 0.8, "normal": 0.1}).operating_point == "Operating point 0.18"
    assert called(SURE, points={}).operating_point == ""
    assert called({"covid": 0.4, "pneumonia": 0.3, "normal": 0.3}, points={}).sentence == (
        "Undecided: covid is the most likely (0.40)."
    )


def judged(
    faithfulness: Level | None = "ok",
    reason: Level | None = "ok",
    *,
    domain: Level = "ok",
    certainty: Level = "ok",
    verdict: str = "The map misses the drawn opacity: the answer has another reason.",
) -> list[Verdict]:
    levels: dict[Aspect, Level | None] = {
        "domain": domain, "certainty": certainty, "faithfulness": faithfulness, "reason": reason
    }  # fmt: skip
    figures = {
        aspect: Figure(
            aspect, aspect, level or "note", 1.0, "", f"{aspect} is {level}.", verdict, judged=level is not None
        )
        for aspect, level in levels.items()
    }
    return [combined(aspect, [(figure, "counts")]) for aspect, figure in figures.items()]


def line(verdicts: list[Verdict], *, on: HeatLocation = LEFT, explanation: Explanation = MAP) -> str:
    return verdict_line(called(SURE), explanation, on, verdicts).text


def test_the_line_says_call_place_and_map() -> None:
    assert line(judged()) == "Covid 0.87. Looks at the left middle lung. The map holds up."


def test_after_the_quick_checks_alone_the_line_promises_no_more_than_these() -> None:
    quick = verdict_line(called(SURE), MAP, LEFT, judged(), quick=True)
    partly = verdict_line(called(SURE), MAP, LEFT, judged(faithfulness=None), quick=True)

    assert (quick.map, quick.level) == ("The map passes the quick checks.", "ok")
    assert (partly.map, partly.level) == ("What can be judged passes the quick checks.", "note")


@pytest.mark.parametrize(
    ("verdicts", "sentence", "level"),
    [
        (judged(reason="warning"), "The map does not hold up: it misses the drawn opacity.", "warning"),
        (
            judged(reason="note", verdict="Others count as much."),
            "The map holds up in part: others count as much.",
            "note",
        ),
        (judged(faithfulness="note", reason="warning", verdict=""), "The map does not hold up.", "warning"),
        (judged(faithfulness=None), "What can be judged holds up.", "note"),
        (judged(faithfulness=None, reason=None), "The map cannot be judged.", "note"),
        (judged(domain="warning"), "The model should not be asked about this film.", "warning"),
    ],
)
def test_the_worst_verdict_on_the_map_is_given_with_its_reason(
    verdicts: list[Verdict], sentence: str, level: Level
) -> None:
    result = verdict_line(called(SURE), MAP, LEFT, verdicts)

    assert (result.map, result.level) == (sentence, level)


@pytest.mark.parametrize("word", ["note", "warning"])
def test_an_answer_that_small_changes_of_the_film_move_is_uncertain(word: Level) -> None:
    assert line(judged(certainty=word)).startswith("Covid 0.87, uncertain. ")


def test_a_map_of_another_finding_is_named_and_a_baseline_explains_nothing() -> None:
    assert "For normal it looks at the left middle lung." in line(judged(), explanation=replace(MAP, finding="normal"))
    assert "it explains none" in line(judged(), explanation=replace(MAP, method="random-map"))


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        (HeatLocation(), "The map shows nothing."),
        (replace(LEFT, even=True), "Looks everywhere equally."),
        (replace(LEFT, places=(("the left middle lung", 0.3),)), "Looks most at the left middle lung."),
        (
            replace(LEFT, outside=frozenset({"the left middle lung"})),
            "Looks at the left middle lung, outside the lungs.",
        ),
        (replace(LEFT, mark="text"), "Looks at the left middle lung, where text is burnt in."),
    ],
)
def test_the_place_is_where_the_heat_is(location: HeatLocation, sentence: str) -> None:
    assert sentence in line(judged(), on=location)
