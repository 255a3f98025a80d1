"""From a labelled folder to a shipped checkpoint: train, calibrate, evaluate, write the card."""

import datetime
import os
import platform
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.codec import dump
from core.errors import BadData, BadSetting
from core.evaluate import hospitals
from core.evaluate.blackout import blackout
from core.evaluate.calibration import temperature
from core.evaluate.figures import few_figures, within_sources
from core.evaluate.groups import groups
from core.evaluate.heat import heat_figures
from core.evaluate.leakage import fingerprints
from core.evaluate.manifest import Row, known, row_radiograph, truth
from core.evaluate.predictions import labelled_predictions
from core.evaluate.rereads import corrections
from core.evaluate.roc import operating_point
from core.evaluate.run import logits, refuse_one_class, report
from core.models import checkpoints, library
from core.models.architecture import Network
from core.models.classifier import Classifier, load, probabilities
from core.train import log, ranks
from core.train.data import STORED_SIDE, Films, corrected, load_films, tables
from core.train.fit import finished, fit, total_seconds
from core.train.frozen import fit_head
from core.train.pretrained import IMAGENET, imagenet
from core.train.recipe import Recipe, refuse_card_of_other_films, refuse_other
from core.train.teacher import Teacher
from core.types import Checkpoint, Input


def train(
    data: Sequence[Path],
    *,
    name: str,
    recipe: Recipe,
    runs: Path,
    out: Path,
    notes: Mapping[str, Any] | None = None,
) -> Checkpoint | None:
    """Trains, or resumes an interrupted run, and writes `name`.safetensors with its card into `out`.

    data:    the sets to train on (core.train.data.table); labels are corrected by their second readings.
    notes:   the card's texts (core.train.recipe.notes).
    Returns: the checkpoint; None in all processes of torchrun but the first.
    Raises:  BadData if the table is missing or wrong, a split has one class only, or the run was begun on other films;
             BadSetting if `out` holds a checkpoint of this name by another recipe. In these cases nothing is trained or
             overwritten.
    """
    refuse_other(name, recipe, out)
    sets = tables(*data)
    for folder, own in zip(data, sets, strict=True):
        _refuse_other_labels(folder, own, recipe)
    labelled = [row for own in sets for row in own]
    rows = corrected(labelled, data)
    changes = corrections(labelled, rows)
    rows = _without(rows, recipe)
    refuse_card_of_other_films(name, log.films_key(rows), out)
    _refuse_one_class(rows, recipe)
    start = start_network(recipe, out)
    log.refuse_other_films(runs / name, rows, first=ranks.is_first())
    if recipe.frozen and not ranks.is_first():
        return None  # one process finishes the rest in minutes
    teachers = _teachers(recipe, out)
    network = _fitted(recipe, rows, runs, name, start[1] if start else None, [taught for _, taught in teachers])
    ranks.leave()
    if not ranks.is_first():
        return None
    notes = notes or {}
    trained_on = _trained_on(rows, recipe, runs / name, start[0] if start else None)
    trained_on["sets"] = [
        {"name": folder.name, "films": log.films_key(own)} for folder, own in zip(data, sets, strict=True)
    ]
    if changes:
        trained_on["corrected_labels"] = changes
    if teachers:
        trained_on["teachers"] = [origin for origin, _ in teachers]
    card: dict[str, Any] = {
        **notes,
        "architecture": recipe.architecture,
        "findings": list(recipe.findings),
        "multi_label": recipe.multi_label,
        "input": checkpoints.input_card(Input(size=recipe.sizes[-1])),
        "temperature": 1.0,
        "thresholds": {},
        "trained_on": trained_on | notes.get("trained_on", {}),
        "date": datetime.date.today().isoformat(),
    }
    checkpoints.write(network, card, name, out)
    further = {folder.name: {row.id for row in own} for folder, own in zip(data[1:], sets[1:], strict=True)}
    return finish(rows, name=name, out=out, further=further)  # of the weights as stored, in float16


def finish(
    rows: Sequence[Row], *, name: str, out: Path, further: Mapping[str, Collection[str]] | None = None
) -> Checkpoint:
    """Calibrates the stored weights on the validation films, evaluates them on the test films, completes the card.

    further: name -> ids of the other sets. They are part of the calibration, but have separate test figures
             (`further_tests`), so that those of the first set stay comparable.
    """
    further = further or {}
    classifier = load(name, out)
    findings, multi_label = classifier.checkpoint.findings, classifier.checkpoint.multi_label
    rows = known(rows, findings, multi_label=multi_label)
    val, tested = ([row for row in rows if row.split == split] for split in ("val", "test"))
    test = [row for row in tested if not any(row.id in ids for ids in further.values())]
    scores = logits(classifier, val, row_radiograph, progress="calibrating")
    labels = truth(val, findings, multi_label=multi_label)
    heat = round(temperature(torch.from_numpy(scores), torch.from_numpy(labels), multi_label=multi_label), 4)
    likely = probabilities(scores, heat, multi_label=multi_label)
    thresholds = {
        finding: round(operating_point(likely[:, index], labels[:, index]), 4)
        for index, finding in enumerate(findings)
        if 0 < labels[:, index].sum() < len(labels)
    }
    checkpoints.complete(name, {"temperature": heat, "thresholds": thresholds}, out)
    classifier = load(name, out)
    others = [row for row in rows if row.split != "test"]
    metrics: dict[str, Any] = {"test": report(classifier, test, others=others)}
    parts = {set_name: [row for row in tested if row.id in ids] for set_name, ids in further.items()}
    if parts:
        metrics["further_tests"] = [
            {"name": set_name, "by": "set", **_small_report(classifier, part)} for set_name, part in parts.items()
        ]
        metrics["all_tests"] = {"name": "all sets", "by": "set", **_small_report(classifier, tested)}
    metrics["lungs"] = {**heat_figures(classifier, test, lungs=True), **blackout(classifier, test)}
    return checkpoints.complete(name, {"metrics": metrics}, out)


def _small_report(classifier: Classifier, rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of a set, and of its parts."""
    checkpoint = classifier.checkpoint
    scores = logits(classifier, rows, row_radiograph, progress="predicting")
    labels = truth(rows, checkpoint.findings, multi_label=checkpoint.multi_label)
    predictions = labelled_predictions(checkpoint, scores, labels, np.array([row.patient for row in rows]))
    sources = np.array([row.source for row in rows])
    return {
        **few_figures(predictions),
        "within_sources": within_sources(predictions, sources),
        "groups": groups(predictions, rows),
    }


def _fitted(
    recipe: Recipe,
    rows: Sequence[Row],
    runs: Path,
    name: str,
    start: Network | None = None,
    teachers: Sequence[Teacher] = (),
) -> Network:
    run = runs / name
    if not recipe.frozen and (network := finished(recipe, run)) is not None:
        return network
    val, films = (films_of_rows(recipe, rows, split, runs) for split in ("val", "train"))
    if recipe.frozen and start is not None:
        return fit_head(recipe, films, val, run, start)
    return fit(recipe, films, val, run, start=start, teachers=teachers)


def films_of_rows(recipe: Recipe, rows: Sequence[Row], split: str | None, runs: Path) -> Films:
    return load_films(
        rows,
        split,
        recipe.findings,
        Input(size=STORED_SIDE),
        lungs=recipe.needs_lungs,
        multi_label=recipe.multi_label,
        cache=runs / "lungs",
        unlabelled=recipe.unlabelled and split == "train",
    )


def start_network(recipe: Recipe, out: Path) -> tuple[dict[str, Any], Network] | None:
    """The card's entry for the recipe's start, and its network: ImageNet, or a checkpoint from `out`, shipped or the
    user's own.

    A checkpoint for other findings loses its head: the new one starts at random, even with as many outputs.
    """
    if not recipe.start:
        return None
    if recipe.start == IMAGENET:
        network, origin = imagenet(recipe.architecture)
        return origin, network
    folder = library.place(recipe.start, out if recipe.start in checkpoints.names(out) else checkpoints.SHIPPED)
    card = checkpoints.read_card(recipe.start, folder)
    network = checkpoints.read_network(card, folder)
    if card.findings != recipe.findings:
        network.head = nn.Identity()
    return _origin(card), network


def _teachers(recipe: Recipe, out: Path) -> list[tuple[dict[str, Any], Teacher]]:
    """The card's entry for each teacher, and its network.

    Raises:  BadSetting for a teacher of other findings.
    """
    teachers = []
    for name in filter(None, recipe.teacher.split("+")):
        folder = library.place(name, out if name in checkpoints.names(out) else checkpoints.SHIPPED)
        card = checkpoints.read_card(name, folder)
        if card.findings != recipe.findings or card.multi_label != recipe.multi_label:
            raise BadSetting(
                f"The teacher {name} knows {', '.join(card.findings)}; this network learns "
                f"{', '.join(recipe.findings)}. A teacher needs the same findings in the same order."
            )
        teachers.append((_origin(card), Teacher(checkpoints.read_network(card, folder), card.input.size)))
    return teachers


def _origin(card: Checkpoint) -> dict[str, Any]:
    copied = ("recipe", "epochs", "seconds", "hardware", "started_from")
    trained_on = dump(card.trained_on)
    return {"name": card.name, "sha256": card.sha256} | {
        field: trained_on[field] for field in copied if field in trained_on
    }


def _without(rows: list[Row], recipe: Recipe) -> list[Row]:
    """The rows without the left-out source or hospital, and its patients, in training and validation."""
    if not recipe.leave_out:
        return rows
    gone = hospitals.of(rows, recipe.leave_out)
    if not gone:
        sources = ", ".join(sorted({row.source for row in rows} | {*hospitals.named(rows)}))
        raise BadData(f"No film is of {recipe.leave_out!r}, which is to be left out; there are {sources}.")
    ids, patients = {row.id for row in gone}, {row.patient for row in gone}
    return [row for row in rows if row.split == "test" or (row.id not in ids and row.patient not in patients)]


def _refuse_other_labels(folder: Path, rows: Sequence[Row], recipe: Recipe) -> None:
    """Raises: BadData if a set has no film with a finding of the recipe."""
    if not any(set(row.labels) & set(recipe.findings) for row in rows):
        labels = ", ".join(sorted({label for row in rows for label in row.labels})[:5])
        raise BadData(
            f"{folder} is labelled {labels or 'not at all'}; training is on {', '.join(recipe.findings)}. Rename the "
            "labels, choose others with --findings, or leave the set out."
        )


def _refuse_one_class(rows: Sequence[Row], recipe: Recipe) -> None:
    """Raises: BadData if all films of a split that the recipe uses have the same label; checked before training."""
    usable = known(rows, recipe.findings, multi_label=recipe.multi_label)
    for split in ("train", "val", "test"):
        films = [row for row in usable if row.split == split]
        try:
            refuse_one_class(truth(films, recipe.findings, multi_label=recipe.multi_label), recipe.findings)
        except BadData as error:
            raise BadData(f"In split {split!r}: {error}") from error


def _trained_on(rows: list[Row], recipe: Recipe, run: Path, start: dict[str, Any] | None) -> dict[str, Any]:
    used = known(rows, recipe.findings, multi_label=recipe.multi_label)
    counts = Counter((row.source, label, row.split) for row in used for label in row.labels)
    epochs = log.read(run / "log.jsonl")
    fields: dict[str, Any] = {
        **{split: sum(row.split == split for row in used) for split in ("train", "val", "test")},
        "counts": [
            {"source": source, "finding": finding, "split": split, "n": count}
            for (source, finding, split), count in sorted(counts.items())
        ],
        "films": log.films_key(rows),
        "digests": " ".join(fingerprints([row for row in used if row.split == "train"])),
        "recipe": asdict(recipe),
        "epochs": epochs,
        "seconds": round(total_seconds(epochs)),
        "hardware": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
    }
    if start is not None:
        fields["started_from"] = start
    return fields
