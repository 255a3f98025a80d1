"""`layers plan`: the stages and layers of a network, with shapes, parameters and receptive fields."""

from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.layers.plan import Layer, Stage
    from core.layers.receptive_field import ReceptiveField


@command("layers plan", short_help="List stages and layers of a network.")
@options.one_model
@click.option("--all", "every", is_flag=True, help="List every layer, not only the stages.")
@options.as_json
def plan(choice: options.ModelChoice, every: bool, as_json: bool) -> None:
    """The stages of a network: shapes, parameters, and the receptive field of a cell in px.

    \b
    Examples:
      python -m core layers plan --checkpoint densenet121-lungs
      python -m core layers plan --all --json
    """
    from core.layers.plan import traced_plan

    classifier = choice.classifier()
    card = classifier.checkpoint
    with classifier.alone() as network:
        architecture = traced_plan(network, size=card.input.size, channels=card.input.channels)
    records: list[dict[str, Any]] = []
    for stage in (*architecture.stages, architecture.head):
        for layer in stage.layers if every else ():
            records.append({**_record(stage.name, layer), "kind": layer.kind})
        records.append(_record(stage.name, stage))
    if as_json:
        for record in records:
            click.echo(options.line({"checkpoint": card.name, **record}))
        return
    click.echo(f"{card.name}: {architecture.parameters:,} parameters, input of {architecture.size} px\n")
    head = ["", *(["kind"] if every else []), "shape", "parameters", "receptive field, px", "stride, px"]
    rows = [[record["name"], *([record.get("kind", "")] if every else []), *_cells(record)] for record in records]
    click.echo(options.table([head, *rows]))


def _record(stage: str, part: "Layer | Stage") -> dict[str, Any]:
    record = {"stage": stage, "name": part.name, "shape": list(part.shape), "parameters": part.parameters}
    return record | _field(part.field)


def _field(field: "ReceptiveField | None") -> dict[str, Any]:
    """The receptive field as a record; null where it is unknown, and after global pooling."""
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
