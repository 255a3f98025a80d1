"""Cross-validation folds: k parts by patient, or one source or hospital left out."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from core.errors import BadData
from core.evaluate import hospitals
from core.evaluate.hospitals import hospital
from core.evaluate.manifest import Row

_VAL_PARTS = 8  # one in this many parts of a fold's training films is used for validation


def by_patient(rows: Sequence[Row], count: int, *, seed: int = 0) -> dict[str, list[Row]]:
    """Name of the fold -> all rows, each film in `test` of just one fold; no patient on both sides.

    Raises: BadData if there are fewer patients than folds.
    """
    if count < 2 or count > len({row.patient for row in rows}):
        raise BadData(
            f"{count} folds of {len({row.patient for row in rows})} patients: give 2 or more, at most one each."
        )
    parts = {}
    for index, (rest, tested) in enumerate(_parts(rows, count, seed), start=1):
        rest_of = [rows[i] for i in rest]
        parts[f"fold {index} of {count}"] = _with_val(rest_of, seed) + _as("test", [rows[i] for i in tested])
    return parts


def by_source(rows: Sequence[Row], *, seed: int = 0) -> dict[str, list[Row]]:
    """Source -> all rows, those of the source as `test`, none of its patients in training.

    Only sources with at least two labels, since one label cannot be discriminated.
    Raises: BadData if the table has fewer than two sources or none has two labels.
    """
    sources = sorted({row.source for row in rows if row.source})
    if len(sources) < 2:
        raise BadData("Leaving one source out needs a column `source` with at least two of them.")
    parts = {}
    for source in sources:
        tested = [row for row in rows if row.source == source]
        if len({row.label for row in tested}) < 2:
            continue
        known = {row.patient for row in tested}
        rest = [row for row in rows if row.source != source and row.patient not in known]
        parts[source] = _with_val(rest, seed) + _as("test", tested)
    if not parts:
        raise BadData("No source has films of two labels, so none can be left out and measured.")
    return parts


def by_hospital(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Hospital -> all its films as `test`, and the others' training and validation films as already split.

    Raises: BadData if there are fewer than two hospitals, or the others have one label only.
    """
    names = hospitals.named(rows)
    if len(names) < 2:
        raise BadData(
            f"Leaving one hospital out needs films of two at least; these are of {', '.join(names) or 'none'}. "
            "Fill in the column `source`."
        )
    parts = {}
    for name in names:
        tested = hospitals.of(rows, name)
        patients = {row.patient for row in tested}
        rest = [
            row
            for row in rows
            if hospital(row) != name and row.patient not in patients and row.split in ("train", "val")
        ]
        for split in ("train", "val"):
            labels = {row.label for row in rest if row.split == split}
            if len(labels) < 2:
                raise BadData(
                    f"Without {name} the films in split {split!r} are of {len(labels)} label. Leave out hospitals by "
                    "name with --leave-out, or add films."
                )
        parts[name] = [*rest, *_as("test", tested)]
    return parts


def _with_val(rows: list[Row], seed: int) -> list[Row]:
    count = max(2, min(_VAL_PARTS, _most_alike(rows), len({row.patient for row in rows})))
    rest, held = _parts(rows, count, seed)[0]
    if not rest or not held:
        raise BadData(f"{len(rows)} films are too few to hold some back for validation. Add films of other patients.")
    return _as("train", [rows[i] for i in rest]) + _as("val", [rows[i] for i in held])


def _parts(rows: Sequence[Row], count: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Parts with about the same mix of label and source, patients kept together."""
    kinds = [_kind(row) for row in rows]
    patients = [row.patient for row in rows]
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    if count > _most_alike(rows):
        raise BadData(
            f"The films cannot be cut in {count} parts: no label of any source has so many of them. Add films."
        )
    with warnings.catch_warnings():  # a class rarer than the parts is missing from some of them, which is harmless
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        parts = list(splitter.split(np.zeros(len(rows)), kinds, groups=patients))
    return [(rest.tolist(), part.tolist()) for rest, part in parts]


def _kind(row: Row) -> str:
    return f"{row.label} {row.source}"


def _most_alike(rows: Sequence[Row]) -> int:
    """Films of the most common label and source."""
    return max(Counter(map(_kind, rows)).values(), default=0)


def _as(split: str, rows: Sequence[Row]) -> list[Row]:
    return [replace(row, split=split) for row in rows]
