"""Faithfulness: curves, random weights, stability, Captum's metrics, on networks whose answer is known by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from core.explain.run import explain
from core.image.phantom import draw
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier, load
from core.trust.altered import filled, heat_of, inpainted, prepared, rank_correlation
from core.trust.deletion_curves import Curves, controls, curves, hottest_first
from core.trust.measure import FILLS, Fill, Question, measures
from core.trust.randomisation import cascade, randomised, read_table, sameness, table, write_table
from core.types import Checkpoint, Cleaning, Explanation, Input, Placement

SIZE = 96
FILM = draw(seed=4, height=400, width=400).radiograph
PLACE = slice(20, 44)


class Contrast(nn.Module):
    """Reads the contrast within one square and nothing else."""

    def __init__(self, at: slice) -> None:
        super().__init__()
        self.at = at

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :, self.at, self.at].diff(dim=3).abs()


def _square_reader(at: slice = PLACE) -> Classifier:
    linear = nn.Linear(1, 1)
    nn.init.constant_(linear.weight, 50.0)
    nn.init.constant_(linear.bias, -2.0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(nn.Sequential(Contrast(at)), {"contrast": "0"}, head).eval().requires_grad_(False)
    return Classifier(Checkpoint("square", "by hand", ("mass",), True, Input(size=SIZE), sha256=""), network)


def _question(classifier: Classifier, heat: NDArray[np.float32], *, fill: Fill = "blur") -> Question:
    explanation = Explanation(
        FILM.key, "c", heat, Placement(0, 0, 400, 400), False, "logits", "saliency", "mass", None, {}, 0.0, (1, 0)
    )
    return Question(classifier, FILM, explanation, Cleaning(), fill=fill)


def _heat(at: slice) -> NDArray[np.float32]:
    heat = np.zeros((12, 12), np.float32)
    cells = slice(at.start // 8, -(-at.stop // 8))
    heat[cells, cells] = 1
    return heat


@pytest.mark.parametrize("fill", ["blur", "mean", "in-painting"])  # noise is contrast, which this network reads
def test_the_curves_believe_the_map_of_the_right_place_and_no_other(fill: Fill) -> None:
    right = measures["curves"](_question(_square_reader(), _heat(PLACE), fill=fill))
    wrong = measures["curves"](_question(_square_reader(), _heat(slice(64, 88)), fill=fill))

    assert right.level == "ok"
    assert wrong.level == "warning"
    assert "No measurable effect" in wrong.verdict


def test_a_curve_begins_after_the_first_step_and_ends_with_everything_filled() -> None:
    question = _question(_square_reader(), _heat(PLACE), fill="mean")

    result = curves(question, [question.explanation.heat], steps=4)[0]

    flat = 1 / (1 + np.exp(2.0))  # no contrast: the bias alone
    assert result.deletion[-1] == pytest.approx(flat, abs=1e-6)
    assert result.deletion[0] == pytest.approx(flat, abs=1e-6)  # the square is within the first quarter
    assert result.insertion[-1] > flat + 0.1


def test_areas_are_those_of_the_trapezoid_rule() -> None:
    result = Curves(np.array([0.8, 0.4, 0.2], np.float32), np.array([0.2, 0.6, 0.8], np.float32))

    assert result.deletion_area == pytest.approx(0.9)
    assert result.gap == pytest.approx(1.6 / 3 - 1.4 / 3)


def test_the_hottest_pixels_come_first_in_equal_steps() -> None:
    masks = hottest_first(np.arange(100, dtype=np.float32).reshape(10, 10), 4)

    assert masks.sum(dim=(1, 2)).tolist() == [25, 50, 75, 100]
    assert bool(masks[0, 9, 9])
    assert not bool(masks[0, 0, 0])


def test_control_maps_have_the_grid_of_the_map_and_random_ones_its_values() -> None:
    heat = np.random.default_rng(0).random((7, 7), np.float32)

    maps = controls(_question(_square_reader(), heat))

    assert {each.shape for each in maps.values()} == {(7, 7)}
    assert sorted(maps["random 1"].ravel()) == sorted(heat.ravel())
    assert {"edge", "centre", "lung mask"} <= set(maps)


def test_in_painting_takes_the_neighbours_grey_and_leaves_the_rest() -> None:
    image = torch.zeros(1, 9, 9)
    image[:, :, 5:] = 1.0
    mask = torch.zeros(1, 9, 9, dtype=torch.bool)
    mask[:, 4, 1] = True
    mask[:, 4, 7] = True

    result = inpainted(image, mask)

    assert result[0, 0, 4, 1] == 0
    assert result[0, 0, 4, 7] == 1
    assert torch.equal(result[0], image)


def test_a_fill_changes_the_masked_part_only() -> None:
    image = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(1, 16, 16, dtype=torch.bool)
    masks[:, :4] = True

    for fill in FILLS:
        result = filled(image, masks, fill)[0]
        assert torch.equal(result[:, 4:], image[:, 4:])
        assert not torch.equal(result[:, :4], image[:, :4])
    assert filled(image, masks, "mean")[0, 0, 0, 0] == pytest.approx(float(image.mean()))


def test_rank_correlation_ignores_scale_and_gives_0_for_a_flat_map() -> None:
    heat = np.array([[1, 2], [3, 10]], np.float32)

    assert rank_correlation(heat, np.exp(heat)) == pytest.approx(1)
    assert rank_correlation(heat, -heat) == pytest.approx(-1)
    assert rank_correlation(heat, np.ones((2, 2), np.float32)) == 0
    # ranks 1.5 1.5 3 4 against 1 2 3 4
    assert rank_correlation(np.array([[1, 1], [2, 3]], np.float32), heat) == pytest.approx(0.9486833)


def test_a_map_made_again_is_the_same_map(classifier: Classifier) -> None:
    for method in ("grad-cam", "saliency"):
        explanation = explain(classifier, FILM, finding="covid", method=method)
        question = Question(classifier, FILM, explanation, Cleaning())

        again = heat_of(question, prepared(question).image)

        assert np.allclose(again, explanation.heat, atol=1e-6)


@pytest.fixture(scope="module")
def trained() -> Classifier:
    """A small network that learned the side of a bright half within a few steps."""
    torch.manual_seed(0)
    network = architectures["small-cnn"].build(2, 1)
    images, truth = torch.randn(32, 1, 64, 64), torch.arange(32) % 2
    images[truth == 1, :, :, 32:] += 1.5
    images[truth == 0, :, :, :32] += 1.5
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(12):
        loss = nn.functional.cross_entropy(network.train()(images), truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    card = Checkpoint("sides", "small-cnn", ("left", "right"), False, Input(size=64), sha256="s")
    return Classifier(card, network.eval().requires_grad_(False))


def test_guided_backprop_is_flagged_by_random_weights_and_grad_cam_is_not(trained: Classifier) -> None:
    results = dict(table(trained, ["grad-cam", "guided-backprop"]))

    assert sameness(results["guided-backprop"]) > sameness(results["grad-cam"]) + 0.2
    assert sameness(results["grad-cam"]) < 0.45


def test_the_cascade_begins_at_the_head_and_leaves_the_network_alone(trained: Classifier) -> None:
    with trained.alone() as network:
        before = {name: value.clone() for name, value in network.state_dict().items()}

    changed = []
    for random in randomised(trained, 0):
        with random.alone() as network:
            changed.append(
                {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
            )
    with trained.alone() as network:
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(name.startswith("head") for name in changed[0])
    assert len(changed[0]) < len(changed[1]) < len(changed[-1])


def test_a_map_of_edges_is_the_same_without_any_weights(trained: Classifier) -> None:
    explanation = explain(trained, FILM, finding="left", method="edge-map")

    steps = cascade(Question(trained, FILM, explanation, Cleaning()))

    assert steps == pytest.approx([1.0] * len(steps))


def test_the_table_beside_the_weights_is_read_for_these_weights_only(classifier: Classifier, weights: Path) -> None:
    card = load("untrained", weights).checkpoint
    path = write_table(card, {"grad-cam": [0.1, 0.2]}, weights)

    assert read_table(card, weights) == {"grad-cam": [0.1, 0.2]}
    path.write_text(path.read_text().replace(card.sha256, "other"))
    assert read_table(card, weights) == {}
    path.unlink()


def test_a_map_that_ignores_the_film_is_stable_and_one_of_noise_is_not(trained: Classifier) -> None:
    edges = explain(trained, FILM, finding="left", method="edge-map")
    noise = explain(trained, FILM, finding="left", method="saliency")

    stable, unstable = (measures["stability"](Question(trained, FILM, each, Cleaning())) for each in (edges, noise))

    assert stable.value > unstable.value
    assert stable.level != "warning"


def test_infidelity_prefers_the_right_place_and_sensitivity_is_a_share_of_the_norm(trained: Classifier) -> None:
    right, wrong = (
        measures["infidelity"](_question(_square_reader(), _heat(at))).value for at in (PLACE, slice(64, 88))
    )
    explanation = explain(trained, FILM, finding="left", method="edge-map")
    sensitivity = measures["max-sensitivity"](Question(trained, FILM, explanation, Cleaning()))

    assert right < wrong
    assert 0 < sensitivity.value < 1
