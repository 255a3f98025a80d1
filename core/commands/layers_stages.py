"""`layers stages`: relevance and Grad-CAM of one film per stage, and linear probes over labelled films."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, map_files, options
from core.commands.evaluation_report import estimate_cell
from core.commands.registry import command
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.layers.linear_probes import Probe, Probes
    from core.layers.stage_relevance import RelevanceSummary, StageRelevance
    from core.models.classifier import Classifier
    from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph


@command("layers stages", short_help="Follow a finding through the stages.")
@click.argument("film", metavar="FILM")
@options.one_model
@options.finding("Finding of the maps.")
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Labelled films for the probes: a table (MANIFEST.csv, or a folder with cxr.csv).",
)
@options.phantoms
@click.option("--split", metavar="NAME", help="Split that the probes are tested on.  [default: test, or val]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Use N films in total, chosen at random.")
@options.resamples
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png", help="Picture of all maps.")
@options.frame
@options.cleaning
@options.as_json
def stages(
    film: str,
    choice: options.ModelChoice,
    finding: str | None,
    data: Path | None,
    phantoms: int | None,
    split: str | None,
    limit: int | None,
    resamples: int,
    out: Path | None,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """For each stage: the relevance of the finding and how many units carry it, the Grad-CAM map, and with labelled
    films the accuracy of a linear probe that sees this stage alone (Alain and Bengio 2016).

    \b
    Examples:
      python -m core layers stages film.dcm --out stages.png
      python -m core layers stages film.png --data ../shared/cxr --limit 600
      python -m core layers stages film.png --phantoms 60 --json
    """
    from core.layers import labelled
    from core.layers.linear_probes import stage_probes
    from core.layers.stage_relevance import carriers_text, missing_relevance_reasons, relevances_by_stage
    from core.models.findings import leading
    from core.work import Work

    if data and phantoms:
        raise BadSetting("The probes need films: give either --data or --phantoms.")
    files.refuse_out(out, picture=True)
    classifier = choice.classifier()
    card = classifier.checkpoint
    radiograph, cleaning = files.read_meaningful(film, cleaning, classifier, frame=frame)
    finding = finding or leading(classifier.predict(radiograph, cleaning=cleaning), card)
    prediction, cams, relevant = _maps(classifier, radiograph, finding, cleaning)
    passages_of_film, no_lrp = relevances_by_stage(classifier, radiograph, finding, cleaning=cleaning)
    lungs = _in_lungs(classifier, radiograph, cams, cleaning)
    record: dict[str, Any] = {
        "path": film,
        "cleaning": asdict(cleaning),
        "checkpoint": card.name,
        "finding": finding,
        "probability": round(prediction.probability(finding), 6),
        "lrp": no_lrp or None,
        "unspoken": list(missing_relevance_reasons(passages_of_film, finding)),
        "stages": {each.stage: _stage(each, lungs.get(each.stage)) for each in passages_of_film},
    }
    pictures = {out: _strip(radiograph, card, prediction, [*cams, *relevant])} if out else {}
    if data or phantoms:
        films = (
            labelled.phantoms(phantoms) if phantoms else labelled.from_data(data or Path(), split=split, limit=limit)
        )
        with map_files.bar("probes", visible=True) as tell:
            trained = stage_probes(classifier, films, repeats=resamples, work=Work(limit=0, tell=tell))
        _add_probes(record, trained, classifier, radiograph)
    carriers = {
        each.stage: [carriers_text(each.gradient), carriers_text(each.lrp) if each.lrp else "-"]
        for each in passages_of_film
    }
    files.finish(record, pictures, show=None if as_json else partial(_text, carriers=carriers))


def _add_probes(record: dict[str, Any], probes: "Probes", classifier: "Classifier", radiograph: "Radiograph") -> None:
    """Adds the accuracy of the probes, and what they predict for this film where it fits them."""
    from core.layers.linear_probes import fits, stage_predictions, unit_means
    from core.layers.probe_sentences import LEARNED, turn, verdict_sentences

    answers = (
        stage_predictions(probes, radiograph, unit_means(classifier, radiograph)) if fits(probes, radiograph) else None
    )
    learned = radiograph.key in probes.learned and radiograph.key not in probes.held
    of_film = [] if answers is None else [turn(answers, probes), *([LEARNED] if learned else [])]
    record["probes"] = _probes(probes) | {"learned": learned, "told": [*verdict_sentences(probes), *of_film]}
    for place, probe in enumerate(probes.stages):
        says = None if answers is None else dict(zip(probes.classes, answers[place].tolist(), strict=True))
        record["stages"][probe.stage]["probe"] = _probe(probe) | {"says": says}


def _maps(
    classifier: "Classifier", radiograph: "Radiograph", finding: str, cleaning: "Cleaning"
) -> "tuple[Prediction, tuple[Explanation, ...], tuple[Explanation, ...]]":
    """Grad-CAM and activation × gradient of every stage with spatial extent; one shared pass."""
    from core.explain.compatibility import stage_sizes, unplaced
    from core.explain.run import Request, explain_many

    layers = [stage for stage, size in stage_sizes(classifier).items() if not unplaced(size)]
    requests = [Request("grad-cam", finding, layer) for layer in layers]
    requests += [Request("hires-cam", finding, layer, {"signed": True}) for layer in layers]
    prediction, maps = explain_many(classifier, radiograph, requests, cleaning=cleaning)
    return prediction, maps[: len(layers)], maps[len(layers) :]


def _in_lungs(
    classifier: "Classifier", radiograph: "Radiograph", maps: "Sequence[Explanation]", cleaning: "Cleaning"
) -> dict[str | None, float]:
    """Stage -> share of the map in the lungs, 0 to 1; NaN if no lungs are found or the map is flat."""
    from core.trust.measure import Question, measures

    rule = measures["lungs"]
    return {map_.layer: rule(Question(classifier, radiograph, map_, cleaning)).value for map_ in maps}


def _strip(
    radiograph: "Radiograph", card: "Checkpoint", prediction: "Prediction", maps: "Sequence[Explanation]"
) -> bytes:
    """One PNG picture with one column per stage."""
    from core.compare.board import board_png
    from core.compare.tile import Tile

    return board_png(
        radiograph, [Tile(card.name, card, prediction, map_) for map_ in maps], columns=max(1, len(maps) // 2)
    )


def _stage(relevance: "StageRelevance", in_lungs: float | None) -> dict[str, Any]:
    return {
        "gradient": _carried(relevance.gradient),
        "lrp": _carried(relevance.lrp) if relevance.lrp else None,
        "lungs": in_lungs,
    }


def _carried(carried: "RelevanceSummary") -> dict[str, float | int]:
    return {
        "speaks": round(carried.speaks, 4),
        "against": round(carried.against, 4),
        "carriers": carried.carriers,
        "units": carried.units,
    }


def _probe(probe: "Probe") -> dict[str, Any]:
    return {
        "balanced": probe.balanced.card(),
        "auc": probe.auc.card(),
        "accuracy": probe.accuracy.card(),
        "behind": probe.behind.card(),
        "agrees": probe.agrees.card() if probe.agrees else None,
    }


def _probes(probes: "Probes") -> dict[str, Any]:
    return {
        "films": probes.films,
        "patients": probes.patients,
        "set": probes.description,
        "drawn": probes.drawn,
        "divided": probes.divided,
        "classes": list(probes.classes),
        "chance": probes.chance,
        "majority": round(probes.majority, 4),
        "network": {name: estimate.card() for name, estimate in probes.network.items()},
        "skipped": probes.skipped,
    }


def _text(record: dict[str, Any], carriers: Mapping[str, Sequence[str]]) -> str:
    """The record as text; carriers: stage -> cells by activation × gradient and by LRP."""
    head = f"{record['path']}: {record['finding']} {record['probability']:.3f} by {record['checkpoint']}"
    rows = [["", "for, logits", "against", "units with 80 %", "by LRP", "Grad-CAM in lungs"]]
    for stage, each in record["stages"].items():
        own, lungs = each["gradient"], each["lungs"]
        rows.append(
            [
                stage,
                f"{own['speaks']:.2f}",
                f"{own['against']:.2f}",
                *carriers[stage],
                f"{lungs:.0%}" if lungs is not None and lungs == lungs else "-",
            ]
        )
    parts = [
        head,
        options.table(rows),
        *record["unspoken"],
        f"LRP is not available: {record['lrp']}" if record["lrp"] else "",
    ]
    if "probes" in record:
        parts.append(_probes_text(record))
    return "\n\n".join(part for part in [*parts, *record["written"]] if part)


def _probes_text(record: dict[str, Any]) -> str:
    probes = record["probes"]
    head = ["linear probe", "balanced accuracy", "AUC", "agrees with the network", "this film"]
    rows = [head]
    for stage, each in record["stages"].items():
        probe = each["probe"]
        says = ", ".join(f"{name} {value:.2f}" for name, value in (probe["says"] or {}).items())
        rows.append(
            [stage, estimate_cell(probe["balanced"]), estimate_cell(probe["auc"]), estimate_cell(probe["agrees"]), says]
        )
    if network := probes["network"]:
        rows.append(["the network itself", estimate_cell(network["balanced"]), estimate_cell(network["auc"]), "", ""])
    rows.append(["chance", f"{probes['chance']:.3f}", "0.500", "", ""])
    common = f"always predicting the most common finding is right for {probes['majority']:.0%}"
    about = f"{probes['set']}: {probes['divided']}; {common}."
    return "\n\n".join([options.table(rows), about, *probes["told"]])
