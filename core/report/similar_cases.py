"""The films of a cohort run that a model sees as most alike, as a report lists them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SimilarCase:
    """A film of the run, named by its digest: a file name may be a patient's name.

    similarity:  cosine of the model's features, -1 to 1.
    label:       with the finding, without it, or None for a film without labels.
    probability: of the finding.
    """

    digest: str
    similarity: float
    label: bool | None
    probability: float


@dataclass(frozen=True)
class SimilarCases:
    """run: its name. precision, chance: share of each film's five nearest with its label; NaN if not measured."""

    run: str
    finding: str
    films: tuple[SimilarCase, ...]
    precision: float
    chance: float


def similar_cases(
    run: str, finding: str, films: Iterable[tuple[Mapping[str, Any], float]], precision: float, chance: float
) -> SimilarCases:
    """films: row of the run's table, similarity."""
    cases = (SimilarCase(row["digest"], similarity, row["label"], row["probability"]) for row, similarity in films)
    ordered = sorted(cases, key=lambda each: -each.similarity)
    return SimilarCases(run, finding, tuple(ordered), precision, chance)
