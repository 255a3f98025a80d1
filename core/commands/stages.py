"""`layers stages`: what each stage of a network makes of one film, and what it knows of many."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, maps, options
from core.commands.figures import weighed
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.layers.decision import Probe, Probes
    from core.layers.passage import Carried
    from core.models.classifier import Classifier
    from core.types import Checkpoint, Explanation, Prediction, Radiograph


@click.command("stages")
@click.argument("film", metavar="FILM")
@options.checkpoint
@options.weights
@click.option("--finding", metavar="NAME", help="What the maps are of.  [default: the likeliest]")
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Labelled films for the probes: a table (MANIFEST.csv, or a folder with cxr.csv).",
)
@click.option("--phantoms", type=click.IntRange(1), metavar="N", help="So many drawn chests instead.")
@click.option("--split", metavar="NAME", help="Whose films the probes are asked about.  [default: test, or val]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many films in all, at random.")
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(10), metavar="N", help="Behind each interval."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png", help="The maps in one picture."
)
@options.as_json
@options.told
def stages(
    film: str,
    checkpoint: str | None,
    weights: Path | None,
    finding: str | None,
    data: Path | None,
    phantoms: int | None,
    split: str | None,
    limit: int | None,
    resamples: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Stage by stage: how much speaks for the finding and on how few units, where Grad-CAM looks, and with labelled
    films how well a linear classifier tells the findings from that stage alone (Alain and Bengio 2016).

    \b
    Examples:
      python -m core layers stages film.dcm --out stages.png
      python -m core layers stages film.png --data ../shared/cxr --limit 600
      python -m core layers stages film.png --phantoms 60 --json
    """
    from core.layers import labelled
    from core.layers.decision import averaged, fits, probes, said
    from core.layers.passage import passages, units_told, unspoken
    from core.layers.verdict import LEARNED, turn, words
    from core.models.findings import leading
    from core.work import Work

    if data and phantoms:
        raise BadSetting("The probes learn from --data or from --phantoms. Give one of them.")
    files.refuse_out(out, picture=True)
    classifier = options.classifier(checkpoint, weights)
    card = classifier.checkpoint
    radiograph = files.read_film(film)
    finding = finding or leading(classifier.predict(radiograph), card)
    prediction, cams, relevant = _maps(classifier, radiograph, finding)
    found, why = passages(classifier, radiograph, finding)
    lungs = _in_lungs(classifier, radiograph, cams)
    record: dict[str, Any] = {
        "path": film,
        "checkpoint": card.name,
        "finding": finding,
        "probability": round(prediction.probability(finding), 6),
        "lrp": why or None,
        "unspoken": list(unspoken(found, finding)),
        "stages": {
            each.stage: {
                "gradient": _carried(each.gradient),
                "lrp": _carried(each.lrp) if each.lrp else None,
                "lungs": lungs.get(each.stage),
            }
            for each in found
        },
    }
    made = {out: _strip(radiograph, card, prediction, [*cams, *relevant])} if out else {}
    if data or phantoms:
        films = (
            labelled.phantoms(phantoms) if phantoms else labelled.from_data(data or Path(), split=split, limit=limit)
        )
        with maps.bar("probes", shown=True) as tell:
            asked = probes(classifier, films, repeats=resamples, work=Work(limit=0, tell=tell))
        answers = said(asked, radiograph, averaged(classifier, radiograph)) if fits(asked, radiograph) else None
        learned = radiograph.key in asked.learned and radiograph.key not in asked.held
        of_film = [] if answers is None else [turn(answers, asked), *([LEARNED] if learned else [])]
        record["probes"] = _probes(asked) | {"learned": learned, "told": [*words(asked), *of_film]}
        for place, probe in enumerate(asked.stages):
            says = None if answers is None else dict(zip(asked.classes, answers[place].tolist(), strict=True))
            record["stages"][probe.stage]["probe"] = _probe(probe) | {"says": says}
    carriers = {each.stage: [units_told(each.gradient), units_told(each.lrp) if each.lrp else "-"] for each in found}
    files.hand_over(record, made, show=None if as_json else partial(_told, carriers=carriers))


def _maps(
    classifier: "Classifier", radiograph: "Radiograph", finding: str
) -> "tuple[Prediction, tuple[Explanation, ...], tuple[Explanation, ...]]":
    """Grad-CAM, and activation × gradient, of each stage that has a place on the film; one shared pass."""
    from core.explain.run import Request, explain_many
    from core.explain.unfit import stage_sizes, unplaced

    layers = [stage for stage, size in stage_sizes(classifier).items() if not unplaced(size)]
    requests = [Request("grad-cam", finding, layer) for layer in layers]
    requests += [Request("hires-cam", finding, layer, {"signed": True}) for layer in layers]
    prediction, found = explain_many(classifier, radiograph, requests)
    return prediction, found[: len(layers)], found[len(layers) :]


def _in_lungs(
    classifier: "Classifier", radiograph: "Radiograph", maps: "Sequence[Explanation]"
) -> dict[str | None, float]:
    """Stage -> share of the map in the lungs, 0 to 1; NaN where no lungs are found, or the map is flat."""
    from core.trust.measure import Question, measures
    from core.types import Cleaning

    rule = measures["lungs"]
    return {map_.layer: rule(Question(classifier, radiograph, map_, Cleaning())).value for map_ in maps}


def _strip(radiograph: "Radiograph", card: "Checkpoint", said: "Prediction", maps: "Sequence[Explanation]") -> bytes:
    """One PNG picture, a column a stage."""
    from core.compare.board import board_png
    from core.compare.tile import Tile

    return board_png(radiograph, [Tile(card.name, card, said, map_) for map_ in maps], columns=max(1, len(maps) // 2))


def _carried(found: "Carried") -> dict[str, float | int]:
    return {
        "speaks": round(found.speaks, 4),
        "against": round(found.against, 4),
        "carriers": found.carriers,
        "units": found.units,
    }


def _probe(found: "Probe") -> dict[str, Any]:
    return {
        "balanced": found.balanced.card(),
        "auc": found.auc.card(),
        "accuracy": found.accuracy.card(),
        "behind": found.behind.card(),
        "agrees": found.agrees.card() if found.agrees else None,
    }


def _probes(found: "Probes") -> dict[str, Any]:
    return {
        "films": found.films,
        "patients": found.patients,
        "set": found.told,
        "drawn": found.drawn,
        "divided": found.divided,
        "classes": list(found.classes),
        "chance": found.chance,
        "majority": round(found.majority, 4),
        "network": {name: estimate.card() for name, estimate in found.network.items()},
        "skipped": found.skipped,
    }


def _told(record: dict[str, Any], carriers: Mapping[str, Sequence[str]]) -> str:
    """The record for people; carriers: stage -> cells by activation × gradient and by LRP."""
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
        f"LRP cannot be had: {record['lrp']}" if record["lrp"] else "",
    ]
    if "probes" in record:
        parts.append(_probed(record))
    return "\n\n".join(part for part in [*parts, *record["written"]] if part)


def _probed(record: dict[str, Any]) -> str:
    probes = record["probes"]
    head = ["linear probe", "balanced accuracy", "AUC", "agrees with the network", "says of this film"]
    rows = [head]
    for stage, each in record["stages"].items():
        probe = each["probe"]
        says = ", ".join(f"{name} {value:.2f}" for name, value in (probe["says"] or {}).items())
        rows.append([stage, weighed(probe["balanced"]), weighed(probe["auc"]), weighed(probe["agrees"]), says])
    if network := probes["network"]:
        rows.append(["the network itself", weighed(network["balanced"]), weighed(network["auc"]), "", ""])
    rows.append(["chance", f"{probes['chance']:.3f}", "0.500", "", ""])
    about = f"{probes['set']}: {probes['divided']}; always saying the commonest is right for {probes['majority']:.0%}."
    return "\n\n".join([options.table(rows), about, *probes["told"]])
