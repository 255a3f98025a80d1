"""The figures of subgroups, where an overall figure may hide a failure."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluate.figures import FEWEST, few_figures
from core.evaluate.hospitals import GUANGZHOU, NIH, hospital
from core.evaluate.intervals import REPEATS
from core.evaluate.manifest import Row
from core.evaluate.predictions import LabelledPredictions

UNSAID = "not said"
_ADULT = 18  # years
_BANDS = ((0, _ADULT), (_ADULT, 40), (40, 65), (65, 200))  # years, from and below

_BETRAYS = 0.05  # margin of a guess by source over the commonest label above which it is reported


def groups(predictions: LabelledPredictions, rows: Sequence[Row], *, repeats: int = REPEATS) -> list[dict[str, Any]]:
    """Figures by source, hospital, age band, sex and view where the manifest has them, and of the parts in which a
    shortcut does not help; only parts with FEWEST films or more.

    rows:    (N,) of the predictions.
    Returns: by ("source", "hospital", "age", "sex", "view" or "shortcut"), name, n, patients, accuracy, ece, auc{},
             macro_auc.
    """
    return [
        {"by": by, "name": name, **few_figures(predictions.at(inside), repeats=repeats)}
        for by, name, inside in _parts(rows)
        if inside.sum() >= FEWEST
    ]


def accuracy_by_source_alone(rows: Sequence[Row]) -> float | None:
    """Accuracy of predicting each source's commonest label, without looking at a film; None without sources."""
    if not any(row.source for row in rows):
        return None
    best: dict[str, int] = {}
    for (source, _), count in Counter((row.source, row.label) for row in rows).items():
        best[source] = max(best.get(source, 0), count)
    return round(sum(best.values()) / len(rows), 4)


def warnings(everything: dict[str, Any], groups: list[dict[str, Any]], rows: Sequence[Row]) -> list[str]:
    """Warnings about the figures, in sentences.

    everything: figures of the whole set.
    groups:     as `groups` gives them.
    """
    accuracy = everything["accuracy"]
    sentences = []
    by_source = accuracy_by_source_alone(rows)
    commonest = Counter(row.label for row in rows).most_common(1)[0][1] / len(rows)
    if by_source is not None and by_source > commonest + _BETRAYS:
        sentences.append(
            f"Saying each source's commonest label, without looking, is right for {by_source:.0%} of these films: "
            f"an accuracy of {accuracy['value']:.0%} on them proves little."
        )
    for group in groups:
        inside = group["accuracy"]
        if inside["high"] is not None and inside["high"] < accuracy["low"]:
            name = group["name"] if group["by"] == "shortcut" else f"{group['by']} {group['name']}"
            sentences.append(
                f"{name[0].upper()}{name[1:]}: accuracy {inside['value']:.0%} "
                f"({inside['low']:.0%} to {inside['high']:.0%}, {group['n']} films), "
                f"{accuracy['value']:.0%} over all."
            )
    return sentences


def _parts(rows: Sequence[Row]) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    for by, value in _COLUMNS.items():
        values = np.array([value(row) for row in rows])
        if len(set(values)) > 1:
            for name in sorted(set(values), key=lambda name: (name == UNSAID, name)):
                inside = values == name
                if by != "hospital" or len({row.source for row, own in zip(rows, inside, strict=True) if own}) > 1:
                    yield by, str(name), inside
    for name, belongs in _SHORTCUTS.items():
        yield "shortcut", name, np.array([belongs(row) for row in rows])


def _band(row: Row) -> str:
    for start, stop in _BANDS:
        if start <= row.years < stop:
            return f"{start}-{stop - 1}" if stop < 200 else f"{start}+"
    return UNSAID


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "source": lambda row: row.source or UNSAID,
    "hospital": lambda row: hospital(row) or UNSAID,
    "age": _band,
    "sex": lambda row: row.sex or UNSAID,
    "view": lambda row: row.view or UNSAID,
}

# Sources and findings of the curated set; in other sets these parts are empty and left out.
_SHORTCUTS: dict[str, Callable[[Row], bool]] = {
    "Adults (known age 18 and over)": lambda row: row.years >= _ADULT,
    "Children (known age under 18, or of the children's hospital)": lambda row: (
        row.years < _ADULT or hospital(row) == GUANGZHOU
    ),
    "NIH and RSNA adults, labels by radiologists": lambda row: (
        hospital(row) == NIH and row.years >= _ADULT and row.by_radiologist
    ),
    "NIH adults (the pair that no shortcut by source separates)": lambda row: (
        row.source == "nih" and row.years >= _ADULT
    ),
    "Covid against adult pneumonia (nih, ieee8023)": lambda row: (
        row.label == "covid" or (row.label == "pneumonia" and row.source in ("nih", "ieee8023"))
    ),
}
