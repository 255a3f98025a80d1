"""The running statistics of a survey; their size does not grow with the number of films."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.layers.plan import NetworkPlan
from core.layers.reference import ReferenceFilm

SAMPLE = 2000  # films behind quantiles, AUC and nearest units
NEAREST = 8  # nearest units kept per unit
FEWEST = 10  # films below which a correlation is meaningless
LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BLOCK = 256  # units at once: bounds the memory of ranks and correlations
_NONE = -np.inf  # value of an empty place among the best films

AnyArray = NDArray[Any]


@dataclass(frozen=True, eq=False)
class UnitResponses:
    """The responses to some films: (N, U) each, of all stages one after another.

    relevance: for the likeliest finding; NaN if it was not computed.
    last:      (N, F, K) of the last stage, all findings.
    likeliest: (N,).
    """

    mean: AnyArray
    greatest: AnyArray
    greatest_cell: AnyArray
    relevance: AnyArray
    relevance_cell: AnyArray
    last: AnyArray
    likeliest: AnyArray
    inner: bool


@dataclass(eq=False)
class Tally:
    """The statistics so far; U units of all stages one after another, F findings.

    sums:     name -> array: mean (U,), speaks (U, F) and asked (S, F), the number of films behind it.
    best:     name -> (U, top) of "value", "film", "cell", "finding", for "exciting_" and "relevant_".
    maxima:   (SAMPLE, U) float32, the greatest activations of the first films.
    truth:    (SAMPLE, F), 1, 0 or -1 (unknown).
    seen:     films processed.
    films:    those that could be read.
    followed: those with inner relevance.
    """

    arrays: dict[str, AnyArray]
    widths: tuple[int, ...]
    seen: int = 0
    films: int = 0
    followed: int = 0
    skipped: tuple[tuple[str, str], ...] = ()

    @classmethod
    def fresh(cls, drawn: NetworkPlan, findings: int, top: int, films: int) -> "Tally":
        widths = tuple(stage.shape[0] for stage in drawn.stages)
        units, sample = sum(widths), min(films, SAMPLE)
        arrays: dict[str, AnyArray] = {
            "mean": np.zeros(units),
            "least": np.full(units, np.inf, np.float32),
            "most": np.full(units, -np.inf, np.float32),
            "speaks": np.zeros((units, findings)),
            "asked": np.zeros((len(widths), findings), np.int64),
            "maxima": np.zeros((sample, units), np.float32),
            "truth": np.full((sample, findings), -1, np.int8),
        }
        for name in ("exciting", "relevant"):
            arrays[f"{name}_value"] = np.full((units, top), _NONE, np.float32)
            for part in ("film", "cell", "finding"):
                arrays[f"{name}_{part}"] = np.zeros((units, top), np.int32)
        return cls(arrays, widths)

    def add(self, responses: "UnitResponses", films: Sequence[int], truth: AnyArray) -> None:
        """Adds some films; films: their places in the order; truth: (N, F)."""
        a, many = self.arrays, len(films)
        a["mean"] += responses.mean.sum(axis=0, dtype=np.float64)
        a["least"] = np.minimum(a["least"], responses.greatest.min(axis=0))
        a["most"] = np.maximum(a["most"], responses.greatest.max(axis=0))
        room = max(0, min(many, len(a["maxima"]) - self.films))
        a["maxima"][self.films : self.films + room] = responses.greatest[:room]
        a["truth"][self.films : self.films + room] = truth[:room]
        self._keep("exciting", responses.greatest, responses.greatest_cell, films, responses.likeliest)
        relevance = np.where(np.isnan(responses.relevance), _NONE, responses.relevance)
        self._keep("relevant", relevance, responses.relevance_cell, films, responses.likeliest)
        last = sum(self.widths[:-1])
        a["speaks"][last:] += responses.last.sum(axis=0, dtype=np.float64).T
        a["asked"][-1] += many
        if responses.inner:
            for film, finding in enumerate(responses.likeliest):
                a["speaks"][:last, finding] += responses.relevance[film, :last]
                a["asked"][:-1, finding] += 1
            self.followed += many
        self.films += many

    def _keep(self, name: str, values: AnyArray, cells: AnyArray, films: Sequence[int], findings: AnyArray) -> None:
        """Merges the (N, U) values into each unit's best; the earlier film first if two are equal."""
        a, shape = self.arrays, values.shape
        new = {
            "value": values,
            "film": np.broadcast_to(np.array(films)[:, None], shape),
            "cell": cells,
            "finding": np.broadcast_to(findings[:, None], shape),
        }
        both = {part: np.concatenate([a[f"{name}_{part}"], new[part].T], axis=1) for part in new}
        first = np.argsort(-both["value"], axis=1, kind="stable")[:, : a[f"{name}_value"].shape[1]]
        for part, each in both.items():
            a[f"{name}_{part}"] = np.take_along_axis(each, first, axis=1).astype(a[f"{name}_{part}"].dtype)


def columns(
    tally: Tally, drawn: NetworkPlan, order: Sequence[ReferenceFilm], findings: Sequence[str]
) -> Mapping[str, Any]:
    """The table's columns, one value per unit."""
    a, sample = tally.arrays, min(tally.films, SAMPLE)
    maxima, film_counts = a["maxima"][:sample], np.repeat(a["asked"], tally.widths, axis=0)
    speaks = np.divide(a["speaks"], film_counts, out=np.full(film_counts.shape, np.nan), where=film_counts > 0)
    across = np.repeat([stage.shape[2] for stage in drawn.stages], tally.widths)

    def seen(name: str, above: float) -> list[list[dict[str, Any]]]:
        return [
            [
                {
                    "film": order[film].name,
                    "value": float(value),
                    "row": int(cell // wide),
                    "column": int(cell % wide),
                    "finding": findings[finding],
                }
                for value, film, cell, finding in zip(*(a[f"{name}_{part}"][unit] for part in parts), strict=True)
                if value > above
            ]
            for unit, wide in enumerate(across)
        ]

    parts = ("value", "film", "cell", "finding")
    return {
        "stage": [stage.name for stage in drawn.stages for _ in range(stage.shape[0])],
        "channel": [channel for stage in drawn.stages for channel in range(stage.shape[0])],
        "mean": (a["mean"] / tally.films).astype(np.float32),
        "least": a["least"],
        "most": a["most"],
        "quantiles": list(np.quantile(maxima, LEVELS, axis=0).T.astype(np.float32)),
        "auc": list(aucs(maxima, a["truth"][:sample]).astype(np.float32)),
        "speaks": list(speaks.astype(np.float32)),
        "exciting": seen("exciting", _NONE),
        "relevant": seen("relevant", 0.0),
        "nearest": _named(nearest(maxima), drawn),
    }


def aucs(maxima: AnyArray, truth: AnyArray) -> AnyArray:
    """(U, F) area under the ROC curve of each unit for each finding; NaN where one class is missing.

    maxima: (N, U).
    truth:  (N, F), 1, 0 or -1 for unknown.
    Source: as core.evaluate.roc.auc, by ranks.
    """
    areas = np.full((maxima.shape[1], truth.shape[1]), np.nan)
    labelled = truth[:, 0] >= 0  # a film has labels for all findings or for none
    positive = truth[labelled] == 1
    above, below = positive.sum(axis=0), (~positive).sum(axis=0)
    both_kinds = (above > 0) & (below > 0)
    if both_kinds.any():
        for start in range(0, maxima.shape[1], _BLOCK):
            ranks = rankdata(maxima[labelled, start : start + _BLOCK], axis=0)
            sums = ranks.T @ positive[:, both_kinds]
            areas[start : start + _BLOCK, both_kinds] = (sums - above[both_kinds] * (above[both_kinds] + 1) / 2) / (
                above * below
            )[both_kinds]
    return areas


def nearest(maxima: AnyArray, count: int = NEAREST) -> tuple[AnyArray, AnyArray]:
    """The units of all stages most correlated with each over the films: a unit's sources and successors lie in other
    stages.

    maxima:  (N, U) greatest activations.
    Returns: (U, count) which units, the most correlated first, and (U, count) Pearson's correlation; NaN if no
             correlated unit is left, as for a constant one, or with fewer than FEWEST films.
    """
    films, units = maxima.shape
    which, how = np.zeros((units, count), np.int64), np.full((units, count), np.nan)
    if films < FEWEST:
        return which, how
    alike = np.zeros((films, units), np.float32)  # of length 1, and 0 for constant units
    for start in range(0, units, _BLOCK):
        part = maxima[:, start : start + _BLOCK].astype(np.float64)
        varies = np.ptp(part, axis=0) > 0
        part -= part.mean(axis=0)
        length = np.linalg.norm(part, axis=0)
        alike[:, start : start + _BLOCK] = np.divide(part, length, out=np.zeros_like(part), where=varies)
    width = min(count, units - 1)
    for start in range(0, units, _BLOCK):
        similarities = alike[:, start : start + _BLOCK].T @ alike
        similarities[np.arange(len(similarities)), start + np.arange(len(similarities))] = _NONE  # itself
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :width]
        values = np.take_along_axis(similarities, order, axis=1).astype(np.float64)
        which[start : start + len(similarities), :width] = order
        how[start : start + len(similarities), :width] = np.where(values > 0, values.clip(max=1), np.nan)
    return which, how


def _named(neighbours: tuple[AnyArray, AnyArray], drawn: NetworkPlan) -> list[list[dict[str, Any]]]:
    """The nearest units of each, by stage and channel."""
    names = [(stage.name, channel) for stage in drawn.stages for channel in range(stage.shape[0])]
    return [
        [
            {"stage": names[unit][0], "channel": names[unit][1], "correlation": float(value)}
            for unit, value in zip(units, values, strict=True)
            if value == value
        ]
        for units, values in zip(*neighbours, strict=True)
    ]
