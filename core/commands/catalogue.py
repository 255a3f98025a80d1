"""`models` and `methods`: what there is to choose from."""

import textwrap
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.errors import BadCheckpoint

if TYPE_CHECKING:
    from core.explain.method import Setting
    from core.types import Checkpoint


@click.command(short_help="The checkpoints, with their figures.")
@options.weights
@options.as_json
@options.told
def models(weights: Path | None, as_json: bool) -> None:
    """The checkpoints, each with the figures of its card: inside and on another source side by side.

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
    rows = [["name", "architecture", "AUC inside", "AUC other source", "accuracy", "heat in lungs", "size", "date"]]
    for name in names:
        try:
            card = checkpoints.read_card(name, folder)
        except BadCheckpoint as error:
            click.echo(options.line({"name": name, "error": str(error)}) if as_json else f"{name}: {error}")
            bad = True
            continue
        if as_json:
            click.echo(options.line(_card(card)))
        rows.append(_row(card, folder))
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


def _row(card: "Checkpoint", folder: Path) -> list[str]:
    """The columns of the Models page; the interval first where there are few films."""
    from core.models.summary import apart, summary, words

    told = summary(card, folder)
    other = f"{words(told.other)} {apart(told)}" if told.other else apart(told)
    size = "-" if isnan(told.megabytes) else f"{told.megabytes:.0f} MB"
    lungs = words(told.lungs) if told.lungs else "not measured"
    return [
        told.name,
        told.architecture,
        words(told.inside),
        other,
        words(told.accuracy),
        lungs,
        size,
        told.date or "-",
    ]


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
