"""A comparison as a table with one row per film."""

import csv
import io
from itertools import combinations

from core.compare.film_set import Comparison
from core.compare.map_agreement import Agreement
from core.explain.method import captum_version


def films_csv(comparison: Comparison) -> str:
    """One row per film: the prediction and all probabilities of each model, all agreement figures of each pair."""
    panel = comparison.panel
    pairs = list(combinations(panel.names, 2))
    figures = list(Agreement().figures())
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        ["film", "patient", "labels", "disagreement", "flips", "apart", "finding"]
        + [f"{name} says" for name in panel.names]
        + [f"{name} {finding}" for name in panel.names for finding in panel.findings]
        + [f"{first} | {second} {figure}" for first, second in pairs for figure in figures]
        + ["words", "captum"]
    )
    for row in comparison.films:
        table.writerow(
            [row.name, row.patient, "|".join(row.labels or ()), f"{row.score:.4f}", int(row.flips), f"{row.apart:.4f}"]
            + [row.finding, *row.says]
            + [f"{value:.6f}" for likely in row.probabilities for value in likely]
            + [_cell(value) for each in row.agreements for value in each.figures().values()]
            + [row.words, captum_version()]
        )
    return out.getvalue()


def _cell(value: float) -> str:
    return "" if value != value else f"{value:.6g}"
