"""`layers without`: what a network says of one film without some of its units."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, maps, options
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.layers.switch import Switched, Without
    from core.models.classifier import Classifier
    from core.types import Radiograph


@click.command("without")
@click.argument("film", metavar="FILM")
@options.checkpoint
@options.weights
@click.option("--stage", metavar="NAME", help="Whose units.  [default: the last]")
@click.option("--units", metavar="NUMBERS", help='These are switched off: "3, 7, 10-19".')
@click.option("--top", type=click.IntRange(1), metavar="N", help="The first N for the finding are.")
@click.option(
    "--by",
    type=click.Choice(["relevance", "activation", "random"]),
    default="relevance",
    show_default=True,
    help="The order of --top.",
)
@click.option("--outside", is_flag=True, help="All that lies outside the lungs is, in every unit of the stage.")
@click.option(
    "--fill", type=click.Choice(["zero", "mean"]), default="zero", show_default=True, help="What stands in their place."
)
@click.option(
    "--atlas",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Where --fill mean takes the units' means from.  [default: from this film]",
)
@click.option("--finding", metavar="NAME", help="What --top and the maps are of.  [default: the likeliest]")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of --by random.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Grad-CAM with and without, as PNG."
)
@options.as_json
@options.told
def without(
    film: str,
    checkpoint: str | None,
    weights: Path | None,
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
) -> None:
    """What a network says of a film with and without some units of a stage, and where it looks then.

    \b
    Examples:
      python -m core layers without film.dcm --top 20
      python -m core layers without film.png --stage "stage 3" --units "3, 7, 10-19" --fill mean --atlas build/atlas
      python -m core layers without film.png --stage "stage 2" --outside --out build/without --json
    """
    from core.layers import atlas as atlases
    from core.layers.outcome import changes, sentence
    from core.layers.switch import without as without_of
    from core.models.findings import leading, place_of

    files.refuse_out(out)
    classifier = options.classifier(checkpoint, weights)
    card = classifier.checkpoint
    usual = atlases.read(atlas, card).usual if atlas else None
    radiograph = files.read_film(film)
    finding = finding or leading(classifier.predict(radiograph), card)
    place_of(card.findings, finding)  # or it is refused at once
    switched = _switched(classifier, radiograph, finding, stage, units, top, by, seed, outside=outside, fill=fill)
    found = without_of(classifier, radiograph, switched, usual=usual)
    made = _pictures(out, film, classifier, radiograph, switched, finding, usual) if out else {}
    record = {
        "path": film,
        "checkpoint": card.name,
        "finding": finding,
        "units": [list(unit) for unit in switched.units],
        "outside": list(switched.outside),
        "fill": fill,
        "findings": {each.finding: _record(each) for each in changes(found)},
        "told": found.told,
        "sentence": sentence(found, switched, finding, card),
    }
    files.hand_over(record, made, show=None if as_json else partial(_told, found=found))


def _switched(
    classifier: "Classifier",
    radiograph: "Radiograph",
    finding: str,
    stage: str | None,
    units: str | None,
    top: int | None,
    by: Any,
    seed: int,
    *,
    outside: bool,
    fill: Any,
) -> "Switched":
    """What the options name. Raises: BadSetting where they name nothing."""
    from core.layers.activations import activations, search
    from core.layers.switch import Switched
    from core.layers.switch import top as top_of

    if (units is None and top is None and not outside) or (units is not None and not units.strip(" ,;")):
        raise BadSetting('Nothing is to be switched off. Name it: --units "3, 7, 10-19", --top 20, or --outside.')
    if units is not None and top is not None:
        raise BadSetting("--units and --top both name units. Give one of them.")
    with classifier.alone() as network:
        stage = stage or network.last_stage
    chosen: tuple[tuple[str, int], ...] = ()
    if units is not None or top is not None:
        found = activations(classifier, radiograph, stage, findings=[finding])
        if top is not None:
            chosen = top_of(found, finding, top, by=by, seed=seed)
        else:
            chosen = tuple((stage, channel) for channel in search(units or "", len(found.maps)))
    return Switched(chosen, (stage,) if outside else (), fill)


def _pictures(
    out: Path,
    film: str,
    classifier: "Classifier",
    radiograph: "Radiograph",
    switched: "Switched",
    finding: str,
    usual: Any,
) -> dict[Path, bytes]:
    """Overlays with and without the units, in colours of one scale."""
    from core.explain.export import overlay_png
    from core.explain.run import Request, explain_many
    from core.layers.switch import without as without_of
    from core.overlay import common_end

    request = Request("grad-cam", finding)
    (before,) = explain_many(classifier, radiograph, [request])[1]
    (after,) = without_of(classifier, radiograph, switched, [request], usual=usual).explanations
    scale = common_end([before, after])
    return {
        out / f"{maps.stem(film, map_)}.{name}.png": overlay_png(radiograph, map_, scale=scale)
        for name, map_ in (("with", before), ("without", after))
    }


def _record(change: Any) -> dict[str, float]:
    return {
        "before": round(change.before, 6),
        "after": round(change.after, 6),
        "points": round(change.points, 4),
        "logit": round(change.logit, 4),
    }


def _told(record: dict[str, Any], found: "Without") -> str:
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
    parts = [record["sentence"], found.told, options.table(rows), "\n".join(record["written"])]
    return "\n\n".join(part for part in parts if part)
