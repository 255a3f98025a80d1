"""A network whose answer is known: each of three scores is the brightness of its third of the film, from 0 to 1."""

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.errors import BadData
from core.evaluate.input_variants import INVERTED
from core.evaluate.labelled_films import drawn
from core.evaluate.manifest import Row
from core.evaluate.polarity import _judged, polarity
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.models.importers.normalisation import normalised
from core.types import Checkpoint, Input

SIDE = 30  # px
THIRDS = ("left", "middle", "right")
UNIT = normalised(Input(size=SIDE), "unit")


def _network(sign: float = 1.0) -> Network:
    """Grey values are clamped to 0..1 first, so that other ranges tell nothing: relu(x) - relu(x - 1).

    sign: -1 for a network that was trained on films with bone dark, and sees 1 - x.
    """
    clamped = nn.Conv2d(1, 2, 1)
    last = nn.Linear(6, 3)
    own = 30 * torch.eye(3) - 10
    with torch.no_grad():
        clamped.weight.fill_(sign)
        clamped.bias.copy_(torch.tensor([0.0, -1.0]) + (sign < 0))  # type: ignore[union-attr]  # it has one unless told not to
        last.weight.copy_(torch.cat([own, -own], dim=1))
        last.bias.zero_()
    features = nn.Sequential(OrderedDict(clamped=clamped, relu=nn.ReLU()))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d((1, 3)), flat=nn.Flatten(), linear=last))
    return Network(features, {"pixels": "relu"}, head).eval().requires_grad_(False)


def _classifier(**changed: Any) -> Classifier:
    card = Checkpoint("thirds", "by-hand", THIRDS, multi_label=False, input=UNIT, sha256="")
    return Classifier(replace(card, **changed), _network())


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.evaluate.polarity._REPEATS", 60)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Ten films of each label: its third is brighter, and grain lies over all."""
    folder = tmp_path_factory.mktemp("thirds")
    chance = np.random.default_rng(0)
    values = []
    for number in range(30):
        third = number % 3
        grey = chance.normal(90, 5, (SIDE, SIDE)) + chance.normal(0, 15, 3).repeat(10)
        grey[:, third * 10 : third * 10 + 10] += 60
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        values.append(Row(folder / f"{number}.png", THIRDS[third], id=str(number), patient=f"p{number}"))
    return values


def test_a_network_that_is_what_its_card_says_gets_its_figures_and_no_warning(rows: list[Row]) -> None:
    heard: list[tuple[int, int]] = []
    result = polarity(_classifier(), rows, tell=lambda done, total: heard.append((done, total)))

    assert result.warnings == ()
    assert (result.findings, result.normalisation) == (None, None)
    assert (result.n, result.patients) == (30, 30)
    assert all(area.value == 1 for area in result.areas.values())
    assert result.positives == dict.fromkeys(THIRDS, 10)
    assert next(iter(result.feeds)) == "unit"
    assert heard[-1] == (30, 30)
    assert result.sentences[0].startswith(
        "On 30 films of 30 patients, area under the ROC curve: left 1.00 (1.00–1.00, 10 of 30 films), "
    )
    assert result.sentences[1].startswith("They agree with the")


def test_swapped_findings_are_reported_and_put_in_their_order(rows: list[Row]) -> None:
    result = polarity(_classifier(findings=("right", "left", "middle")), rows)

    assert result.findings == THIRDS
    assert len(result.warnings) == 1
    assert "The findings look swapped" in result.warnings[0]
    assert result.warnings[0].endswith("the output called middle is right, right is left, left is middle.")


def test_wrong_grey_values_are_reported_with_those_that_fit(rows: list[Row]) -> None:
    result = polarity(_classifier(input=normalised(UNIT, "bytes")), rows)

    assert "It gives every film the same answer" in result.warnings[0]
    assert result.normalisation in ("unit", "imagenet")  # both separate thirds that differ
    assert result.warnings[1].startswith(f"Other grey values fit better, {result.normalisation} (")
    assert result.feeds["unit"].value == 1
    assert result.findings is None


def test_films_with_bone_dark_are_reported(rows: list[Row]) -> None:
    result = polarity(Classifier(_classifier().checkpoint, _network(-1.0)), rows)

    assert result.feeds[INVERTED].value == 1
    assert result.warnings[0].startswith("Films are ranked the wrong way round for left ")
    assert result.warnings[-1].startswith("Films with bone dark are ranked better")
    assert result.normalisation is None


def test_labels_name_scores_that_have_no_names(rows: list[Row]) -> None:
    result = polarity(_classifier(findings=("finding 1", "finding 2", "finding 3")), rows)

    assert result.findings == THIRDS
    assert result.warnings == (
        "The scores have no names. On these films, finding 1 is left, finding 2 is middle, finding 3 is right.",
    )


def test_a_network_that_knows_nothing_gets_no_other_order(rows: list[Row]) -> None:
    """The best of all orders always looks a little better: that is no evidence."""
    chance = np.random.default_rng(1)
    shuffled = [
        replace(row, label=str(label))
        for row, label in zip(rows, chance.permutation([r.label for r in rows]), strict=True)
    ]
    result = polarity(_classifier(), shuffled)

    assert result.findings is None
    assert result.normalisation is None
    assert len(result.warnings) == 1
    assert result.warnings[0].startswith("No usable signal: the mean area is 0.")


def test_the_luck_of_the_best_order_on_few_films_is_no_swap() -> None:
    """Scores without any relation to 30 labels: in its best order this draw looks better than in its own."""
    chance = np.random.default_rng(20)
    scores = chance.normal(size=(30, 3)).astype(np.float32)
    truth = np.eye(3, dtype=bool)[chance.permutation(np.arange(30) % 3)]
    patients = np.arange(30).astype(str)
    likely = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    feeds = {feed: scores for feed in ("unit", INVERTED)}

    result = _judged(_classifier().checkpoint, [0, 1, 2], truth, feeds, likely, patients)

    assert (result.findings, len(result.warnings)) == (None, 1)
    assert result.warnings[0].startswith("No usable signal: the mean area is 0.37 (")
    assert "Another order of the findings reaches 0.64 (" in result.warnings[0]
    assert "by chance: that does not show that the findings are swapped." in result.warnings[0]


def test_labels_are_the_same_however_they_are_spelled(rows: list[Row]) -> None:
    spelled = [replace(row, label=f"{row.label.upper()}_Third") for row in rows]
    result = polarity(_classifier(findings=("left third", "middle third", "right third")), spelled)

    assert result.warnings == ()


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("left", "none of left has 5 films with it and 5 without"),
        (
            "elsewhere",
            "No film has a label that the network knows. The films are labelled elsewhere; the network knows left",
        ),
        ("No Finding", "The films are labelled not at all"),
    ],
)
def test_films_that_say_nothing_are_reported(label: str, sentence: str, rows: list[Row]) -> None:
    with pytest.raises(BadData, match=sentence):
        polarity(_classifier(), [replace(row, label=label) for row in rows])


def test_of_many_films_rare_labels_get_their_share(rows: list[Row]) -> None:
    many = [replace(rows[0], id=f"m{number}") for number in range(100)] + rows[1:5]

    chosen = drawn(many, ["left", "right"], 12, 0)
    assert len(chosen) == len({row.id for row in chosen}) == 12
    labels = [row.label for row in chosen]
    assert (labels.count("right"), labels.count("middle")) == (1, 2)  # all that there are
    assert drawn(many, ["left", "right"], 12, 0) == chosen
