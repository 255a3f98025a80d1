"""`models` and `methods`: what there is to choose from."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.commands.figures import figure
from core.errors import BadCheckpoint

if TYPE_CHECKING:
    from core.explain.method import Setting
    from core.types import Checkpoint


@click.command(short_help="The checkpoints, with their figures.")
@options.weights
@options.as_json
@options.told
def models(weights: Path | None, as_json: bool) -> None:
    """The checkpoints, each with the figures of its card.

    \b
    Examples:
      python -m core models
      python -m core models --json
      python -m core models --weights runs/out
    """
    from core.models import checkpoint as checkpoints

    folder = weights or checkpoints.SHIPPED
    names = checkpoints.names(folder)
    if not names:
        click.echo(f"There is no checkpoint in {folder}.", err=True)
    bad = False
    rows = [["name", "architecture", "input", "finding", "AUC", "95 % interval", "test films"]]
    for name in names:
        try:
            card = checkpoints.read_card(name, folder)
        except BadCheckpoint as error:
            click.echo(options.line({"name": name, "error": str(error)}) if as_json else f"{name}: {error}")
            bad = True
            continue
        if as_json:
            click.echo(options.line(_card(card)))
        rows += _rows(card)
    if len(rows) > 1 and not as_json:
        click.echo(options.table(rows))
    if bad:
        raise SystemExit(1)


@click.command(short_help="The attribution methods, with their settings.")
@options.as_json
@options.told
def methods(as_json: bool) -> None:
    """The attribution methods: what each shows, how it can mislead, and its settings.

    \b
    Examples:
      python -m core methods
      python -m core methods --json
    """
    from core.explain.method import methods as registered

    for method in registered.values():
        if as_json:
            told = {
                "name": method.name,
                "title": method.title,
                "plain": method.plain,
                "misleads": method.misleads,
                "layered": method.layered,
                "signed": method.signed,
                "unit": method.unit,
                "source": method.source,
                "settings": [_setting(setting) for setting in method.settings],
            }
            click.echo(options.line(told))
            continue
        where = "at a stage" if method.layered else "of the film"
        click.echo(f"{method.name}  ({method.title}, {where}, in {method.unit})")
        for sentence in (method.plain, method.misleads):
            click.echo(textwrap.fill(sentence, 96, initial_indent="    ", subsequent_indent="    "))
        for setting in method.settings:
            click.echo(f"    --setting {setting.name}={setting.default}  {setting.meaning} ({_range(setting)})")
        click.echo()


def _card(card: "Checkpoint") -> dict[str, Any]:
    return {
        "name": card.name,
        "architecture": card.architecture,
        "findings": list(card.findings),
        "multi_label": card.multi_label,
        "input": {"size": card.input.size, "channels": card.input.channels},
        "temperature": card.temperature,
        "thresholds": dict(card.thresholds),
        "metrics": dict(card.metrics),
        "sha256": card.sha256,
        "key": card.key,
    }


def _rows(card: "Checkpoint") -> list[list[str]]:
    """One row a finding; the checkpoint's own columns stand in the first of them."""
    test = card.metrics.get("test", {})
    films = test.get("n")
    rows: list[list[str]] = []
    for finding in card.findings:
        area = test.get("auc", {}).get(finding)
        own = ["", "", ""] if rows else [card.name, card.architecture, f"{card.input.size} px"]
        share = f"{area['positives']} of {films}" if area else ""
        rows.append([*own, finding, *figure(area), share])
    return rows


def _setting(setting: "Setting") -> dict[str, Any]:
    return {
        "name": setting.name,
        "default": setting.default,
        "meaning": setting.meaning,
        "low": setting.low,
        "high": setting.high,
        "choices": list(setting.choices),
    }


def _range(setting: "Setting") -> str:
    return ", ".join(setting.choices) if setting.choices else f"{setting.low:g} to {setting.high:g}"
