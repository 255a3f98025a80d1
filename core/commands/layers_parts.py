"""`layers parts`: the feature maps of a stage, split into a few regions."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.layers.parts import Parts
    from core.types import Cleaning


@command("layers parts", short_help="Split the maps of a stage into regions.")
@click.argument("film", metavar="FILM")
@options.one_model
@options.stage("Stage to split.")
@click.option("--count", default=5, show_default=True, type=int, metavar="N", help="Number of parts, 3 to 8.")
@click.option(
    "--finding",
    "findings",
    multiple=True,
    metavar="NAME",
    help="Finding to attribute to the parts. Repeatable.  [default: all]",
)
@click.option(
    "--with", "others", multiple=True, metavar="FILM", help="Another film to split into the same parts. Repeatable."
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="Random seed of the factorisation.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png", help="Picture of the parts."
)
@options.frame
@options.cleaning
@options.as_json
def parts(
    film: str,
    choice: options.ModelChoice,
    stage: str | None,
    count: int,
    findings: tuple[str, ...],
    others: tuple[str, ...],
    seed: int,
    out: Path | None,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """The feature maps of a stage, split into a few regions of the film (non-negative matrix factorisation).

    \b
    Examples:
      python -m core layers parts film.png --checkpoint densenet121-lungs --stage "stage 4" --count 5 --out parts.png
      python -m core layers parts film.png --finding covid --json
    """
    from core.layers.parts import stage_parts
    from core.overlay import regions

    files.refuse_out(out, picture=True)
    classifier = choice.classifier()
    radiograph, cleaning = files.read_meaningful(film, cleaning, classifier, frame=frame)
    card = classifier.checkpoint
    with classifier.alone() as network:
        stage = stage or network.last_stage
    result = stage_parts(
        classifier,
        radiograph,
        stage,
        count=count,
        findings=findings or card.findings,
        others=[files.read_film(other) for other in others],
        seed=seed,
        cleaning=cleaning,
    )
    pictures = {}
    if out is not None:
        picture = regions(
            radiograph, result.maps, result.placement, words=result.words(), title=result.title(card.name)
        )
        pictures[out] = files.png(picture)
    record = {"path": film, "cleaning": asdict(cleaning), "checkpoint": card.name, **result.record()}
    files.finish(record, pictures, show=None if as_json else partial(_text, result))


def _text(result: "Parts", record: "files.Record") -> str:
    findings = list(result.relevance)
    rows = [["", "share of film", "units", *(f"{finding}, logits" for finding in findings)]]
    for part in range(len(result)):
        units = ", ".join(str(channel) for channel, _ in result.units(part))
        counts: list[Any] = [f"{result.relevance[finding][part]:+.2f}" for finding in findings]
        rows.append([f"part {part + 1}", f"{100 * result.areas[part]:.0f} %", units, *counts])
    rows.append(["the rest", "", "", *(f"{result.rest[finding]:+.2f}" for finding in findings)])
    return "\n\n".join([options.table(rows), result.sentence, *record["written"]])
