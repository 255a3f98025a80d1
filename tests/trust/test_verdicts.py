"""Four verdicts: the worst figure decides, a known truth decides alone, and what cannot be judged says why."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.image.phantom import draw
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier
from core.trust.augmentation import changed
from core.trust.measure import ASPECTS, CHEAP, COSTS, Aspect, Figure, Question, measures, unjudged
from core.trust.verdicts import Verdict, Weight, Word, combined, verdicts, word
from core.types import Checkpoint, Cleaning, Explanation, Input, Level, Origin, Placement, Radiograph

FILM = draw(seed=2, height=300, width=280).radiograph


def _figure(level: Level) -> Figure:
    return Figure(level, level, level, 1.0, "", f"It is {level}.")


def _question(
    classifier: Classifier, film: Radiograph, heat: NDArray[Any], *, finding: str = "covid", anyway: bool = False
) -> Question:
    height, width = film.pixels.shape
    place = Placement(0, 0, width, height)
    explanation = Explanation(
        film.key, "c", heat.astype(np.float32), place, False, "logits", "grad-cam", finding, None, {}, 0.0, (1, 0)
    )
    return Question(classifier, film, explanation, Cleaning(crop_borders=False, anyway=anyway))


def _by_aspect(question: Question) -> Mapping[Aspect, Verdict]:
    return {each.aspect: each for each in verdicts(question, costs=CHEAP)}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [(["ok", "ok"], "holds"), (["ok", "note"], "doubtful"), (["note", "warning", "ok"], "fails"), ([], "unjudged")],
)
def test_the_worst_figure_decides(levels: list[Level], expected: Word) -> None:
    verdict = combined("reason", [(_figure(level), "counts") for level in levels])

    assert verdict.word == expected
    assert verdict.sentence.strip()


def test_a_known_truth_decides_alone_and_only_if_it_can_judge() -> None:
    others: list[tuple[Figure, Weight]] = [(_figure("warning"), "counts")]

    assert combined("reason", [(_figure("ok"), "alone"), *others]).word == "holds"
    assert combined("reason", [(unjudged("truth", "Truth", "No."), "alone"), *others]).word == "fails"


def test_what_no_measure_can_judge_says_why() -> None:
    verdict = combined("faithfulness", [(unjudged("a", "A", "The map is flat."), "counts")])

    assert (verdict.word, verdict.sentence) == ("unjudged", "The map is flat.")
    assert word(verdict.figures[0]) == "unjudged"


def test_holds_says_what_it_does_not_say() -> None:
    assert "does not make the answer right" in combined("faithfulness", [(_figure("ok"), "counts")]).sentence


@pytest.mark.parametrize(("value", "why"), [(0.0, "flat"), (np.nan, "not finite")])
def test_a_map_without_evidence_leaves_two_questions_open(classifier: Classifier, value: float, why: str) -> None:
    result = _by_aspect(_question(classifier, FILM, np.full((7, 7), value)))

    assert list(result) == list(ASPECTS)
    assert [result[aspect].word for aspect in ("faithfulness", "reason")] == ["unjudged", "unjudged"]
    assert why in result["faithfulness"].sentence


def test_with_a_single_class_nothing_moves_the_answer() -> None:
    torch.manual_seed(0)
    network = architectures["small-cnn"].build(1, 1).eval()
    classifier = Classifier(Checkpoint("one", "small-cnn", ("covid",), False, Input(size=64), sha256=""), network)

    result = _by_aspect(_question(classifier, FILM, np.eye(7)))

    assert {result["certainty"].word, result["faithfulness"].word} == {"unjudged"}
    assert "single class" in result["certainty"].sentence


def test_a_drawn_film_is_doubtful_and_its_answer_is_judged(classifier: Classifier) -> None:
    result = _by_aspect(_question(classifier, FILM, np.eye(7)))

    assert result["domain"].word == "doubtful"
    assert "drawn phantom" in result["domain"].sentence
    assert result["certainty"].word != "unjudged"


def test_no_chest_fails_and_the_rest_is_judged_on_request_only(classifier: Classifier) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300)).astype(np.uint8)
    film = Radiograph(noise, "noise", 0, 255, Origin("PNG", "L", 8))

    withheld = _by_aspect(_question(classifier, film, np.eye(7)))
    anyway = _by_aspect(_question(classifier, film, np.eye(7), anyway=True))

    assert [each.word for each in withheld.values()] == ["fails", "unjudged", "unjudged", "unjudged"]
    assert anyway["domain"].word == "fails"
    assert anyway["faithfulness"].word != "unjudged"


def test_every_measure_says_which_question_it_answers_at_which_cost() -> None:
    assert {each.aspect for each in measures.values()} == set(ASPECTS)
    assert {each.cost for each in measures.values()} <= set(COSTS)
    assert all(each.plain.endswith(".") and each.title for each in measures.values())


def test_small_changes_shift_by_whole_pixels() -> None:
    image = torch.arange(2500.0).reshape(1, 50, 50)  # 2 % of 50 px is 1 px

    copies = changed(image)

    assert torch.allclose(copies[1][0, :, :-1], image[0, :, 1:], atol=0.01)
    assert len(copies) == 8


def test_an_answer_that_hangs_on_one_pixel_is_unsteady(classifier: Classifier) -> None:
    class OnePixel(torch.nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            away = (features[:, 0, 20, 20:21] - features[:1, 0, 20, 20:21]).abs()
            return torch.cat([1 - 1000 * away, torch.zeros_like(away)], dim=1)

    unsteady = Network(torch.nn.Sequential(torch.nn.Identity()), {"input": "0"}, OnePixel())
    unsteady.register_parameter("scale", torch.nn.Parameter(torch.ones(1)))
    card = replace(classifier.checkpoint, findings=("covid", "normal"))

    figure = measures["augmentation"](_question(Classifier(card, unsteady), FILM, np.eye(7)))

    assert figure.level == "warning"
