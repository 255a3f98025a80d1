"""The gate recognises films like those it was fitted on; prediction sets reach their promised coverage."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import BadData
from core.evaluate.manifest import Row
from core.image.phantom import draw
from core.models.classifier import Classifier, load
from core.trust.conformal import PredictionSets, fitted_sets, read_sets, write_sets
from core.trust.gate import ENDING, WIDTH, Gate, features, read_gate, write_gate
from core.trust.gate_fit import fit_gate, fitted
from core.trust.measure import Question, measures
from core.trust.not_frontal import FRONTAL, KINDS
from core.types import Checkpoint, Cleaning, Explanation, Input, Origin, Placement, Radiograph
from tests.trust.conftest import strange_numbers


def test_films_like_those_of_the_training_pass_and_others_are_refused(gate: Gate) -> None:
    usual = gate.scores(strange_numbers(5, 200))[0]
    strange = gate.scores(strange_numbers(6, 200, away=4.0))[0]

    assert (usual >= gate.refuse).mean() <= 0.04
    assert (strange >= gate.refuse).all()
    assert gate.note <= gate.refuse
    assert gate.names[0] == FRONTAL
    assert set(gate.report["val_by_source"]) == {"a", "b"}
    assert gate.report["made"]["all"]["auc"] >= 0.98


def test_a_gate_is_small_and_reads_back_as_it_was(gate: Gate, classifier: Classifier, tmp_path: Path) -> None:
    card = replace(classifier.checkpoint, sha256="sha")
    path = tmp_path / f"{card.name}{ENDING}"
    write_gate(gate, path)

    back = read_gate(card, tmp_path)

    assert back is not None
    assert path.stat().st_size < 300_000
    assert np.allclose(back.scores(strange_numbers(5, 20))[0], gate.scores(strange_numbers(5, 20))[0], atol=0.1)
    assert read_gate(replace(card, sha256="other"), tmp_path) is None
    assert read_gate(replace(card, name="none"), tmp_path) is None


def test_the_features_of_a_film_do_not_depend_on_its_batch(classifier: Classifier) -> None:
    images = torch.randn(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with classifier.alone() as network:
        together, alone = features(network, images), features(network, images[1:2])
        last_and_first = features(network, images, (-1, 0))

    stages = len(network.stages)
    assert together.shape == (3, stages * WIDTH)
    assert np.allclose(together[1], alone[0], rtol=1e-3, atol=1e-3)
    assert np.array_equal(last_and_first, np.hstack([together[:, -WIDTH:], together[:, :WIDTH]]))


def test_a_gate_uses_a_stage_that_shows_what_is_strange(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    kinds = np.repeat(np.arange(1, len(KINDS) + 1), 12)

    def of_three_stages(count: int, away: float) -> np.ndarray:
        """Only the first stage shows it."""
        return chance.normal([away] * WIDTH + [0.0] * 2 * WIDTH, 1.0, (count, 3 * WIDTH)).astype(np.float32)

    usual, spoiled, calibration = (of_three_stages(*each) for each in ((120, 0.0), (len(kinds), 3.0), (60, 0.0)))
    gate = fitted("sha", usual, spoiled, kinds, calibration, np.array(["a"] * 60))
    write_gate(gate, tmp_path / f"by hand{ENDING}")
    back = read_gate(Checkpoint("by hand", "small-cnn", ("a", "b"), False, Input(size=64), sha256="sha"), tmp_path)

    assert gate.stages[0] == -3
    assert gate.report["made"]["all"]["auc"] >= 0.98
    assert back is not None
    assert back.stages == gate.stages


def test_a_model_without_a_gate_is_never_fully_trusted(classifier: Classifier) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 80)).astype(np.uint8)
    film = Radiograph(pixels, "film", 0, 255, Origin("PNG", "L", 8))

    figure = measures["gate"](_question(classifier, film))

    assert figure.level == "note"
    assert "has no gate" in figure.sentence


def test_too_few_films_are_refused(classifier: Classifier) -> None:
    with pytest.raises(BadData, match="100 training"):
        fit_gate(classifier, [], [])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_makes_another_picture_of_the_film(kind: object) -> None:
    film = draw(seed=0, height=120, width=100).radiograph
    made = next(each for each in KINDS if each is kind).of(film, np.random.default_rng(0))

    assert made.pixels.dtype == np.uint8
    assert min(made.pixels.shape) >= 30
    assert made.pixels.shape != film.pixels.shape or not np.array_equal(made.pixels / 255, film.pixels / 4095)


def test_sets_exclude_one_of_ten_and_cover_what_they_promise(classifier: Classifier) -> None:
    # 19 films of each finding with probabilities 0.05 ... 0.95: at 90 % (19 + 1) / 10 = 2 may be left out, so the
    # second lowest, 0.10, is the threshold.
    steps = np.arange(1, 20) / 20
    likely = np.concatenate([np.column_stack([np.roll(np.column_stack([steps, 0 * steps, 0 * steps]), place, 1)])
                             for place in range(3)]).astype(np.float32)  # fmt: skip
    labels = [name for name in classifier.checkpoint.findings for _ in steps]

    rows = [Row(Path("film.png"), label, source="a") for label in labels]

    sets = fitted_sets(classifier.checkpoint, (likely, rows), (likely, rows))

    assert list(sets.thresholds.values()) == pytest.approx([0.10] * 3, abs=1e-6)
    assert sets.test == {"all": (round(18 / 19, 4), 57), "a": (round(18 / 19, 4), 57)}
    assert sets.of({"covid": 0.2, "pneumonia": 0.7, "normal": 0.05}) == ("pneumonia", "covid")
    with pytest.raises(BadData, match="need 10"):
        fitted_sets(classifier.checkpoint, (likely[:8], rows[:8]), (likely, rows))


def test_a_hospital_left_out_is_judged_by_the_limits_of_the_others(classifier: Classifier) -> None:
    findings = classifier.checkpoint.findings
    rows = [Row(Path("film.png"), label, source=name) for name in ("nih", "a", "rsna") for label in findings * 10]
    likely = np.full((len(rows), len(findings)), 0.2, np.float32)
    likely[[row.source == "a" for row in rows]] = 0.6

    sets = fitted_sets(classifier.checkpoint, (likely, rows), (likely, rows))

    assert sets.test["all"] == (1.0, 90)
    assert sets.left_out == {"NIH Clinical Center": (0.0, 60), "a": (1.0, 30)}  # nih and rsna are one hospital
    of_one = rows[30:60], likely[30:60]
    alone = fitted_sets(classifier.checkpoint, of_one[::-1], of_one[::-1])
    assert alone.left_out == {}  # without it there are no validation films


def test_the_answer_is_the_set_and_an_empty_one_is_a_warning(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = load("untrained", weights)
    film = draw(seed=1, height=200, width=200).radiograph
    path = weights / "untrained.conformal.json"
    monkeypatch.setattr("core.models.library.place", lambda name: weights)

    def level(threshold: float) -> tuple[str, float]:
        names = classifier.checkpoint.findings
        rule = PredictionSets(classifier.checkpoint.sha256, 0.9, dict.fromkeys(names, threshold), {}, {"all": (0.9, 5)})
        write_sets(rule, path)
        figure = measures["conformal"](_question(classifier, film))
        return figure.level, figure.value

    assert level(0.0) == ("note", 3)
    assert level(1.0) == ("warning", 0)
    path.unlink()
    assert read_sets(classifier.checkpoint, weights) is None


def _question(classifier: Classifier, film: Radiograph) -> Question:
    heat = np.eye(7, dtype=np.float32)
    place = Placement(0, 0, *film.pixels.shape[::-1])
    explanation = Explanation(film.key, "c", heat, place, False, "", "grad-cam", "covid", None, {}, 0.0, (1, 0))
    return Question(classifier, film, explanation, Cleaning())
