"""Similarity of two networks' stages, whatever their widths: centred kernel alignment (CKA)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.compare.grid import Area, area
from core.errors import BadData
from core.explain import memory
from core.explain.evidence import Tape
from core.image.prepare import Prepared, prepare
from core.models.classifier import Classifier
from core.types import Cleaning, Placement, Radiograph, seal
from core.work import Work

FEWEST = 4  # films or places that the unbiased estimator needs
GRID = 14  # places per side on one film; as many as the finest last stage has
_MOST = 16  # films per batch: affects memory, hardly the estimate
_STILL = 1e-6  # of the largest feature: smaller variation counts as none
_FINER = 4  # points per side averaged for each place, so that fine stages are not just sampled

Grams = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Likeness:
    """Linear CKA of every stage of one network with every stage of another.

    first, second: (A,) and (B,) names of the stages.
    values:        (A, B), 1 if two stages are equal up to rotation and scaling, 0 if they are unrelated; the estimator
                   is unbiased, so it can fall below 0. NaN if a stage does not vary.
    over:          the samples, in words: "32 films", "the 196 places of one film".
    films:         their number.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    values: NDArray[np.float64]
    over: str
    films: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", seal(self.values))


def cka(
    first: Classifier,
    second: Classifier,
    films: Iterable[Radiograph],
    *,
    cleaning: Cleaning | Mapping[str, Cleaning] | None = None,
    total: int | None = None,
    work: Work | None = None,
) -> Likeness:
    """The similarity of the stages over films; for a single film over its places.

    Over films each film's whole feature maps are one sample. They are compared batch by batch and the batches
    averaged, so memory does not grow with the films; a film is read only when its turn comes.
    Over one film each of 14 × 14 places, laid over what both networks see of it, is a sample of K channels: that
    measures whether the stages represent this film alike, not whether they separate films alike.

    cleaning: of all films, or of each by its key.
    total:   number of films, if known, for the progress.
    Raises:  BadData for no film, or for two or three: too few for films, and places need exactly one.
             Stopped as `work` says.
    Source:  Kornblith et al. 2019, arXiv:1905.00414; unbiased over batches as in Nguyen et al. 2021,
             arXiv:2010.15327, after Song et al. 2012 (HSIC_1). A few outliers can move it: Davari et al. 2022,
             arXiv:2210.16156.
    """
    work = work or Work(limit=0)
    coming = iter(films)
    ahead = list(islice(coming, FEWEST))
    if not ahead:
        raise BadData("There is no film to compare the stages on. Give one, or four or more.")
    if 1 < len(ahead) < FEWEST:
        raise BadData(
            f"The stages cannot be compared on {len(ahead)} films. Give {FEWEST} or more to compare over films, "
            "or exactly one to compare over its places."
        )
    with torch.inference_mode(False):  # the caller may be in inference mode, and the tape keeps a graph
        if len(ahead) == 1:
            return _of_one(first, second, ahead[0], _of(ahead[0], cleaning), work)
        return _of_many(first, second, chain(ahead, coming), cleaning, total, work)


def _of_many(
    first: Classifier,
    second: Classifier,
    films: Iterable[Radiograph],
    cleaning: Cleaning | Mapping[str, Cleaning] | None,
    total: int | None,
    work: Work,
) -> Likeness:
    networks = (first, second)
    images = (
        tuple(prepare(film, each.checkpoint.input, _of(film, cleaning)).image for each in networks) for film in films
    )
    start = next(images)
    size = min(_batch(each, image) for each, image in zip(networks, start, strict=True))
    if total:
        work.expect(2 * total)
    products: NDArray[np.float64] | float = 0.0
    count = 0
    for batch in _batches(chain([start], images), size):
        if not total:
            work.expect(2 * len(batch))
        both = [
            _grams(each, torch.stack(own), work) for each, own in zip(networks, zip(*batch, strict=True), strict=True)
        ]
        products = products + _products(*both)
        count += len(batch)
    return _likeness(first, second, products, f"{count} films", count)


def _of(film: Radiograph, cleaning: Cleaning | Mapping[str, Cleaning] | None) -> Cleaning | None:
    return cleaning.get(film.key) if isinstance(cleaning, Mapping) else cleaning


def _of_one(first: Classifier, second: Classifier, film: Radiograph, cleaning: Cleaning | None, work: Work) -> Likeness:
    prepared = [prepare(film, each.checkpoint.input, cleaning) for each in (first, second)]
    common = area(film, [each.placement for each in prepared])
    if common is None:
        raise BadData(f"The two networks see no common part of {film.name}. Keep its borders, or choose another film.")
    work.expect(2)
    both = [_grams_of_places(*each, common, work) for each in zip((first, second), prepared, strict=True)]
    return _likeness(first, second, _products(*both), f"the {GRID * GRID} places of one film", 1)


def _stages(classifier: Classifier) -> tuple[str, ...]:
    with classifier.alone() as network:
        return tuple(network.stages)


def _batch(classifier: Classifier, image: Tensor) -> int:
    """Films per batch whose features fit into the budget, FEWEST or more.

    Independent of free memory, which would change the figures a little.
    """
    with classifier.alone() as network:
        saved, _ = memory.cost(network, image)
    return max(FEWEST, min(_MOST, int(memory.BUDGET / saved)))


def _batches(images: Iterator[tuple[Tensor, ...]], size: int) -> Iterator[list[tuple[Tensor, ...]]]:
    """Batches of `size`; a remainder too small for a batch is added to the last one."""
    held: list[tuple[Tensor, ...]] = []
    while batch := list(islice(images, size)):
        if held and len(batch) >= FEWEST:
            yield held
            held = batch
        else:
            held += batch
    yield held


def _grams(classifier: Classifier, images: Tensor, work: Work) -> Grams:
    """(stages, n * n) centred products of the features of n films."""
    with classifier.alone(work) as network:
        tape = Tape(network, images.to(classifier.device), grad_from=network.last_stage)
        grams = np.stack([centred(tape.features(stage).flatten(1)) for stage in network.stages])
        work.step(len(images))
    return grams


def _grams_of_places(classifier: Classifier, prepared: Prepared, common: Area, work: Work) -> Grams:
    """(stages, n * n) centred products of the features at n places of the common part of one film."""
    with classifier.alone(work) as network:
        tape = Tape(network, prepared.image[None].to(classifier.device), grad_from=network.last_stage)
        places = (_at_places(tape.features(stage)[0], prepared.placement, common) for stage in network.stages)
        grams = np.stack([centred(each) for each in places])
        work.step()
    return grams


def _at_places(features: Tensor, placement: Placement, common: Area) -> Tensor:
    """(K, h, w) features of the network's square to (GRID * GRID, K) of places of the film."""
    upright = torch.rot90(features, -placement.turn, dims=(1, 2))
    step = (torch.arange(GRID * _FINER, device=features.device) + 0.5) / (GRID * _FINER)
    x = common.x0 + step * (common.x1 - common.x0)
    y = common.y0 + step * (common.y1 - common.y0)
    across = 2 * (x - placement.x0) / (placement.x1 - placement.x0) - 1
    down = 2 * (y - placement.y0) / (placement.y1 - placement.y0) - 1
    points = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)[None].to(features.dtype)
    seen = functional.grid_sample(upright[None], points, mode="bilinear", padding_mode="border", align_corners=False)
    return functional.avg_pool2d(seen, _FINER)[0].flatten(1).T


def centred(samples: Tensor) -> Grams:
    """(n, p) samples to (n * n,) their products, centred so that products of two of them estimate HSIC without bias.

    Source: Szekely and Rizzo 2014, doi:10.1214/14-AOS1255 (U-centring); the inner product of two such matrices over
            n (n - 3) is HSIC_1 of Song et al. 2012.
    """
    away = samples - samples.mean(dim=0)
    if float(away.abs().max()) <= _STILL * float(samples.abs().max()):
        away = torch.zeros_like(away)
    products = (away @ away.T).double().cpu().numpy()
    n = len(products)
    np.fill_diagonal(products, 0)
    rows = products.sum(axis=1, keepdims=True)
    centred = products - (rows + rows.T) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return np.asarray(centred.ravel())


def _products(first: Grams, second: Grams) -> NDArray[np.float64]:
    """(A + B, A + B) HSIC_1 of each stage with each."""
    both = np.concatenate([first, second])
    n = round(both.shape[1] ** 0.5)
    return np.asarray(both @ both.T / (n * (n - 3)))


def _likeness(
    first: Classifier, second: Classifier, products: NDArray[np.float64] | float, over: str, films: int
) -> Likeness:
    """The (A + B, A + B) sums of HSIC_1 over batches as the (A, B) CKA."""
    rows, columns = _stages(first), _stages(second)
    products = np.asarray(products)
    own = np.where(products.diagonal() > 0, products.diagonal(), np.nan)
    values = products / np.sqrt(own[:, None] * own)
    return Likeness(rows, columns, values[: len(rows), len(rows) :], over, films)
