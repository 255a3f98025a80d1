"""From a labelled folder to a shipped checkpoint: train, calibrate, evaluate, write the card."""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BadSetting
from core.evaluate.calibration import temperature
from core.evaluate.roc import operating_point
from core.evaluate.run import figures, logits
from core.models import checkpoint as checkpoints
from core.models.classifier import Classifier, load, probabilities
from core.train import log
from core.train.data import STORED_SIDE, Row, radiograph, table
from core.train.data import load as load_films
from core.train.fit import Recipe, fit, total_seconds
from core.types import Checkpoint, Input

_GROUPS: dict[str, Callable[[Row], bool]] = {  # group of test films -> which of them
    "Adults (known age 18 and over)": lambda row: _years(row) >= 18,
    "Children (known age under 18)": lambda row: _years(row) < 18,
    "NIH only (one archive, pneumonia against normal)": lambda row: row.source == "nih",
    "NIH adults (the pair that no shortcut by source separates)": lambda row: row.source == "nih" and _years(row) >= 18,
    "Kermany only (small children, one hospital)": lambda row: row.source == "kermany",
    "ieee8023 only (case reports)": lambda row: row.source == "ieee8023",
}


def train(data: Path, *, name: str, recipe: Recipe, runs: Path, out: Path) -> Checkpoint:
    """Trains, or goes on where a killed run stopped, and writes `name`.safetensors with its card into `out`.

    Raises: BadData if the table is missing or wrong; BadSetting if `out` already holds a checkpoint of this name
            that another recipe made: nothing is overwritten.
    """
    _refuse_other(name, recipe, out)
    rows = table(data)
    stored = Input(size=STORED_SIDE)
    val, films = (load_films(rows, split, recipe.findings, stored) for split in ("val", "train"))
    network = fit(recipe, films, val, runs / name)
    card: dict[str, Any] = {
        "architecture": recipe.architecture,
        "findings": list(recipe.findings),
        "multi_label": False,
        "input": checkpoints.input_card(Input(size=recipe.sizes[-1])),
        "temperature": 1.0,
        "thresholds": {},
        "trained_on": _trained_on(rows, recipe, runs / name),
    }
    checkpoints.write(network, card, name, out)
    return finish(rows, name=name, out=out)  # the figures are those of the weights as stored, in float16


def finish(rows: list[Row], *, name: str, out: Path) -> Checkpoint:
    """Calibrates the stored weights on the validation films, measures them on the test films, completes the card."""
    classifier = load(name, out)
    findings = classifier.checkpoint.findings
    scores, labels, _ = _scored(classifier, rows, "val")
    heat = round(temperature(torch.from_numpy(scores), torch.from_numpy(labels)), 4)
    likely = probabilities(scores, heat, multi_label=False)
    thresholds = {
        finding: round(operating_point(likely[:, index], labels == index), 4) for index, finding in enumerate(findings)
    }
    checkpoints.complete(name, {"temperature": heat, "thresholds": thresholds}, out)
    return checkpoints.complete(name, {"metrics": evaluate(load(name, out), rows)}, out)


def evaluate(classifier: Classifier, rows: list[Row], split: str = "test") -> dict[str, Any]:
    """The card's metrics: all films of the split, then the groups that tell whether it cheats."""
    scores, labels, chosen = _scored(classifier, rows, split)
    patients = np.array([row.patient for row in chosen])
    groups = []
    for name, belongs in _GROUPS.items():
        inside = np.array([belongs(row) for row in chosen])
        if len(np.unique(labels[inside])) > 1:
            group = figures(classifier, scores[inside], labels[inside], patients[inside])
            groups.append({"name": name, **{key: group[key] for key in ("n", "patients", "auc", "accuracy")}})
    everything = figures(classifier, scores, labels, patients)
    by_source = _guess_by_source(chosen)
    return {
        split: everything,
        "groups": groups,
        "accuracy_by_source_alone": by_source,
        "warnings": _warnings(everything, groups, by_source),
    }


def _scored(
    classifier: Classifier, rows: list[Row], split: str
) -> tuple[NDArray[np.float32], NDArray[np.int64], list[Row]]:
    findings = classifier.checkpoint.findings
    chosen = [row for row in rows if row.split == split and row.label in findings]
    scores = logits(classifier, map(radiograph, chosen), progress=f"predicting {split}")
    return scores, np.array([findings.index(row.label) for row in chosen]), chosen


def _warnings(everything: dict[str, Any], groups: list[dict[str, Any]], by_source: float) -> list[str]:
    """What a reader of the figures must know, where the figures show it."""
    accuracy = everything["accuracy"]
    sentences = [
        f"Saying each source's commonest label, without looking, is right for {by_source:.0%} of these films: "
        f"an accuracy of {accuracy['value']:.0%} on them proves little."
    ]
    for group in groups:
        inside = group["accuracy"]
        if inside["high"] is not None and inside["high"] < accuracy["low"]:
            sentences.append(
                f"{group['name']}: accuracy {inside['value']:.0%} "
                f"({inside['low']:.0%} to {inside['high']:.0%}, {group['n']} films), "
                f"{accuracy['value']:.0%} over all."
            )
    return sentences


def _guess_by_source(rows: list[Row]) -> float:
    """Accuracy of saying each source's commonest label: what can be had without looking at the film."""
    kinds = Counter((row.source, row.label) for row in rows)
    best: dict[str, int] = {}
    for (source, _), count in kinds.items():
        best[source] = max(best.get(source, 0), count)
    return round(sum(best.values()) / len(rows), 4)


def _years(row: Row) -> float:
    """Age in years; the first number of a range; NaN where the set does not say."""
    digits = row.age.split("-")[0].strip()
    return float(digits) if digits.replace(".", "", 1).isdigit() else float("nan")


def _trained_on(rows: list[Row], recipe: Recipe, run: Path) -> dict[str, Any]:
    used = [row for row in rows if row.label in recipe.findings]
    counts = Counter((row.source, row.label, row.split) for row in used)
    return {
        "data": "cxr: curated public chest radiographs, patient-disjoint splits",
        **{split: sum(row.split == split for row in used) for split in ("train", "val", "test")},
        "counts": [
            {"source": source, "finding": finding, "split": split, "n": count}
            for (source, finding, split), count in sorted(counts.items())
        ],
        "recipe": asdict(recipe),
        "epochs": log.read(run / "log.jsonl"),
        "seconds": round(total_seconds(log.read(run / "log.jsonl"))),
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
    }


def _refuse_other(name: str, recipe: Recipe, out: Path) -> None:
    path = out / f"{name}.json"
    if not path.exists():
        return
    made_by = json.loads(path.read_text(encoding="utf-8")).get("trained_on", {}).get("recipe")
    if made_by != json.loads(json.dumps(asdict(recipe))):
        raise BadSetting(
            f"{path} was trained by another recipe and is not overwritten. Choose another --name or --out."
        )
