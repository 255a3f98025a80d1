"""Clusters of maps: groups of films in which the model looks at the same place.

Source: Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4 (spectral relevance analysis).
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from core.audit.audit_test import AuditFigure, AuditResult, MapCluster, above, audit_test, judged, unjudged
from core.audit.observations import SIDE, Observations
from core.estimate import Estimate
from core.evaluate.intervals import estimates

_FEWEST = 40  # films for a graph of neighbours
_SMALLEST = 0.05  # share of the films: smaller clusters do not affect the verdict
_MOST = 8  # clusters
_NEIGHBOURS = 10
_EXAMPLES = 3
_WEAK = 1e-4  # affinity of films that are not neighbours, so that the graph is connected
_ORDER = ("holds", "doubtful", "fails")


@audit_test("map-clusters", title="Clusters of maps")
def map_clusters(observations: Observations) -> AuditResult:
    """Groups the maps of the predicted finding by the position of their heat (spectral relevance analysis): a group
    whose heat avoids the lungs reveals a habit that the mean hides."""
    films = np.flatnonzero(~np.isnan(observations.maps).any(axis=(1, 2)))
    if len(films) < _FEWEST:
        reason = f"{len(films)} films have lungs and a map that is not flat; clusters need {_FEWEST}."
        return unjudged("map-clusters", reason)
    maps = observations.maps[films].reshape(len(films), -1)
    labels = cluster_labels(np.sqrt(maps))
    groups = [films[labels == label] for label in np.unique(labels)]
    clusters = sorted((_cluster(observations, group) for group in groups), key=lambda each: -each[0].films)
    large = [each for each in clusters if each[0].films >= _SMALLEST * len(films)] or clusters[:1]
    cluster, excess = max(large, key=lambda each: (_ORDER.index(above(each[1], 0)), -each[1].value))
    word = above(excess, 0)
    meaning = {
        "holds": "Every cluster prefers the lungs.",
        "doubtful": "Its heat is in the lungs no more than by chance.",
        "fails": "Its heat avoids the lungs.",
    }
    share = cluster.lung_share
    sentence = (
        f"{len(clusters)} clusters; the one with the least heat in the lungs has {cluster.films} of {len(films)} "
        f"films: {share.value:.0%} ({share.low:.0%} to {share.high:.0%}) of its heat lies there (of an even map: "
        f"{cluster.lung_area:.0%}). {meaning[word]}"
    )
    figures = (AuditFigure("Heat in the lungs beyond that of an even map, in that cluster", excess, 0.0, "even map"),)
    return judged("map-clusters", word, sentence, figures, tuple(each for each, _ in clusters))


def cluster_labels(maps: NDArray[np.float32]) -> NDArray[np.intp]:
    """(N,) the cluster of each map (N, D), from 0; the largest gap between the eigenvalues sets the number of clusters.

    Source: von Luxburg 2007, doi:10.1007/s11222-007-9033-z (eigengap).
    """
    from scipy.sparse.csgraph import laplacian
    from sklearn.cluster import SpectralClustering
    from sklearn.neighbors import kneighbors_graph

    near = kneighbors_graph(maps, min(_NEIGHBOURS, len(maps) - 1), include_self=True)
    affinity = (0.5 * (near + near.T)).toarray() + _WEAK
    values = np.linalg.eigvalsh(laplacian(affinity, normed=True))[: _MOST + 1]
    count = 2 + int(np.diff(values)[1:].argmax())  # at least two: one cluster says nothing
    model = SpectralClustering(count, affinity="precomputed", random_state=0, assign_labels="cluster_qr")
    return np.asarray(model.fit_predict(affinity), np.intp)


def _cluster(observations: Observations, films: NDArray[np.intp]) -> tuple[MapCluster, Estimate]:
    """The cluster, and how far its share of heat in the lungs exceeds that of an even map."""
    calls = observations.calls[films]
    inside, area = observations.lung_share[films, calls], observations.lung_area[films]

    def values(drawn: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.array([inside[drawn].mean(), (inside[drawn] - area[drawn]).mean()])

    share, excess = estimates(values, observations.patients[films], repeats=observations.repeats)
    mean = observations.maps[films].mean(axis=0)
    away = np.square(observations.maps[films] - mean).sum(axis=(1, 2))
    cluster = MapCluster(
        films=len(films),
        lung_share=share,
        lung_area=round(float(area.mean()), 4),
        findings=_counts(np.array(observations.findings)[calls]),
        sources=_counts(observations.sources[films]),
        correct=round(float(observations.truth[films, calls].mean()), 4),
        examples=tuple(str(name) for name in observations.ids[films[away.argsort()[:_EXAMPLES]]]),
        heat=tuple(tuple(round(1000 * float(cell)) for cell in row) for row in mean.reshape(SIDE, SIDE)),
    )
    return cluster, excess


def _counts(values: NDArray[np.str_]) -> dict[str, int]:
    return {str(name): count for name, count in Counter(values[values != ""].tolist()).most_common()}
