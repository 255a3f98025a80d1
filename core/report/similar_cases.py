"""The films of a cohort run that a model sees as most alike, as a report lists them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.estimate import Estimate

LAST = "the last stage"


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
    """run: its name. stage: whose features were compared, or LAST.

    precision, chance: share of each film's five nearest with its label; NaN if not measured.
    """

    run: str
    finding: str
    stage: str
    films: tuple[SimilarCase, ...]
    precision: float
    chance: float


def similar_cases(
    run: str,
    finding: str,
    stage: str,
    films: Iterable[tuple[Mapping[str, Any], float]],
    precision: tuple[Estimate, float],
) -> SimilarCases:
    """films: row of the run's table, similarity. precision: of the neighbours, and by chance."""
    cases = (SimilarCase(row["digest"], similarity, row["label"], row["probability"]) for row, similarity in films)
    ordered = sorted(cases, key=lambda each: -each.similarity)
    share, chance = precision
    return SimilarCases(run, finding, stage, tuple(ordered), share.value, chance)
