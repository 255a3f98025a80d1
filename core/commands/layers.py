"""`layers`: a network's plan, and what its units are worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.commands.concepts import concepts, parts
from core.commands.evaluate import chosen
from core.commands.figures import weighed
from core.commands.stages import stages
from core.commands.unit import unit
from core.commands.without import without

if TYPE_CHECKING:
    from core.layers.field import Field
    from core.layers.plan import Layer, Stage


@click.group(short_help="A network's plan, and what its units are worth.")
def layers() -> None:
    """What a network is made of, and what it says without some of its units.

    \b
    Examples:
      python -m core layers plan --checkpoint densenet121-lungs --all
      python -m core layers removal ../shared/cxr --stage "stage 3" --top 20
      python -m core layers unit --channel 12 --film film.dcm --out build/unit
      python -m core layers without film.dcm --top 20
      python -m core layers stages film.dcm --data ../shared/cxr --limit 600
      python -m core layers concepts --phantoms 40 --concept side-marker
      python -m core layers parts film.dcm --count 5 --out parts.png
    """


for command in (unit, without, stages, concepts, parts):
    layers.add_command(command)


@layers.command("plan")
@options.checkpoint
@options.weights
@click.option("--all", "every", is_flag=True, help="Each layer, not only the stages.")
@options.as_json
@options.told
def plan(checkpoint: str | None, weights: Path | None, every: bool, as_json: bool) -> None:
    """The stages of a network: shapes, parameters, and what a cell of each sees (its receptive field, in px).

    \b
    Examples:
      python -m core layers plan --checkpoint densenet121-lungs
      python -m core layers plan --all --json
    """
    from core.layers.plan import plan as plan_of

    classifier = options.classifier(checkpoint, weights)
    card = classifier.checkpoint
    with classifier.alone() as network:
        found = plan_of(network, size=card.input.size, channels=card.input.channels)
    records: list[dict[str, Any]] = []
    for stage in (*found.stages, found.head):
        for layer in stage.layers if every else ():
            records.append({**_record(stage.name, layer), "kind": layer.kind})
        records.append(_record(stage.name, stage))
    if as_json:
        for record in records:
            click.echo(options.line({"checkpoint": card.name, **record}))
        return
    click.echo(f"{card.name}: {found.parameters:,} parameters, films of {found.size} px\n")
    head = ["", *(["kind"] if every else []), "shape", "parameters", "sees, px", "every, px"]
    rows = [[record["name"], *([record.get("kind", "")] if every else []), *_cells(record)] for record in records]
    click.echo(options.table([head, *rows]))


@layers.command("removal")
@click.argument("manifest", metavar="MANIFEST.csv", type=click.Path(path_type=Path))
@options.checkpoint
@options.weights
@click.option("--split", metavar="NAME", help="Films of this split.  [default: test where the table has splits]")
@click.option("--stage", metavar="NAME", help="Whose units.  [default: the last]")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), metavar="N", help="Units switched off.")
@click.option(
    "--fill", type=click.Choice(["zero", "mean"]), default="zero", show_default=True, help="What stands in their place."
)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), metavar="N", help="Films, at random.")
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(10), metavar="N", help="Behind each interval."
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of the choice of films and of units.")
@options.as_json
@options.told
def removal(
    manifest: Path,
    checkpoint: str | None,
    weights: Path | None,
    split: str | None,
    stage: str | None,
    top: int,
    fill: Any,
    limit: int,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """By how much a film's likeliest finding loses when the top units are switched off, by three rankings.

    By relevance (activation × gradient), by mean activation, at random; the differences are paired film by film, the
    intervals over resampled patients.

    \b
    Examples:
      python -m core layers removal ../shared/cxr --checkpoint densenet121-lungs
      python -m core layers removal films.csv --stage "stage 3" --top 50 --fill mean --json
    """
    import numpy as np

    from core.evaluate.manifest import read
    from core.layers import removal as removing

    classifier = options.classifier(checkpoint, weights)
    split, rows, _ = chosen(read(manifest), split)
    places = np.random.default_rng(seed).permutation(len(rows))[:limit]
    found = removing.removal(
        classifier,
        [rows[place] for place in sorted(places)],
        top=top,
        stage=stage,
        fill=fill,
        repeats=resamples,
        seed=seed,
        progress=True,
    )
    found = {"checkpoint": classifier.checkpoint.name, "manifest": str(manifest), "split": split, **found}
    click.echo(options.line(found) if as_json else _told(found))


def _told(found: dict[str, Any]) -> str:
    head = (
        f"{found['checkpoint']} on {found['n']} films of {found['patients']} patients: the top {found['top']} units of "
        f"{found['stage']} set to {'zero' if found['fill'] == 'zero' else 'their mean over the film'}"
    )
    rows = [["", "fall of the logit, 95 % interval", "mean logit on the way to all units"]]
    rows += [[name, weighed(found["fall"][name]), weighed(found["area"][name])] for name in (*found["fall"],)]
    rows += [[name, weighed(found["less"][name]), weighed(found["area_less"][name])] for name in found["less"]]
    return f"{head}\n\n{options.table(rows)}"


def _record(stage: str, part: "Layer | Stage") -> dict[str, Any]:
    told = {"stage": stage, "name": part.name, "shape": list(part.shape), "parameters": part.parameters}
    return told | _seen(part.field)


def _seen(field: "Field | None") -> dict[str, Any]:
    """The field as it stands in a record; null where it cannot be told, and behind the last cell."""
    if field is None or (field.whole and field.rows.jump == 1):
        return {"field": None, "stride": None, "start": None, "whole": field is not None}
    return {
        "field": [field.rows.size, field.columns.size],
        "stride": [field.rows.jump, field.columns.jump],
        "start": [field.rows.start, field.columns.start],
        "whole": field.whole,
    }


def _cells(record: dict[str, Any]) -> list[str]:
    shape = " × ".join(map(str, record["shape"]))
    if record["field"] is None:
        return [shape, f"{record['parameters']:,}", "the whole film" if record["whole"] else "?", ""]
    sees = " × ".join(map(str, record["field"])) + (" and, by gates, all" if record["whole"] else "")
    return [shape, f"{record['parameters']:,}", sees, " × ".join(map(str, record["stride"]))]
