"""How often each of several networks is right over labelled films, and its confusion matrix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.compare.film_comparison import FilmComparison
from core.compare.panel import Panel
from core.estimate import Estimate
from core.evaluate.intervals import bootstrap

NOTHING = "none"  # of the common findings


@dataclass(frozen=True, eq=False)
class Confusion:
    """One network's answers for the labelled films.

    accuracy: share of films for which it names all findings and no other, over resampled patients.
    labels, answers: what the films are, and what the network calls them; several findings joined by " + ".
    films:    (label, answer) -> keys of the films.
    """

    accuracy: Estimate
    labels: tuple[str, ...]
    answers: tuple[str, ...]
    films: dict[tuple[str, str], tuple[str, ...]]


def truth(row: FilmComparison, panel: Panel) -> frozenset[str] | None:
    """The label's findings that all networks know; None without a label that a network can get right."""
    if row.labels is None:
        return None
    findings = frozenset(row.labels) & frozenset(panel.findings)
    one_each = not any(card.multi_label for card in panel.checkpoints)
    return None if one_each and len(findings) != 1 else findings


def is_right(row: FilmComparison, panel: Panel, place: int) -> bool | None:
    """Whether the network at this place names exactly the findings of the label; None without a usable label."""
    label = truth(row, panel)
    return None if label is None else frozenset(row.present[place]) == label


def confusion(rows: Sequence[FilmComparison], panel: Panel, place: int, *, repeats: int = 1000) -> Confusion | None:
    """The answers of the network at this place; None where no film has a label."""
    judged = [(row, label) for row in rows if (label := truth(row, panel)) is not None]
    if not judged:
        return None
    right = np.array([frozenset(row.present[place]) == label for row, label in judged], dtype=np.float64)
    patients = np.array([row.patient for row, _ in judged])
    films: dict[tuple[str, str], list[str]] = {}
    for row, label in judged:
        films.setdefault((_joined(label), _joined(row.present[place])), []).append(row.key)
    labels = sorted({label for label, _ in films})
    answers = sorted({answer for _, answer in films} | set(labels))
    accuracy = bootstrap(lambda chosen: float(right[chosen].mean()), patients, repeats=repeats)
    return Confusion(accuracy, tuple(labels), tuple(answers), {pair: tuple(keys) for pair, keys in films.items()})


def _joined(findings: Iterable[str]) -> str:
    return " + ".join(sorted(findings)) or NOTHING
