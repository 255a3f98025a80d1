"""`evaluate`: how well a checkpoint does on a labelled folder."""

from pathlib import Path
from typing import Any

import click

from core.commands import options
from core.commands.train import data
from core.errors import BadData


@click.command(short_help="How well a checkpoint does on labelled films.")
@data
@options.checkpoint
@options.weights
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "val", "test"]))
@options.as_json
@options.told
def evaluate(data: Path, checkpoint: str | None, weights: Path | None, split: str, as_json: bool) -> None:
    """Figures of a checkpoint on one split, each with n and a 95 % interval over patients.

    \b
    Examples:
      python -m core evaluate --data ../shared/cxr
      python -m core evaluate --data ../shared/cxr --checkpoint densenet121-cxr3 --split val --json
    """
    from core.train.data import table
    from core.train.run import evaluate as run

    classifier = options.classifier(checkpoint, weights)
    rows = table(data)
    known = classifier.checkpoint.findings
    if not any(row.split == split and row.label in known for row in rows):
        raise BadData(f"{data} has no film in split {split!r} with a finding of {', '.join(known)}.")
    found = run(classifier, rows, split)
    if as_json:
        click.echo(options.line({"checkpoint": classifier.checkpoint.name, "split": split, **found}))
        return
    overall = found[split]
    click.echo(f"{classifier.checkpoint.name} on {overall['n']} films of {overall['patients']} patients, split {split}")
    click.echo()
    click.echo(options.table(_by_finding(overall)))
    click.echo()
    click.echo(options.table(_by_group(overall, found["groups"])))
    click.echo(f"\nGuessing each source's commonest label: accuracy {found['accuracy_by_source_alone']:.3f}")


def _by_finding(overall: dict[str, Any]) -> list[list[str]]:
    kinds = ("auc", "sensitivity", "specificity")
    head = ["finding", *(part for kind in ("AUC", *kinds[1:]) for part in (kind, "95 % interval")), "films"]
    rows = [head]
    for finding, area in overall["auc"].items():
        figures = [part for kind in kinds for part in figure(overall[kind].get(finding))]
        rows.append([finding, *figures, str(area["positives"])])
    return rows


def _by_group(overall: dict[str, Any], groups: list[dict[str, Any]]) -> list[list[str]]:
    rows = [["films", "accuracy", "95 % interval", "n"]]
    for group in [{"name": "all", **overall}, *groups]:
        rows.append([group["name"], *figure(group["accuracy"]), str(group["n"])])
    return rows


def figure(estimate: dict[str, Any] | None) -> tuple[str, str]:
    """An estimate of a card as (value, interval); dashes where it could not be had."""
    if estimate is None or estimate["value"] is None:
        return "-", ""
    interval = "" if estimate["low"] is None else f"{estimate['low']:.3f} to {estimate['high']:.3f}"
    return f"{estimate['value']:.3f}", interval
