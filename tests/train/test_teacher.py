"""Learning from teachers: the losses by hand, and a run that follows its teacher."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import BadSetting
from core.models.architecture import Network, architectures
from core.train.data import UNLABELLED, Films, load_films, table
from core.train.fit import finding_loss, fit, predict
from core.train.recipe import Recipe
from core.train.run import train
from core.train.teacher import Lesson, Teacher, feature_loss, soft_label_loss, taught
from core.types import Input
from tests.train.drawn import TINY

TAUGHT = replace(TINY, teacher="tiny", soft_labels=1.0, matched_features=1.0, unlabelled=True)


def _teacher(weight: float) -> Teacher:
    """Says `weight` times the film's mean for the first finding and nothing for the second."""
    linear = nn.Linear(1, 2)
    linear.load_state_dict({"weight": torch.tensor([[weight], [0.0]]), "bias": torch.zeros(2)})
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(nn.Sequential(nn.Identity()), {"film": "0"}, head)
    return Teacher(network.eval(), 8)


def test_soft_labels_are_the_mean_of_the_teachers_probabilities() -> None:
    films = torch.ones(2, 1, 8, 8)
    lesson = taught([_teacher(2.0), _teacher(-2.0)], films)

    assert torch.allclose(lesson.likely, torch.full((2, 2), 0.5))
    assert soft_label_loss(torch.zeros(2, 2), lesson) == pytest.approx(0, abs=1e-6)
    one = taught([_teacher(2.0)], films)
    assert soft_label_loss(torch.tensor([[2.0, 0.0]] * 2), one) == pytest.approx(0, abs=1e-6)
    odds = torch.tensor(1.0).sigmoid()  # at temperature 2 the logits 2 and 0 differ by 1
    expected = 4 * (odds * (odds / 0.5).log() + (1 - odds) * ((1 - odds) / 0.5).log())
    assert soft_label_loss(torch.zeros(2, 2), one) == pytest.approx(float(expected), abs=1e-5)


def test_feature_loss_is_zero_where_pairs_of_films_are_alike_to_both() -> None:
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[..., None, None]
    apart = Lesson(torch.full((2, 2), 0.5), (torch.eye(2),))
    together = Lesson(torch.full((2, 2), 0.5), (torch.full((2, 2), 0.5**0.5),))

    assert feature_loss(3 * features, apart) == 0
    half = 0.5**0.5
    assert feature_loss(features, together) == pytest.approx(((1 - half) ** 2 + half**2) / 2 * 2)


def test_a_film_without_a_label_adds_nothing_to_the_finding_loss() -> None:
    logits, labels = torch.tensor([[1.0, 0.0], [5.0, -5.0]]), torch.tensor([0, UNLABELLED])

    assert finding_loss(TINY, logits, labels) == finding_loss(TINY, logits[:1], labels[:1])
    assert finding_loss(TINY, logits[1:], labels[1:]) == 0
    expected = nn.functional.cross_entropy(logits[:1], labels[:1], label_smoothing=TINY.label_smoothing)
    assert torch.allclose(finding_loss(TINY, logits[:1], labels[:1]), expected)


def test_a_student_comes_to_say_what_its_teacher_says(train_films: Films, val_films: Films, tmp_path: Path) -> None:
    """No film has a label: only the teacher knows anything."""
    torch.manual_seed(3)
    teacher = architectures["small-cnn"].build(2, 1).eval()
    with torch.no_grad():
        teacher.head.get_submodule("linear").get_parameter("weight").mul_(40)
    unlabelled = Films(train_films.images, torch.full((12,), UNLABELLED), train_films.rows)
    recipe = replace(TAUGHT, sizes=(32,), epochs=(30,), cycles=(30,), average=0.0, rate=5e-3)
    probabilities = predict(teacher, val_films.images, 32).softmax(1)
    untrained = predict(architectures["small-cnn"].build(2, 1), val_films.images, 32).softmax(1)

    student = fit(recipe, unlabelled, val_films, tmp_path, teachers=[Teacher(teacher, 32)])

    learned = predict(student, val_films.images, 32).softmax(1)
    assert (learned - probabilities).abs().mean() < 0.5 * (untrained - probabilities).abs().mean()


def test_films_with_other_labels_are_used_for_the_teacher_alone(data: Path) -> None:
    films = load_films(table(data), "train", ("pneumonia", "other"), Input(size=16), unlabelled=True)

    assert films.labels.tolist() == [0, UNLABELLED] * 6


def test_the_card_names_the_teachers(data: Path, tmp_path: Path) -> None:
    first = train([data], name="tiny", recipe=TINY, runs=tmp_path / "runs", out=tmp_path)
    card = train([data], name="taught", recipe=TAUGHT, runs=tmp_path / "runs", out=tmp_path)

    assert first is not None
    assert card is not None
    trained_on = json.loads((tmp_path / "taught.json").read_text())["trained_on"]
    (teacher,) = trained_on["teachers"]
    assert (teacher["name"], teacher["sha256"]) == ("tiny", first.sha256)
    assert trained_on["recipe"]["soft_labels"] == 1.0


def test_a_teacher_of_other_findings_is_refused(data: Path, tmp_path: Path) -> None:
    train([data], name="tiny", recipe=TINY, runs=tmp_path / "runs", out=tmp_path)
    recipe = replace(TAUGHT, findings=("normal", "pneumonia"))

    with pytest.raises(BadSetting, match="The teacher tiny knows pneumonia, normal; this network learns normal, pneu"):
        train([data], name="taught", recipe=recipe, runs=tmp_path / "runs", out=tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"soft_labels": 0.5}, "need a teacher"),
        ({"teacher": "tiny", "multi_label": True}, "needs films with one finding each"),
        ({"teacher": "tiny", "soft_labels": 1.5}, "soft_labels is 1.5; it must be 0 to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadSetting, match=sentence):
        replace(Recipe(), **change)  # type: ignore[arg-type]
