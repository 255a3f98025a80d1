"""A unit's preferred picture: of a planted pattern, near a chest, the same each time, stopped."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import BadSetting, Stopped, UnknownName
from core.image.prepare import prepare
from core.layers.activations import stage_activations
from core.layers.preferred import STEPS, mean_chest, optimised_picture
from core.layers.reference import phantoms
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Radiograph
from core.work import Work
from tests.layers import planted

CROSS = np.array([[1 if 3 <= row <= 4 or 3 <= column <= 4 else -1 for column in range(8)] for row in range(8)])
RING = np.array(
    [[1 if 2 <= np.hypot(row - 3.5, column - 3.5) <= 3.7 else -1 for column in range(8)] for row in range(8)]
)
SIDE = 48  # px


def _patterned() -> Classifier:
    """Unit 0 of "one" answers to a cross of 8 px, unit 1 to a ring, unit 2 to nothing at all."""
    conv = nn.Conv2d(1, 3, kernel_size=8, stride=2)
    with torch.no_grad():
        for unit, pattern in enumerate((CROSS, RING, 0 * CROSS)):
            conv.weight[unit, 0] = torch.from_numpy(pattern - pattern.mean()) / 64
        conv.bias = nn.Parameter(torch.tensor([-0.1, -0.1, -1.0]))
    features = nn.Sequential(OrderedDict(conv=conv, relu=nn.ReLU()))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=nn.Linear(3, 1)))
    network = Network(features, {"one": "relu"}, head).eval().requires_grad_(False)
    return Classifier(Checkpoint("patterned", "by hand", ("x",), True, Input(size=SIDE), sha256="patterned"), network)


def _likeness(picture: NDArray[np.uint8], pattern: NDArray[np.int64]) -> float:
    """The greatest correlation of the pattern with any part of the picture."""
    parts = np.lib.stride_tricks.sliding_window_view(picture.astype(float), pattern.shape).reshape(-1, pattern.size)
    parts = parts - parts.mean(axis=1, keepdims=True)
    wanted = (pattern - pattern.mean()).ravel()
    return float((parts @ wanted / (np.linalg.norm(parts, axis=1) * np.linalg.norm(wanted) + 1e-9)).max())


def test_the_preferred_picture_shows_the_planted_pattern_and_no_other() -> None:
    cross, ring = (optimised_picture(_patterned(), "one", unit, steps=100).picture for unit in (0, 1))

    assert _likeness(cross, CROSS) > 0.85
    assert _likeness(ring, RING) > 0.65  # its corners are outside of the kernel's own circle
    assert _likeness(cross, RING) < 0.6
    assert _likeness(ring, CROSS) < 0.6


def test_the_pattern_of_one_cell_stands_in_the_middle_and_that_of_all_cells_everywhere() -> None:
    one, all_over = (optimised_picture(_patterned(), "one", 0, steps=60, objective=aim) for aim in ("centre", "mean"))
    middle = slice(SIDE // 4, -SIDE // 4)

    def rough(picture: NDArray[np.uint8]) -> float:
        return float(np.abs(np.diff(picture.astype(float))).mean())

    assert rough(one.picture[middle, middle]) > 3 * rough(one.picture[: SIDE // 4])
    assert rough(all_over.picture[: SIDE // 4]) > 5 * rough(one.picture[: SIDE // 4])


def test_it_excites_the_planted_unit_far_more_than_any_phantom() -> None:
    network = _patterned()
    best = max(float(stage_activations(network, film.open(), "one").maps[0].max()) for film in phantoms(6).films)
    picture = optimised_picture(network, "one", 0, steps=80)

    assert picture.after > 3 * best
    assert picture.after > 3 * picture.before
    assert picture.curve[-10:].mean() > 3 * picture.curve[:3].mean()


def test_what_it_says_of_its_answer_is_the_networks_own_answer_to_the_picture() -> None:
    network = planted.classifier()
    picture = optimised_picture(network, "stage 1", planted.UNIT, steps=40)
    film = planted.film(0)
    film = Radiograph(picture.picture, "preferred", 0, 255, film.origin)

    assert picture.picture.shape == (planted.SIDE, planted.SIDE)
    assert picture.after == pytest.approx(
        float(stage_activations(network, film, "stage 1").maps[planted.UNIT].max()), rel=1e-5
    )
    square = planted.film(1, squares=[(9, 13)])  # the film that it answers to as strongly as it can
    assert picture.after > 0.8 * stage_activations(network, square, "stage 1").maps[planted.UNIT].max() > 0


def test_a_unit_that_is_silent_at_the_start_is_woken() -> None:
    """Its bias of -0.75 shuts it for everything but white."""
    picture = optimised_picture(planted.classifier(), "stage 2", planted.UNIT, steps=40)

    assert picture.before == 0
    assert picture.after > 0.1


def test_a_unit_that_nothing_excites_gives_a_picture_all_the_same() -> None:
    picture = optimised_picture(_patterned(), "one", 2, steps=5)

    assert (picture.before, picture.after) == (0, 0)
    assert np.isfinite(picture.curve).all()


def test_near_a_chest_the_picture_stays_near_it() -> None:
    picture = optimised_picture(_patterned(), "one", 0, prior="chest", steps=40)
    apart = picture.picture / 255 - mean_chest(SIDE)

    assert 0.02 < np.sqrt(np.mean(apart**2)) < 0.085  # bound: 0.08, and rounding to whole greys
    assert picture.after > picture.before
    assert np.corrcoef(picture.picture.ravel(), mean_chest(SIDE).ravel())[0, 1] > 0.9


def test_the_mean_chest_is_that_of_drawn_ones() -> None:
    chest = mean_chest(64)
    film = prepare(phantoms(1).films[0].open(), Input(size=64)).picture

    assert chest.shape == (64, 64)
    assert 0 <= chest.min() < chest.max() <= 1
    assert np.corrcoef(chest.ravel(), film.ravel())[0, 1] > 0.8


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    one, same, other = (optimised_picture(_patterned(), "one", 0, steps=10, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(one.picture, same.picture)
    assert not np.array_equal(one.picture, other.picture)
    assert (one.settings.seed, one.settings.steps, one.settings.size) == (1, 10, SIDE)
    assert "10 steps, from noise" in one.recipe


def test_a_real_networks_inner_unit_is_excited_more_than_by_any_phantom(classifier: Classifier) -> None:
    films = [film.open() for film in phantoms(4).films]
    best = np.max([stage_activations(classifier, film, "stage 3").maps.max(axis=(1, 2)) for film in films], axis=0)
    channel = int(np.median(best.argsort()[-9:]))
    picture = optimised_picture(classifier, "stage 3", channel, steps=30)

    assert picture.after > 1.5 * best[channel]


def test_it_tells_how_far_it_is_and_can_be_cancelled() -> None:
    seen: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 3:
            work.cancel()

    work = Work(tell=tell)
    with pytest.raises(Stopped, match="cancelled"):
        optimised_picture(_patterned(), "one", 0, work=work)
    assert seen[-1] == (3, STEPS["free"])


def test_what_is_not_there_is_reported() -> None:
    with pytest.raises(BadSetting, match=r"one has no unit 3; it has units 0 to 2"):
        optimised_picture(_patterned(), "one", 3)
    with pytest.raises(UnknownName, match=r"no layer of by hand named 'two'"):
        optimised_picture(_patterned(), "two", 0)
    with pytest.raises(BadSetting, match=r"0 steps at 48 px: use 1 step or more at 16 to 512 px"):
        optimised_picture(_patterned(), "one", 0, steps=0)
    with pytest.raises(BadSetting, match=r"the prior is free or chest"):
        optimised_picture(_patterned(), "one", 0, prior="tissue")  # type: ignore[arg-type]
