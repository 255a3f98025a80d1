"""Random changes: what they keep, what they move together, what they replace."""

import torch
from torch import Tensor
from torch.nn import functional

from core.train.augment import _Chance, _elsewhere, augment, grown
from core.train.data import Films


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _square(rows: slice, columns: slice, films: int = 32) -> Tensor:
    """(films, 64, 64) uint8: bright where said, dark elsewhere."""
    planes = torch.full((films, 64, 64), 40, dtype=torch.uint8)
    planes[:, rows, columns] = 220
    return planes


def test_the_same_seed_gives_the_same_batch_and_another_does_not(train_films: Films) -> None:
    batch, lungs = train_films.images[:6], train_films.lungs
    assert lungs is not None
    films, inside = augment(batch, 48, _generator(), lungs=lungs[:6], replaced=0.5)
    again, inside_again = augment(batch, 48, _generator(), lungs=lungs[:6], replaced=0.5)
    other, _ = augment(batch, 48, _generator(1), lungs=lungs[:6], replaced=0.5)

    assert inside is not None
    assert inside_again is not None
    assert torch.equal(films, again)
    assert torch.equal(inside, inside_again)
    assert (films - other).abs().mean() > 0.1


def test_films_come_standardised_at_the_size_requested(train_films: Films) -> None:
    films, inside = augment(train_films.images[:6], 48, _generator())

    assert inside is None
    assert films.shape == (6, 1, 48, 48)
    assert torch.allclose(films.mean(dim=(1, 2, 3)), torch.zeros(6), atol=1e-4)
    assert torch.allclose(films.std(dim=(1, 2, 3)), torch.ones(6), atol=1e-3)


def test_a_film_is_never_turned_upside_down() -> None:
    films, _ = augment(_square(slice(0, 32), slice(0, 64)), 32, _generator())

    assert (films[:, :, :10].mean(dim=(1, 2, 3)) > films[:, :, -10:].mean(dim=(1, 2, 3)) + 0.5).all()


def test_about_half_of_the_films_are_mirrored() -> None:
    films, _ = augment(_square(slice(0, 64), slice(0, 32), films=200), 32, _generator())
    mirrored = films[..., -10:].mean(dim=(1, 2, 3)) > films[..., :10].mean(dim=(1, 2, 3))

    assert 70 < int(mirrored.sum()) < 130  # 4 deviations of 200 coins


def test_the_lungs_move_with_the_film() -> None:
    marker = _square(slice(12, 26), slice(38, 54))
    lungs = torch.where(marker == 220, 255, 0).to(torch.uint8)
    films, inside = augment(marker, 48, _generator(), lungs=lungs)

    assert inside is not None
    places = []
    for film, mask in zip(films[:, 0], inside[:, 0] > 0.5, strict=True):
        assert film[mask].mean() > film[~mask].mean() + 1.0
        places.append(int(mask.nonzero()[:, 1].float().mean()))
    assert min(places) < 20  # mirrored
    assert max(places) > 28


def test_the_background_is_replaced_and_the_lungs_stay() -> None:
    films = torch.rand(8, 1, 48, 48, generator=_generator(1)) * 0.1 + 0.45
    lungs = torch.zeros(8, 1, 48, 48)
    lungs[:, :, 16:32, 16:32] = 1
    changed = _elsewhere(films, lungs, 1.0, _Chance(8, _generator(), torch.device("cpu")))
    untouched = _elsewhere(films, lungs, 0.0, _Chance(8, _generator(), torch.device("cpu")))

    assert torch.equal(untouched, films)
    assert torch.allclose(changed[:, :, 16:32, 16:32], films[:, :, 16:32, 16:32], atol=1e-6)
    beyond = torch.ones(48, 48, dtype=torch.bool)
    beyond[8:40, 8:40] = False  # more than 8 % of the side away
    assert ((changed - films)[:, 0, beyond].abs().mean(dim=1) > 0.01).all()


def test_a_film_that_is_all_lung_stays_whole_to_its_edges() -> None:
    films = torch.rand(4, 1, 32, 32, generator=_generator(1))
    changed = _elsewhere(films, torch.ones(4, 1, 32, 32), 1.0, _Chance(4, _generator(), torch.device("cpu")))

    assert torch.allclose(changed, films, atol=1e-6)


def test_grown_lungs_reach_a_square_around_each_pixel() -> None:
    lungs = (torch.rand(2, 1, 50, 50, generator=_generator()) > 0.99).float()

    assert torch.equal(grown(lungs, 0.06), functional.max_pool2d(lungs, 7, stride=1, padding=3))
