"""Features of many films in two dimensions, and how far such a map can be trusted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.work import Work

NEIGHBOURS = 10
MOST: dict[str, int] = {"PCA": 100_000, "t-SNE": 5_000, "Self-organising map": 5_000}  # films
_MEASURED = 2_000  # maximum films for trustworthiness, which compares all pairs
_DIMENSIONS = 50  # kept before t-SNE and the self-organising map
_ROUNDS = 20  # passes of the self-organising map over the films
_EXAGGERATED, _FURTHER = 250, 500  # iterations of t-SNE, those of openTSNE's defaults
_EVERY = 10  # iterations between two reports of progress

ProjectionName = Literal["PCA", "t-SNE", "Self-organising map"]
MapPoints = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Projection:
    """A map of films.

    points:          (N, 2); for a self-organising map the cell, with a little noise so that films do not overlap.
    trustworthiness: 0 to 1, whether neighbours here are neighbours in the features; 1 is best.
                     Source: Venna and Kaski 2001, doi:10.1007/3-540-44668-0_68.
    distances:       (rows, columns) of a self-organising map: mean distance of each cell to those around it (U-matrix);
                     None for others. Source: Ultsch 1993.
    """

    points: MapPoints
    trustworthiness: float
    distances: MapPoints | None = None


def projection(
    features: NDArray[np.float32], name: ProjectionName, *, seed: int = 0, work: Work | None = None
) -> Projection:
    """The features (N, K) in two dimensions.

    work:   counts iterations of t-SNE, and passes of the self-organising map.
    Raises: Stopped by `work`.
    Source: PCA: Pearson 1901; t-SNE: van der Maaten and Hinton 2008, by openTSNE (Poličar et al. 2019); self-organising
            map: Kohonen 1982, by MiniSom.
    """
    from sklearn.decomposition import PCA

    standard = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-6)
    kept = min(_DIMENSIONS, *standard.shape)
    reduced = PCA(kept, random_state=seed).fit_transform(standard)
    distances, work = None, work or Work(limit=0)
    if name == "PCA":
        points = reduced[:, :2]
    elif name == "t-SNE":
        points = _tsne(reduced, seed, work)
    else:
        points, distances = _self_organised(reduced, seed, work)
    return Projection(np.asarray(points, np.float64), _trustworthiness(standard, points, seed), distances)


def neighbour_purity(points: MapPoints, labels: NDArray[np.str_]) -> tuple[float, float]:
    """Share of the ten nearest neighbours on the map with the film's own label, and what chance would give.

    points: (N, 2); labels: (N,), of films that have one.
    """
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points) - 1)).fit(points).kneighbors(return_distance=False)
    _, counts = np.unique(labels, return_counts=True)
    chance = float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1)))
    return float((labels[near] == labels[:, None]).mean()), chance


def _tsne(reduced: MapPoints, seed: int, work: Work) -> MapPoints:
    from openTSNE import TSNE

    work.expect(_EXAGGERATED + _FURTHER)
    tsne = TSNE(
        perplexity=min(30.0, max(2.0, (len(reduced) - 1) / 3)),
        early_exaggeration_iter=_EXAGGERATED,
        n_iter=_FURTHER,
        random_state=seed,
        n_jobs=1,
        callbacks=lambda *_: work.step(_EVERY),
        callbacks_every_iters=_EVERY,
    )
    return np.asarray(tsne.fit(np.asarray(reduced, np.float64)))


def _self_organised(reduced: MapPoints, seed: int, work: Work) -> tuple[MapPoints, MapPoints]:
    """The cell of each film, and the U-matrix; N films have about five times the root of N cells."""
    from minisom import MiniSom

    side = max(3, round(np.sqrt(5 * np.sqrt(len(reduced)))))
    grid = MiniSom(side, side, reduced.shape[1], sigma=side / 4, learning_rate=0.5, random_seed=seed)
    grid.pca_weights_init(reduced)
    work.expect(_ROUNDS)
    chance, steps = np.random.default_rng(seed), _ROUNDS * len(reduced)
    for turn in range(_ROUNDS):
        for place, film in enumerate(chance.permutation(len(reduced)), start=turn * len(reduced)):
            grid.update(reduced[film], grid.winner(reduced[film]), place, steps)
        work.step()
    cells = np.array([grid.winner(film) for film in reduced], np.float64)
    noise = chance.uniform(-0.38, 0.38, cells.shape)
    return cells[:, ::-1] + noise, np.asarray(grid.distance_map())


def _trustworthiness(features: NDArray[np.float32], points: MapPoints, seed: int) -> float:
    from sklearn.manifold import trustworthiness

    chosen = np.random.default_rng(seed).permutation(len(features))[:_MEASURED]
    near = min(NEIGHBOURS, max(1, (len(chosen) - 1) // 2 - 1))
    return float(trustworthiness(features[chosen], points[chosen], n_neighbors=near))
