"""Cross-validation: a network per fold, trained without its films; the figures go into the card."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from core.errors import BadSetting
from core.evaluate.calibration import temperature
from core.evaluate.figures import few_figures, mean_within_sources, within_sources
from core.evaluate.heat import heat_figures
from core.evaluate.manifest import Row, known, truth
from core.evaluate.predictions import labelled_predictions
from core.models import checkpoints
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.train import folds, log, ranks
from core.train.data import Films, corrected, table
from core.train.fit import finished, fit, predict
from core.train.pretrained import IMAGENET
from core.train.recipe import Recipe, refuse_card_of_other_films
from core.train.run import films_of_rows, start_network
from core.types import Checkpoint, Input


def across(data: Sequence[Path], *, name: str, recipe: Recipe, by: str, runs: Path, out: Path) -> list[dict[str, Any]]:
    """Trains one network per fold, without that fold's films, and adds their figures to the card of `name`.

    Folds that the card already has by the same recipe are not trained again: an interrupted command resumes.

    by:      "source" or "hospital" to leave one out at a time, or a number of folds by patient.
    Returns: the new metrics of the card: other_source or folds, a list of name, n, patients, accuracy, ece after the
             temperature of the fold's validation films, auc{}, macro_auc, within_sources (of a hospital with one
             finding there is no AUC; its accuracy is the sensitivity), hit_rate where lesions are marked. The card also
             gets the recipe, because it may be shorter than that of the shipped weights, and other_source_mean: the
             mean within the sources left out. Empty in all processes of torchrun but the first.
    Raises:  BadData as core.train.folds; BadSetting if the recipe starts from weights trained on the films; UnknownName
             if `out` holds no checkpoint of this name.
    """
    if recipe.start not in ("", IMAGENET):
        raise BadSetting(
            f"The recipe starts from {recipe.start}, which has seen the films that a fold leaves out. "
            "Fold a recipe that starts from none."
        )
    start = start_network(recipe, out)
    checkpoints.read_card(name, out)  # check before hours of training, not after
    rows = corrected(table(*data), data)
    refuse_card_of_other_films(name, log.films_key(rows), out)
    rows = known(rows, recipe.findings, multi_label=recipe.multi_label)
    everything = films_of_rows(recipe, rows, None, runs)
    field = "folds" if by.isdigit() else "other_source"
    key = "name" if by.isdigit() else "source"
    measured = _stored_folds(name, field, recipe, out)
    for fold, split in _parts(rows, by, recipe.seed).items():
        if any(each[key] == fold for each in measured):
            continue
        run = runs / name / re.sub(r"[^\w-]+", "-", fold)
        log.refuse_other_films(run, split, first=ranks.is_first())
        train, val, films = (
            everything.part([row for row in split if row.split == part]) for part in ("train", "val", "test")
        )
        network = finished(recipe, run) or fit(recipe, train, val, run, start=start[1] if start else None)
        if not ranks.is_first():
            continue
        measured.append({key: fold, **_fold_figures(_calibrated(name, recipe, network, val), films)})
        # Written after each fold, since each takes hours.
        added = {field: measured, f"{field}_recipe": asdict(recipe)}
        if field == "other_source":
            added["other_source_mean"] = mean_within_sources([each["within_sources"] for each in measured])
        card = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
        checkpoints.complete(name, {"metrics": card.get("metrics", {}) | added}, out)
    ranks.leave()
    return measured


def _stored_folds(name: str, field: str, recipe: Recipe, out: Path) -> list[dict[str, Any]]:
    """The folds that an interrupted command with this recipe left in the card; the card must be of the same films."""
    metrics = json.loads((out / f"{name}.json").read_text(encoding="utf-8")).get("metrics", {})
    if metrics.get(f"{field}_recipe") != json.loads(json.dumps(asdict(recipe))) or not ranks.is_first():
        return []
    return list(metrics.get(field, []))


def _parts(rows: Sequence[Row], by: str, seed: int) -> dict[str, list[Row]]:
    if by == "hospital":
        return folds.by_hospital(rows)
    if by == "source":
        return folds.by_source(rows, seed=seed)
    return folds.by_patient(rows, int(by), seed=seed)


def _calibrated(name: str, recipe: Recipe, network: Network, val: Films) -> Classifier:
    """The network of a fold, with its temperature fitted on the fold's validation films."""
    labels = truth(val.rows, recipe.findings, multi_label=recipe.multi_label)
    scores = predict(network, val.images, recipe.sizes[-1])
    checkpoint = Checkpoint(
        name=name,
        architecture=recipe.architecture,
        findings=recipe.findings,
        multi_label=recipe.multi_label,
        input=Input(size=recipe.sizes[-1]),
        sha256="",
        temperature=temperature(scores, torch.from_numpy(labels), multi_label=recipe.multi_label),
    )
    return Classifier(checkpoint, network)


def _fold_figures(classifier: Classifier, films: Films) -> dict[str, Any]:
    """The figures of a fold's films; if boxes or masks mark lesions, also how often Grad-CAM's maximum hits one."""
    checkpoint = classifier.checkpoint
    with classifier.alone() as network:
        scores = predict(network, films.images, checkpoint.input.size).numpy()
    labels = truth(films.rows, checkpoint.findings, multi_label=checkpoint.multi_label)
    predictions = labelled_predictions(checkpoint, scores, labels, films.column("patient"))
    figures = few_figures(predictions) | {"within_sources": within_sources(predictions, films.column("source"))}
    marked = [row for row in films.rows if row.lesions or row.lesion_boxes]
    if marked:
        figures["hit_rate"] = heat_figures(classifier, marked)["hit_rate"]
    return figures
