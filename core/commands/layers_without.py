"""`layers without`: the prediction and map of one film with some units switched off."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, map_files, options
from core.commands.registry import command
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.layers.unit_ablation import AblationResult, UnitSwitches
    from core.models.classifier import Classifier
    from core.types import Cleaning, Radiograph


@command("layers without", short_help="Switch units off for one film.")
@click.argument("film", metavar="FILM")
@options.one_model
@options.stage("Stage of the units.")
@click.option("--units", metavar="NUMBERS", help='Units to switch off: "3, 7, 10-19".')
@click.option("--top", type=click.IntRange(1), metavar="N", help="Switch off the top N units for the finding.")
@click.option(
    "--by",
    type=click.Choice(["relevance", "activation", "random"]),
    default="relevance",
    show_default=True,
    help="Ranking for --top.",
)
@click.option("--outside", is_flag=True, help="Switch off everything outside the lungs, in every unit of the stage.")
@click.option(
    "--fill",
    type=click.Choice(["zero", "mean"]),
    default="zero",
    show_default=True,
    help="Value that replaces the units.",
)
@click.option(
    "--atlas",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Atlas with the means for --fill mean.  [default: the means over this film]",
)
@click.option("--finding", metavar="NAME", help="Finding for --top and the maps.  [default: the most likely one]")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Random seed for --by random.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for Grad-CAM with and without the units, as PNG.",
)
@options.frame
@options.cleaning
@options.as_json
def without_units(
    film: str,
    choice: options.ModelChoice,
    stage: str | None,
    units: str | None,
    top: int | None,
    by: Any,
    outside: bool,
    fill: Any,
    atlas: Path | None,
    finding: str | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """The prediction for a film with and without some units of a stage, and the Grad-CAM maps of both.

    \b
    Examples:
      python -m core layers without film.dcm --top 20
      python -m core layers without film.png --stage "stage 3" --units "3, 7, 10-19" --fill mean --atlas build/atlas
      python -m core layers without film.png --stage "stage 2" --outside --out build/without --json
    """
    from core.layers import atlases
    from core.layers.ablation_outcome import probability_changes, sentence
    from core.layers.unit_ablation import ablation_result
    from core.models.findings import leading, place_of

    files.refuse_out(out)
    classifier = choice.classifier()
    card = classifier.checkpoint
    usual = atlases.read(atlas, card).usual if atlas else None
    radiograph, cleaning = files.read_meaningful(film, cleaning, classifier, frame=frame)
    finding = finding or leading(classifier.predict(radiograph, cleaning=cleaning), card)
    place_of(card.findings, finding)  # refuses an unknown finding at once
    switched = _switched(
        classifier, radiograph, finding, stage, units, top, by, seed, cleaning, outside=outside, fill=fill
    )
    result = ablation_result(classifier, radiograph, switched, usual=usual, cleaning=cleaning)
    pictures = _pictures(out, film, classifier, radiograph, switched, finding, usual, cleaning) if out else {}
    record = {
        "path": film,
        "cleaning": asdict(cleaning),
        "checkpoint": card.name,
        "finding": finding,
        "units": [list(unit) for unit in switched.units],
        "outside": list(switched.outside),
        "fill": fill,
        "findings": {each.finding: _record(each) for each in probability_changes(result)},
        "told": result.description,
        "sentence": sentence(result, switched, finding, card),
    }
    files.finish(record, pictures, show=None if as_json else partial(_text, result=result))


def _switched(
    classifier: "Classifier",
    radiograph: "Radiograph",
    finding: str,
    stage: str | None,
    units: str | None,
    top: int | None,
    by: Any,
    seed: int,
    cleaning: "Cleaning",
    *,
    outside: bool,
    fill: Any,
) -> "UnitSwitches":
    """The units that the options name. Raises: BadSetting if they name none."""
    from core.layers.activations import search, stage_activations
    from core.layers.unit_ablation import UnitSwitches, top_units

    if (units is None and top is None and not outside) or (units is not None and not units.strip(" ,;")):
        raise BadSetting('No units were given. Use --units "3, 7, 10-19", --top 20, or --outside.')
    if units is not None and top is not None:
        raise BadSetting("Give either --units or --top.")
    with classifier.alone() as network:
        stage = stage or network.last_stage
    chosen: tuple[tuple[str, int], ...] = ()
    if units is not None or top is not None:
        units_of_stage = stage_activations(classifier, radiograph, stage, findings=[finding], cleaning=cleaning)
        if top is not None:
            chosen = top_units(units_of_stage, finding, top, by=by, seed=seed)
        else:
            chosen = tuple((stage, channel) for channel in search(units or "", len(units_of_stage.maps)))
    return UnitSwitches(chosen, (stage,) if outside else (), fill)


def _pictures(
    out: Path,
    film: str,
    classifier: "Classifier",
    radiograph: "Radiograph",
    switched: "UnitSwitches",
    finding: str,
    usual: Any,
    cleaning: "Cleaning",
) -> dict[Path, bytes]:
    """Overlays with and without the units, on a common colour scale."""
    from core.explain.export import overlay_png
    from core.explain.run import Request, explain_many
    from core.layers.unit_ablation import ablation_result
    from core.overlay import common_end

    request = Request("grad-cam", finding)
    (before,) = explain_many(classifier, radiograph, [request], cleaning=cleaning)[1]
    without = ablation_result(classifier, radiograph, switched, [request], usual=usual, cleaning=cleaning)
    (after,) = without.explanations
    scale = common_end([before, after])
    return {
        out / f"{map_files.stem(film, map_)}.{name}.png": overlay_png(radiograph, map_, scale=scale)
        for name, map_ in (("with", before), ("without", after))
    }


def _record(change: Any) -> dict[str, float]:
    return {
        "before": round(change.before, 6),
        "after": round(change.after, 6),
        "points": round(change.points, 4),
        "logit": round(change.logit, 4),
    }


def _text(record: dict[str, Any], result: "AblationResult") -> str:
    rows = [["", "with", "without", "points", "logit"]]
    for finding, each in record["findings"].items():
        rows.append(
            [
                finding,
                f"{each['before']:.3f}",
                f"{each['after']:.3f}",
                f"{each['points']:+.1f}",
                f"{each['logit']:+.2f}",
            ]
        )
    parts = [record["sentence"], result.description, options.table(rows), "\n".join(record["written"])]
    return "\n\n".join(part for part in parts if part)
