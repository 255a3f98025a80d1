"""The comparison of several networks on one film."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from core.compare.map_agreement import Agreement


@dataclass(frozen=True)
class Refused:
    """A film that could not be compared, and the reason in one sentence."""

    name: str
    reason: str


@dataclass(frozen=True)
class FilmComparison:
    """The predictions of several networks for one film, in the order of the panel (C networks, F common findings).

    key:           of the radiograph.
    labels:        the truth, by the names of the common findings; None if unknown.
    finding:       of the compared maps.
    says:          (C,) the top finding of each network, by its own name; "" if none is present.
    present:       (C,) which of the common findings are present for each network.
    probabilities: (C, F) of the common findings.
    agreements:    of the maps, each pair of networks: (0, 1), (0, 2), ..., (1, 2), ...
    apart:         distance of the probabilities, 0 to 1: `core.compare.film_set.apart`.
    score:         overall disagreement, 0 to 1: `core.compare.film_set.compared`.
    words:         the disagreement in sentences, or empty.
    """

    name: str
    key: str
    patient: str
    labels: tuple[str, ...] | None
    finding: str
    says: tuple[str, ...]
    present: tuple[tuple[str, ...], ...]
    probabilities: tuple[tuple[float, ...], ...]
    agreements: tuple[Agreement, ...]
    apart: float
    score: float
    words: str = ""

    @property
    def flips(self) -> bool:
        """Whether the networks differ in the findings that are present."""
        return len(set(self.present)) > 1

    def figure(self, name: str) -> float:
        """The mean of a figure of `Agreement.figures` over the pairs of networks that have it, or NaN."""
        had = [value for each in self.agreements if not math.isnan(value := each.figures()[name])]
        return float(np.mean(had)) if had else math.nan

    @property
    def spearman(self) -> float:
        return self.figure("spearman")

    @property
    def overlap(self) -> float:
        """Mean overlap of the hottest tenths of the maps."""
        return self.figure("overlap_10")

    def card(self, names: Sequence[str], findings: Sequence[str]) -> dict[str, Any]:
        """The JSON record; the writer converts NaN."""
        pairs = combinations(names, 2)
        return {
            "name": self.name,
            "key": self.key,
            "patient": self.patient,
            "labels": None if self.labels is None else list(self.labels),
            "disagreement": round(self.score, 4),
            "apart": round(self.apart, 4),
            "flips": self.flips,
            "finding": self.finding,
            "networks": {
                name: {
                    "says": says,
                    "found": list(present),
                    "probabilities": {each: round(value, 6) for each, value in zip(findings, likely, strict=True)},
                }
                for name, says, present, likely in zip(names, self.says, self.present, self.probabilities, strict=True)
            },
            "maps": [
                {"first": first, "second": second}
                | {name: rounded(value) for name, value in each.figures().items()}
                | {"notes": list(each.notes)}
                for (first, second), each in zip(pairs, self.agreements, strict=True)
            ],
            "words": self.words,
        }


def rounded(value: float) -> float | None:
    """To four digits, null for NaN (JSON has none)."""
    return None if math.isnan(value) else round(value, 4)
