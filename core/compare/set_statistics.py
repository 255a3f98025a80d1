"""Figures of several networks over a set of films: their agreement, and which one is right more often."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.compare.film_comparison import FilmComparison
from core.compare.kappa import cohen, fleiss
from core.compare.panel import Panel
from core.compare.significance import DeLong, McNemar, delong, mcnemar
from core.estimate import Estimate
from core.evaluate.intervals import bands, proportion

MEANS = ("spearman", "pearson", "ssim", "overlap_5", "overlap_10", "overlap_20", "shared", "distance_px", "distance_mm")

FilmValues = NDArray[np.float64]
FilmIndices = NDArray[np.intp]


@dataclass(frozen=True)
class Pair:
    """Two networks of a panel.

    flips:  share of the films with different findings.
    kappa:  Cohen's, over each one's call; None unless every network gives each film one finding.
    kappas: Cohen's by finding: present or not.
    maps:   means of the figures of `core.compare.map_agreement.Agreement`; n counts the films that have it.
    right:  which is right about all common findings; None without labels.
    rights: the same by finding.
    areas:  their areas under the ROC curve by finding.
    """

    first: str
    second: str
    flips: Estimate
    kappa: Estimate | None
    kappas: Mapping[str, Estimate]
    maps: Mapping[str, Estimate]
    right: McNemar | None = None
    rights: Mapping[str, McNemar] = field(default_factory=dict)
    areas: Mapping[str, DeLong] = field(default_factory=dict)

    def card(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "flips": self.flips.card(),
            "kappa": self.kappa.card() if self.kappa else None,
            "kappa_by_finding": _cards(self.kappas),
            "maps": _cards(self.maps),
            "mcnemar": self.right.card() if self.right else None,
            "mcnemar_by_finding": _cards(self.rights),
            "delong_by_finding": _cards(self.areas),
        }


@dataclass(frozen=True)
class Figures:
    """Over all films; intervals are over resampled patients.

    A kappa that is equal in all resamples has no interval: low and high are NaN.

    n, patients, labelled: numbers of films, patients, and labelled films.
    flips:    share of the films on which not all networks agree.
    pairs:    of networks, in the order of the panel.
    fleiss:   Fleiss' kappa of three networks and more; None for two, or as `Pair.kappa`.
    fleisses: by finding.
    notes:    limits of the figures.
    """

    n: int
    patients: int
    labelled: int
    flips: Estimate
    pairs: tuple[Pair, ...]
    fleiss: Estimate | None
    fleisses: Mapping[str, Estimate]
    notes: tuple[str, ...]

    def card(self) -> dict[str, Any]:
        """As JSON: estimates and tests as objects, NaN as null."""
        return {
            "n": self.n,
            "patients": self.patients,
            "labelled": self.labelled,
            "flips": self.flips.card(),
            "pairs": [pair.card() for pair in self.pairs],
            "fleiss": self.fleiss.card() if self.fleiss else None,
            "fleiss_by_finding": _cards(self.fleisses),
        }


def figures(panel: Panel, rows: Sequence[FilmComparison], *, repeats: int) -> Figures:
    """All figures of the films; rows in any order, one or more."""
    patients = np.array([row.patient for row in rows])
    answers = _Predictions(panel, rows)
    several = len(panel.names) > 2
    both = several and answers.one_each
    names = list(combinations(range(len(panel.names)), 2))
    pairs = tuple(_pair(panel, rows, answers, i, j, place, repeats) for place, (i, j) in enumerate(names))
    return Figures(
        n=len(rows),
        patients=len(np.unique(patients)),
        labelled=int(answers.labelled.sum()),
        flips=proportion(np.array([row.flips for row in rows]), patients, repeats=repeats),
        pairs=pairs,
        fleiss=_fleiss(answers.top, len(panel.findings) + 1, patients, repeats) if both else None,
        fleisses={
            finding: _fleiss(answers.present[:, :, index].astype(np.intp), 2, patients, repeats)
            for index, finding in enumerate(panel.findings)
            if several
        },
        notes=tuple(_notes(answers, patients, pairs)),
    )


class _Predictions:
    """The rows as arrays: N films, C networks, F findings.

    present:  (N, C, F) bool.
    likely:   (N, C, F).
    truth:    (N, F) bool, False without a label.
    top:      (N, C) the top finding of each network, F for one that is not common.
    labelled: (N,) bool.
    """

    def __init__(self, panel: Panel, rows: Sequence[FilmComparison]) -> None:
        findings = panel.findings
        self.one_each = not any(card.multi_label for card in panel.checkpoints)
        self.present = np.array([[[name in present for name in findings] for present in row.present] for row in rows])
        self.likely = np.array([row.probabilities for row in rows])
        self.truth = np.array([[name in (row.labels or ()) for name in findings] for row in rows])
        self.top = np.where(self.present.any(axis=2), self.present.argmax(axis=2), len(findings))
        self.labelled = np.array([row.labels is not None for row in rows])
        self.strange = sorted({label for row in rows for label in row.labels or () if label not in findings})

    @property
    def judged(self) -> NDArray[np.bool_]:
        """(N,) the labelled films on which a network can be right: in single-label networks those with one label."""
        return self.labelled & (self.truth.sum(axis=1) == 1) if self.one_each else self.labelled


def _pair(
    panel: Panel, rows: Sequence[FilmComparison], answers: _Predictions, i: int, j: int, place: int, repeats: int
) -> Pair:
    patients = np.array([row.patient for row in rows])
    findings = panel.findings
    first, second = answers.present[:, i].astype(np.intp), answers.present[:, j].astype(np.intp)
    agreements = [row.agreements[place].figures() for row in rows]
    values = np.array([[each[name] for name in MEANS] for each in agreements])

    def every(films: FilmIndices) -> FilmValues:
        kappas = [cohen(first[films, index], second[films, index], 2) for index in range(len(findings))]
        both = cohen(answers.top[films, i], answers.top[films, j], len(findings) + 1)
        return np.array([both, *kappas, *(_mean(values[films, index]) for index in range(len(MEANS)))])

    drawn = list(zip(*bands(every, patients, repeats=repeats), strict=True))
    counts = [len(rows)] * (1 + len(findings)) + [int((~np.isnan(column)).sum()) for column in values.T]
    estimates = [
        Estimate(float(value), float(low), float(high), n) for (value, low, high), n in zip(drawn, counts, strict=True)
    ]
    estimates = [_unsure(each) for each in estimates]
    differ = (first != second).any(axis=1)
    pair = Pair(
        panel.names[i],
        panel.names[j],
        flips=proportion(differ, patients, repeats=repeats),
        kappa=estimates[0] if answers.one_each else None,
        kappas=dict(zip(findings, estimates[1 : 1 + len(findings)], strict=True)),
        maps=dict(zip(MEANS, estimates[1 + len(findings) :], strict=True)),
    )
    return _judged(pair, findings, answers, i, j) if answers.labelled.any() else pair


def _judged(pair: Pair, findings: Sequence[str], answers: _Predictions, i: int, j: int) -> Pair:
    """The pair with the figures that need labels."""
    right = answers.present == answers.truth[:, None]  # (N, C, F)
    whole = right.all(axis=2)[answers.judged]
    known = right[answers.labelled]
    truth, likely = answers.truth[answers.labelled], answers.likely[answers.labelled]
    return replace(
        pair,
        right=mcnemar(whole[:, i], whole[:, j]),
        rights={name: mcnemar(known[:, i, index], known[:, j, index]) for index, name in enumerate(findings)},
        areas={
            name: delong(likely[:, i, index], likely[:, j, index], truth[:, index])
            for index, name in enumerate(findings)
        },
    )


def _fleiss(ratings: NDArray[np.intp], categories: int, patients: NDArray[np.str_], repeats: int) -> Estimate:
    drawn = bands(lambda films: np.array([fleiss(ratings[films], categories)]), patients, repeats=repeats)
    value, low, high = (float(each[0]) for each in drawn)
    return _unsure(Estimate(value, low, high, len(ratings)))


def _unsure(figure: Estimate) -> Estimate:
    """Without its interval if all resamples are equal: an interval of zero width would claim certainty."""
    equal = math.isclose(figure.low, figure.high, abs_tol=1e-9)
    return replace(figure, low=math.nan, high=math.nan) if equal else figure


def without_interval(figure: Estimate) -> str:
    """Why a figure has no interval; empty if it has one, or is itself unknown."""
    if math.isnan(figure.value) or not math.isnan(figure.low):
        return ""
    return f"{'all agree; ' if math.isclose(figure.value, 1) else ''}no interval available"


def _notes(answers: _Predictions, patients: NDArray[np.str_], pairs: Sequence[Pair]) -> list[str]:
    notes = []
    if answers.labelled.any():
        tests = sum(len(pair.rights) + len(pair.areas) + 1 for pair in pairs)
        notes.append(f"Each p value is that of one test; {tests} were made, so some are small by chance.")
        if len(np.unique(patients)) < len(patients):
            notes.append("Some patients have several films: intervals allow for that; p values do not (too small).")
        if answers.strange:
            names = ", ".join(answers.strange[:5]) + (", …" if len(answers.strange) > 5 else "")
            notes.append(f"Labels that not all models know count as none of the compared findings: {names}.")
    if answers.labelled.any() and not answers.labelled.all():
        notes.append(f"{int((~answers.labelled).sum())} films have no label and are used only where none is needed.")
    return notes


def _mean(values: FilmValues) -> float:
    had = values[~np.isnan(values)]
    return float(had.mean()) if len(had) else math.nan


def _cards(entries: "Mapping[str, Estimate] | Mapping[str, McNemar] | Mapping[str, DeLong]") -> dict[str, Any]:
    return {name: entry.card() for name, entry in entries.items()}
