"""`layers unit`: all that is told of one unit, as figures and as pictures."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, options

if TYPE_CHECKING:
    from core.layers.atlas import Atlas, UnitTold
    from core.layers.preferred import Preferred
    from core.models.classifier import Classifier
    from core.types import Radiograph


@click.command("unit")
@options.checkpoint
@options.weights
@click.option("--stage", metavar="NAME", help="Whose unit.  [default: the last]")
@click.option("--channel", required=True, type=int, metavar="N", help="Which one, from 0.")
@click.option("--film", metavar="FILE", help="What it answers to this film, and that followed back to the pixels.")
@click.option(
    "--atlas",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="What it is told by.  [default: your own of these weights, else that of drawn phantoms]",
)
@click.option(
    "--prior",
    type=click.Choice(["free", "chest"]),
    default="chest",
    show_default=True,
    help="Of the preferred picture.",
)
@click.option(
    "--steps",
    type=click.IntRange(0),
    metavar="N",
    help="Behind the preferred picture; 0 for none.  [default: 128 by the free prior, 72 by that of a chest; none "
    "without --out]",
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of the preferred picture.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="PNG files: its map and the film's pixels that led to it, the preferred picture, patches.",
)
@options.as_json
@options.told
def unit(
    checkpoint: str | None,
    weights: Path | None,
    stage: str | None,
    channel: int,
    film: str | None,
    atlas: Path | None,
    prior: Any,
    steps: int | None,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """What one unit of a network answers to, what it counts for, which units are like it, and what it wants to see.

    \b
    Examples:
      python -m core layers unit --stage "stage 4" --channel 12
      python -m core layers unit --checkpoint densenet121-lungs --channel 12 --film film.png --out build/unit
      python -m core layers unit --channel 12 --atlas build/atlas --prior free --steps 64 --json
    """
    from core.layers.preferred import preferred

    files.refuse_out(out)
    classifier = options.classifier(checkpoint, weights)
    card = classifier.checkpoint
    stage = _checked(classifier, stage, channel)
    known = _atlas(classifier, atlas, weights)
    record: dict[str, Any] = {"checkpoint": card.name, "stage": stage, "channel": channel}
    pictures: dict[str, bytes] = {}
    told = known.unit(stage, channel) if known else None
    if known and told:
        record |= _of_atlas(known, told)
        pictures |= _patches(known, told)
    if film is not None:
        figures, maps = _of_film(classifier, files.read_film(film), stage, channel, told)
        record |= {"film": figures}
        pictures |= maps
    if steps or (steps is None and out):  # it takes longer than all the rest, and is no use unseen
        found = preferred(classifier, stage, channel, prior=prior, steps=steps, seed=seed)
        record |= {"preferred": _of_preferred(found)}
        pictures["preferred"] = files.png(found.picture)
    made = _named(out, stage, channel, pictures) if out else {}
    files.hand_over(record, made, show=None if as_json else _text, under="files")


def _checked(classifier: "Classifier", stage: str | None, channel: int) -> str:
    """The stage, by default the last. Raises: UnknownName, BadSetting, OneCell where it has no such unit."""
    from core.layers.activations import known_stage, refuse_one_cell
    from core.layers.plan import plan
    from core.layers.switch import Switched, check

    card = classifier.checkpoint
    with classifier.alone() as network:
        stage = stage or network.last_stage
        known_stage(card, network, stage)
        shape = plan(network, size=card.input.size, channels=card.input.channels).stage(stage).shape
    refuse_one_cell(card, stage, shape)
    check(Switched(units=((stage, channel),)), {stage: shape[0]})
    return stage


def _atlas(classifier: "Classifier", given: Path | None, weights: Path | None) -> "Atlas | None":
    from core.layers import atlas as atlases
    from core.layers import shelf
    from core.models import checkpoint as checkpoints

    card = classifier.checkpoint
    return atlases.read(given, card) if given else shelf.find(card, weights or checkpoints.SHIPPED)


def _of_atlas(known: "Atlas", told: "UnitTold") -> dict[str, Any]:
    return {
        "atlas": {"set": known.told["set"], "films": known.films, "drawn": known.told["drawn"]},
        "mean": told.mean,
        "least": told.least,
        "most": told.most,
        "speaks": dict(told.speaks),
        "auc": dict(told.auc),
        "exciting": [asdict(each) for each in told.exciting],
        "relevant": [asdict(each) for each in told.relevant],
        "nearest": [asdict(each) for each in told.nearest],
    }


def _patches(known: "Atlas", told: "UnitTold") -> dict[str, bytes]:
    from core.layers.patches import patch

    found = {}
    for kind, films in (("exciting", told.exciting), ("relevant", told.relevant)):
        for place, seen in enumerate(films, start=1):
            cut = patch(known, told.stage, seen)
            if cut is not None:
                found[f"{kind}-{place}"] = files.png(cut)
    return found


def _of_film(
    classifier: "Classifier", film: "Radiograph", stage: str, channel: int, told: "UnitTold | None"
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What it answers there; its map and the film's pixels that led to it, over the film."""
    from core.errors import Unfit
    from core.explain.export import overlay_png
    from core.layers.activations import activations, shown
    from core.layers.unit_maps import KINDS, unit_map

    found = activations(classifier, film, stage)
    greatest = float(found.maps[channel].max())
    figures = {"name": film.name, "mean": float(found.means[channel]), "greatest": greatest}
    figures["above"] = told.share(greatest) if told else float("nan")
    pictures, refused = {"map": overlay_png(film, shown(found, channel))}, []
    for kind in KINDS:
        try:
            pictures[kind] = overlay_png(film, unit_map(classifier, film, stage, channel, kind))
        except Unfit as error:
            refused.append(str(error))
    return figures | {"refused": refused}, pictures


def _of_preferred(found: "Preferred") -> dict[str, Any]:
    return {
        "before": found.before,
        "after": found.after,
        "seconds": found.seconds,
        **asdict(found.settings),
        "curve": [float(value) for value in found.curve],
        "told": found.told,
    }


def _named(out: Path, stage: str, channel: int, pictures: Mapping[str, bytes]) -> dict[Path, bytes]:
    """ "stage-4.12.map.png" and the like."""
    safe = re.sub(r"[^\w+-]+", "-", stage)
    return {out / f"{safe}.{channel}.{name}.png": data for name, data in pictures.items()}


def _text(record: Mapping[str, Any]) -> str:
    """The record for people."""
    lines = [f"Unit {record['channel']} of {record['stage']}, {record['checkpoint']}"]
    if film := record.get("film"):
        above = f", more than on {film['above']:.0%} of the reference films" if film["above"] == film["above"] else ""
        lines.append(f"On {film['name']}: mean {film['mean']:.3g}, greatest {film['greatest']:.3g}{above}.")
        lines += film["refused"]
    if known := record.get("atlas"):
        span = f"{record['least']:.3g} to {record['most']:.3g}"
        lines.append(f"Over {known['set']}: mean {record['mean']:.3g}; greatest answer of a film {span}.")
        rows = [["", "counts, logits", "AUC alone"]]
        rows += [
            [finding, _number(value, "+.3g"), _number(record["auc"][finding], ".3f")]
            for finding, value in record["speaks"].items()
        ]
        lines += ["", options.table(rows), ""]
        for kind, title in (("exciting", "Strongest answers"), ("relevant", "Counted most")):
            films = ", ".join(f"{seen['film']} ({seen['value']:.3g})" for seen in record[kind])
            lines.append(f"{title}: {films or 'none'}")
        units = ", ".join(
            f"{near['stage']} {near['channel']} ({near['correlation']:.2f})" for near in record["nearest"]
        )
        lines.append(f"Units like it: {units or 'none'}")
    else:
        lines.append("There is no atlas of this network. Build one: python -m core atlas --data FOLDER --out DIR.")
    if made := record.get("preferred"):
        lines.append(
            f"Preferred picture: {made['before']:.3g} at the start, {made['after']:.3g} reached. {made['told']}"
        )
    lines += record["files"]
    return "\n".join(lines)


def _number(value: float, form: str) -> str:
    return format(value, form) if value == value else "-"
