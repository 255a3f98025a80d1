"""Centred kernel alignment: against the formulas, and on networks whose similarity is known."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from core.compare.cka import FEWEST, centred, cka
from core.errors import BadData, Stopped
from core.image.phantom import draw
from core.image.prepare import prepare
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Cleaning, Input, Radiograph
from core.work import Work


@pytest.fixture(scope="module")
def films() -> list[Radiograph]:
    """Nine drawn chests."""
    return [draw(seed=seed, height=96, width=96).radiograph for seed in range(9)]


def network(*stages: nn.Module, size: int = 32, fit: str = "stretch") -> Classifier:
    """A network of these stages behind a head that nobody asks."""
    layers = nn.Sequential(*stages)
    names = {f"stage {number + 1}": str(number) for number in range(len(stages))}
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(1))
    result = Network(layers, names, head)
    result(torch.zeros(1, 1, size, size))
    card = Checkpoint("by hand", "by hand", ("covid",), True, Input(size=size, fit=fit), sha256="")  # type: ignore[arg-type]
    return Classifier(card, result.eval().requires_grad_(False))


def convolution(channels: int, seed: int, *, inputs: int = 1, kernel: int = 3) -> nn.Conv2d:
    torch.manual_seed(seed)
    return nn.Conv2d(inputs, channels, kernel, padding=kernel // 2)


def hsic_1(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """As it stands in Song et al. 2012 and Nguyen et al. 2021, of samples (n, p)."""
    n = len(one)
    k, m = (each @ each.T * (1 - np.eye(n)) for each in (one, other))
    ones = np.ones(n)
    middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return float((np.trace(k @ m) + middle - 2 / (n - 2) * (ones @ k @ m @ ones)) / (n * (n - 3)))


def product(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    a, b = (centred(torch.from_numpy(each)) for each in (one, other))
    return float(a @ b / (len(one) * (len(one) - 3)))


def test_products_of_centred_grams_are_hsic_1() -> None:
    chance = np.random.default_rng(0)
    one, other = chance.normal(3, 1, (7, 5)), chance.normal(-2, 1, (7, 9))

    assert product(one, other) == pytest.approx(hsic_1(one, other))
    assert product(one, one) == pytest.approx(hsic_1(one, one))


def test_unrelated_samples_align_by_nothing_on_average_however_wide_they_are() -> None:
    chance = np.random.default_rng(0)
    aligned = []
    for _ in range(100):
        one, other = chance.normal(size=(8, 400)), chance.normal(size=(8, 400))
        aligned.append(product(one, other) / np.sqrt(product(one, one) * product(other, other)))

    assert abs(np.mean(aligned)) < 0.1  # the biased estimator has 0.98 here
    biased = [each - each.mean(axis=0) for each in (one, other)]
    grams = [each @ each.T for each in biased]
    assert (grams[0] * grams[1]).sum() / np.sqrt((grams[0] ** 2).sum() * (grams[1] ** 2).sum()) > 0.9


def test_a_network_is_like_itself_and_likeness_is_symmetric(films: list[Radiograph]) -> None:
    a, b = network(convolution(4, 0), nn.ReLU()), network(convolution(6, 1), nn.ReLU())
    own, there, back = cka(a, a, films), cka(a, b, films), cka(b, a, films)

    assert own.values.diagonal() == pytest.approx([1, 1])
    assert np.allclose(there.values, back.values.T)
    assert (own.first, own.second, own.over, own.films) == (("stage 1", "stage 2"),) * 2 + ("9 films", 9)
    assert not own.values.flags.writeable


def test_turning_and_scaling_the_channels_changes_nothing(films: list[Radiograph]) -> None:
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))
    mixed = nn.Conv2d(4, 4, 1, bias=False)
    mixed.weight = nn.Parameter(5 * turn[:, :, None, None])

    plain, turned = network(convolution(4, 0)), network(nn.Sequential(convolution(4, 0), mixed))

    assert cka(plain, turned, films).values == pytest.approx(1, abs=1e-4)
    assert cka(plain, turned, films[:1]).values == pytest.approx(1, abs=1e-4)


def test_other_networks_are_less_alike(films: list[Radiograph]) -> None:
    same, other = network(convolution(8, 0, kernel=7)), network(convolution(8, 1, kernel=7))

    assert cka(same, other, films[:1]).values[0, 0] < 0.95


def test_batches_are_averaged_and_none_is_too_small(films: list[Radiograph], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = network(convolution(4, 0)), network(convolution(6, 1))
    monkeypatch.setattr("core.compare.cka._MOST", 4)
    similarity = cka(a, b, films)  # 4 films, then 4 and the one that is left over

    features = [[_features(each, film) for film in films] for each in (a, b)]
    sums = np.zeros(3)
    for part in (slice(0, 4), slice(4, 9)):
        one, other = (np.stack(each[part]) for each in features)
        sums += [hsic_1(one, other), hsic_1(one, one), hsic_1(other, other)]
    assert similarity.values[0, 0] == pytest.approx(sums[0] / np.sqrt(sums[1] * sums[2]), rel=1e-3)


def _features(classifier: Classifier, film: Radiograph) -> NDArray[np.float64]:
    image = prepare(film, classifier.checkpoint.input).image[None]
    with classifier.alone() as bare:
        return np.asarray(bare.features(image).flatten().double().numpy())


def test_one_film_is_compared_place_by_place_wherever_each_network_sees_it() -> None:
    wide = draw(seed=3, height=96, width=144).radiograph
    stretched, padded = network(nn.Identity(), size=96), network(nn.Identity(), size=96, fit="pad")
    similarity = cka(stretched, padded, [wide])

    assert similarity.values[0, 0] > 0.98  # the same film on both; cell by cell it is far from that
    assert similarity.over == "the 196 places of one film"
    assert cka(stretched, padded, [wide], cleaning=Cleaning(turn=1)).values[0, 0] > 0.98
    squares = torch.stack([prepare(wide, each.checkpoint.input).image.flatten() for each in (stretched, padded)])
    assert float(torch.corrcoef(squares)[0, 1]) ** 2 < 0.5


def test_a_stage_that_does_not_vary_has_no_likeness(films: list[Radiograph]) -> None:
    dead = convolution(3, 0)
    nn.init.zeros_(dead.weight)
    similarity = cka(network(convolution(4, 0)), network(nn.Identity(), dead), films)

    assert np.isfinite(similarity.values[0, 0])
    assert np.isnan(similarity.values[0, 1])


def test_two_films_are_too_few_and_none_is_none(films: list[Radiograph]) -> None:
    a = network(nn.Identity())
    with pytest.raises(BadData, match=f"cannot be compared on 2 films. Give {FEWEST} or more"):
        cka(a, a, films[:2])
    with pytest.raises(BadData, match="There is no film"):
        cka(a, a, [])


def test_it_tells_how_far_it_is_reads_films_as_it_goes_and_can_be_stopped(
    films: list[Radiograph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.compare.cka._MOST", 4)
    a, b = network(nn.Identity()), network(convolution(2, 0))
    steps: list[tuple[int, int]] = []
    read = []

    def one_by_one() -> Iterator[Radiograph]:
        for number, film in enumerate(films):
            read.append((number, work.done))
            yield film

    work = Work(tell=lambda done, total: steps.append((done, total)))
    cka(a, b, one_by_one(), total=9, work=work)
    assert steps[-1] == (18, 18)
    assert read[7:] == [(7, 0), (8, 8)]  # one batch ahead, so that the last one is not too small
    assert list(dict.fromkeys(done for done, _ in steps)) == [0, 4, 8, 13, 18]

    work = Work(tell=lambda done, total: work.cancel() if done >= 8 else None)
    with pytest.raises(Stopped, match="cancelled"):
        cka(a, b, films, work=work)
