"""A report as files: JSON for programs, CSV for tables and figures in papers."""

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadSetting
from core.evaluate.manifest import Row
from core.models.classifier import probabilities
from core.types import Checkpoint

FILES = ("report.json", "predictions.csv", "confusion.csv", "groups.csv")


def refuse_to_overwrite(folder: Path) -> None:
    """Raises: BadSetting if one of the files exists."""
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise BadSetting(f"{folder} already holds {', '.join(there)} and is not overwritten. Choose another --out.")


def write(
    folder: Path,
    report: Mapping[str, Any],
    checkpoint: Checkpoint,
    rows: Sequence[Row],
    logits: NDArray[np.float32],
    manifest: Path,
) -> None:
    """Writes FILES into the folder.

    report:   the result of `core.evaluate.run.report`, which is already JSON.
    logits:   (N, F) of the rows.
    manifest: the folder that the rows' paths are relative to.
    """
    refuse_to_overwrite(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    _table(folder / "predictions.csv", _predictions(checkpoint, rows, logits, manifest))
    _table(folder / "confusion.csv", _confusion(report["confusion"], checkpoint.findings))
    _table(folder / "groups.csv", _groups(report["groups"], checkpoint.findings))


def _table(path: Path, rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)


def _predictions(
    checkpoint: Checkpoint, rows: Sequence[Row], logits: NDArray[np.float32], manifest: Path
) -> Iterable[Sequence[object]]:
    yield ["file", "label", *checkpoint.findings]
    likely = probabilities(logits, checkpoint.temperature, multi_label=checkpoint.multi_label)
    for row, each in zip(rows, likely, strict=True):
        yield [os.path.relpath(row.file, manifest), row.label, *(f"{value:.6f}" for value in each)]


def _confusion(counts: Any, findings: Sequence[str]) -> Iterable[Sequence[object]]:
    """Single-label: one row per label, one column per prediction. Multi-label: a row for each finding."""
    if isinstance(counts, Mapping):
        yield ["finding", "found", "missed", "wrongly_said", "rightly_not_said"]
        for finding, ((right_not, wrong), (missed, hit)) in counts.items():
            yield [finding, hit, missed, wrong, right_not]
        return
    yield ["label", *findings]
    for finding, row in zip(findings, counts, strict=True):
        yield [finding, *row]


def _groups(groups: Sequence[Mapping[str, Any]], findings: Sequence[str]) -> Iterable[Sequence[object]]:
    names = ["accuracy", "macro_auc", *(f"auc {finding}" for finding in findings)]
    yield ["by", "name", "n", "patients", *(f"{name}{part}" for name in names for part in ("", " low", " high"))]
    for group in groups:
        areas = [group["auc"].get(finding) for finding in findings]
        figures = [group["accuracy"], group.get("macro_auc"), *areas]
        own = [group[name] for name in ("by", "name", "n", "patients")]
        yield [*own, *(_cell(each, part) for each in figures for part in ("value", "low", "high"))]


def _cell(estimate: Mapping[str, Any] | None, part: str) -> object:
    return "" if estimate is None or estimate[part] is None else estimate[part]
