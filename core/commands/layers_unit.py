"""`layers unit`: one unit of a network, in figures and pictures."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.layers.atlases import Atlas, UnitDescription
    from core.layers.preferred import Preferred
    from core.models.classifier import Classifier
    from core.types import Cleaning, Radiograph


@command("layers unit", short_help="Describe one unit.")
@options.one_model
@options.stage("Stage of the unit.")
@click.option("--channel", required=True, type=int, metavar="N", help="Channel number, from 0.")
@click.option("--film", metavar="FILE", help="Film on which to compute its activation and trace it back to pixels.")
@options.atlas("Atlas that describes the units.  [default: your own for these weights, else that of drawn chests]")
@click.option(
    "--prior",
    type=click.Choice(["free", "chest"]),
    default="chest",
    show_default=True,
    help="Prior of the preferred picture.",
)
@click.option(
    "--steps",
    type=click.IntRange(0),
    metavar="N",
    help="Optimisation steps for the preferred picture; 0 skips it.  [default: 128 with the free prior, 72 with the "
    "chest prior; 0 without --out]",
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="Random seed for the preferred picture.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for PNG files: its map, the pixels that caused it, the preferred picture, patches.",
)
@options.frame
@options.cleaning
@options.as_json
def unit(
    choice: options.ModelChoice,
    stage: str | None,
    channel: int,
    film: str | None,
    atlas: Path | None,
    prior: Any,
    steps: int | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """What activates one unit, what it contributes to each finding, which units are similar, and its preferred picture.

    \b
    Examples:
      python -m core layers unit --stage "stage 4" --channel 12
      python -m core layers unit --checkpoint densenet121-lungs --channel 12 --film film.png --out build/unit
      python -m core layers unit --channel 12 --atlas build/atlas --prior free --steps 64 --json
    """
    from core.layers.preferred import optimised_picture

    files.refuse_out(out)
    classifier = choice.classifier()
    card = classifier.checkpoint
    stage = _checked_stage(classifier, stage, channel)
    known = _atlas(classifier, atlas, choice.weights)
    record: dict[str, Any] = {"checkpoint": card.name, "stage": stage, "channel": channel}
    pictures: dict[str, bytes] = {}
    details = known.unit(stage, channel) if known else None
    if known and details:
        record |= _of_atlas(known, details)
        pictures |= _patches(known, details)
    if film is not None:
        radiograph, cleaning = files.read_meaningful(film, cleaning, classifier, frame=frame)
        figures, maps = _of_film(classifier, radiograph, stage, channel, details, cleaning)
        record |= {"film": figures | {"cleaning": asdict(cleaning)}}
        pictures |= maps
    if steps or (steps is None and out):  # the picture takes longer than everything else, and is useless without a file
        best = optimised_picture(classifier, stage, channel, prior=prior, steps=steps, seed=seed)
        record |= {"preferred": _of_preferred(best)}
        pictures["preferred"] = files.png(best.picture)
    contents = _by_file(out, stage, channel, pictures) if out else {}
    files.finish(record, contents, show=None if as_json else _text, under="files")


def _checked_stage(classifier: "Classifier", stage: str | None, channel: int) -> str:
    """The stage, by default the last. Raises: UnknownName, BadSetting or OneCell if it has no such unit."""
    from core.layers.activations import known_stage, refuse_one_cell
    from core.layers.plan import traced_plan
    from core.layers.unit_ablation import UnitSwitches, check

    card = classifier.checkpoint
    with classifier.alone() as network:
        stage = stage or network.last_stage
        known_stage(card, network, stage)
        shape = traced_plan(network, size=card.input.size, channels=card.input.channels).stage(stage).shape
    refuse_one_cell(card, stage, shape)
    check(UnitSwitches(units=((stage, channel),)), {stage: shape[0]})
    return stage


def _atlas(classifier: "Classifier", folder: Path | None, weights: Path | None) -> "Atlas | None":
    from core.layers import atlas_paths, atlases
    from core.models import checkpoints

    card = classifier.checkpoint
    return atlases.read(folder, card) if folder else atlas_paths.find(card, weights or checkpoints.SHIPPED)


def _of_atlas(known: "Atlas", details: "UnitDescription") -> dict[str, Any]:
    return {
        "atlas": {"set": known.metadata["set"], "films": known.films, "drawn": known.metadata["drawn"]},
        "mean": details.mean,
        "least": details.least,
        "most": details.most,
        "speaks": dict(details.speaks),
        "auc": dict(details.auc),
        "exciting": [asdict(each) for each in details.exciting],
        "relevant": [asdict(each) for each in details.relevant],
        "nearest": [asdict(each) for each in details.nearest],
    }


def _patches(known: "Atlas", details: "UnitDescription") -> dict[str, bytes]:
    from core.layers.patches import patch

    pictures = {}
    for kind, films in (("exciting", details.exciting), ("relevant", details.relevant)):
        for place, seen in enumerate(films, start=1):
            cut = patch(known, details.stage, seen)
            if cut is not None:
                pictures[f"{kind}-{place}"] = files.png(cut)
    return pictures


def _of_film(
    classifier: "Classifier",
    film: "Radiograph",
    stage: str,
    channel: int,
    details: "UnitDescription | None",
    cleaning: "Cleaning",
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Its activation on the film; overlays of its map and of the pixels that caused it."""
    from core.errors import Unfit
    from core.explain.export import overlay_png
    from core.layers.activations import stage_activations, unit_explanation
    from core.layers.unit_maps import UNIT_METHODS, unit_gradient_map

    all_units = stage_activations(classifier, film, stage, cleaning=cleaning)
    greatest = float(all_units.maps[channel].max())
    figures = {"name": film.name, "mean": float(all_units.means[channel]), "greatest": greatest}
    figures["above"] = details.share(greatest) if details else float("nan")
    pictures, refused = {"map": overlay_png(film, unit_explanation(all_units, channel))}, []
    for kind in UNIT_METHODS:
        try:
            pictures[kind] = overlay_png(
                film, unit_gradient_map(classifier, film, stage, channel, kind, cleaning=cleaning)
            )
        except Unfit as error:
            refused.append(str(error))
    return figures | {"refused": refused}, pictures


def _of_preferred(best: "Preferred") -> dict[str, Any]:
    return {
        "before": best.before,
        "after": best.after,
        "seconds": best.seconds,
        **asdict(best.settings),
        "curve": [float(value) for value in best.curve],
        "told": best.recipe,
    }


def _by_file(out: Path, stage: str, channel: int, pictures: Mapping[str, bytes]) -> dict[Path, bytes]:
    """ "stage-4.12.map.png" and the like."""
    safe = re.sub(r"[^\w+-]+", "-", stage)
    return {out / f"{safe}.{channel}.{name}.png": data for name, data in pictures.items()}


def _text(record: Mapping[str, Any]) -> str:
    """The record as text."""
    lines = [f"Unit {record['channel']} of {record['stage']}, {record['checkpoint']}"]
    if film := record.get("film"):
        above = f", more than on {film['above']:.0%} of the reference films" if film["above"] == film["above"] else ""
        lines.append(f"On {film['name']}: mean {film['mean']:.3g}, maximum {film['greatest']:.3g}{above}.")
        lines += film["refused"]
    if known := record.get("atlas"):
        span = f"{record['least']:.3g} to {record['most']:.3g}"
        lines.append(f"Over {known['set']}: mean {record['mean']:.3g}; maximum per film {span}.")
        rows = [["", "relevance, logits", "AUC of this unit"]]
        rows += [
            [finding, _number(value, "+.3g"), _number(record["auc"][finding], ".3f")]
            for finding, value in record["speaks"].items()
        ]
        lines += ["", options.table(rows), ""]
        for kind, title in (("exciting", "Strongest activations"), ("relevant", "Most relevant")):
            films = ", ".join(f"{seen['film']} ({seen['value']:.3g})" for seen in record[kind])
            lines.append(f"{title}: {films or 'none'}")
        units = ", ".join(
            f"{near['stage']} {near['channel']} ({near['correlation']:.2f})" for near in record["nearest"]
        )
        lines.append(f"Similar units: {units or 'none'}")
    else:
        lines.append("There is no atlas for this model. Build one: python -m core atlas --data FOLDER --out DIR.")
    if best := record.get("preferred"):
        lines.append(
            f"Preferred picture: activation {best['before']:.3g} at the start, {best['after']:.3g} at the end. "
            f"{best['told']}"
        )
    lines += record["files"]
    return "\n".join(lines)


def _number(value: float, form: str) -> str:
    return format(value, form) if value == value else "-"
