"""`models` and `methods`: what there is to choose from."""

import textwrap
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.codec import dump
from core.commands import options, settings
from core.errors import BadCheckpoint

if TYPE_CHECKING:
    from core.explain.method import Method, Setting
    from core.models.classifier import Classifier
    from core.models.summary import Summary
    from core.types import Checkpoint

_README = Path(__file__).parents[2] / "README.md"


@click.command(short_help="The checkpoints, with their figures.")
@options.weights
@click.option("--rename", nargs=2, metavar="NAME NEW", help="Give one of your own another name.")
@click.option("--remove", metavar="NAME", help="Delete one of your own.")
@options.as_json
@options.told
def models(weights: Path | None, rename: tuple[str, str] | None, remove: str | None, as_json: bool) -> None:
    """The checkpoints, each with the figures of its card: inside and on a source left out side by side.

    The figure on a source left out is of another network, trained anew without that source, since the weights saw it.
    Those that come with Lightbox stand first, then your own, which `import` brought.

    \b
    Examples:
      python -m core models
      python -m core models --json
      python -m core models --weights runs/out
      python -m core models --rename chexnet chexnet-2017
      python -m core models --remove chexnet-2017
    """
    from core.models import checkpoint as checkpoints
    from core.models import library
    from core.models.summary import summary

    if rename or remove:
        _change(rename, remove, as_json)
        return
    names = checkpoints.names(weights) if weights else library.names()
    if not names:
        click.echo(f"There is no checkpoint in {weights or checkpoints.SHIPPED}.", err=True)
    bad, left_out = False, dict[str, None]()
    rows = [["name", "architecture", "AUC inside", "AUC source left out*", "accuracy", "heat in lungs", "size", "date"]]
    for name in names:
        folder = weights or library.place(name)
        try:
            card = checkpoints.read_card(name, folder)
        except BadCheckpoint as error:
            click.echo(options.line({"name": name, "error": str(error)}) if as_json else f"{name}: {error}")
            bad = True
            continue
        if as_json:
            click.echo(options.line(_card(card)))
        line = summary(card, folder)
        rows.append(_row(line))
        if line.held_out:
            left_out[f"* Not of these weights, which saw that source: of {line.retrained}."] = None
    if len(rows) > 1 and not as_json:
        click.echo(options.table(rows))
        for sentence in left_out:
            click.echo(sentence)
    if bad:
        raise SystemExit(1)


def _change(rename: tuple[str, str] | None, remove: str | None, as_json: bool) -> None:
    from core.models import library

    done: list[tuple[dict[str, str], str]] = []
    if rename:
        library.rename(*rename)
        done.append(({"renamed": rename[0], "name": rename[1]}, f"{rename[0]} is now {rename[1]}."))
    if remove:
        library.remove(remove)
        done.append(({"removed": remove}, f"{remove} is removed."))
    for record, sentence in done:
        click.echo(options.line(record) if as_json else sentence)


@click.command(short_help="The attribution methods, with their settings.")
@click.option("--checkpoint", metavar="NAME", help="Also say which of them this network cannot serve, and why.")
@click.option("--readme", is_flag=True, help="List nothing: write the README's table anew.")
@options.weights
@options.as_json
@options.told
def methods(checkpoint: str | None, readme: bool, weights: Path | None, as_json: bool) -> None:
    """The attribution methods by family: what each shows, how it can mislead, what it costs, and its settings.

    \b
    Examples:
      python -m core methods
      python -m core methods --json
      python -m core methods --checkpoint densenet121-lungs
      python -m core methods --readme
    """
    from core.explain import table
    from core.explain.method import FAMILIES, by_family

    if readme:
        table.into_readme(_README)
        return

    reasons = _reasons(options.classifier(checkpoint, weights)) if checkpoint or weights else None
    for family, members in by_family().items():
        if members and not as_json:
            click.secho(f"{family.upper()}  {FAMILIES[family]}\n", bold=True)
        for method in members:
            unfit = reasons[method.name] if reasons else {}
            click.echo(options.line(_record(method, unfit if reasons else None)) if as_json else _told(method, unfit))


def _record(method: "Method", unfit: Mapping[str, str] | None) -> dict[str, Any]:
    """`unfit` stands in it only where a network was named: stage ("" for methods of the input) -> reason."""
    record = {
        "name": method.name,
        "title": method.title,
        "family": method.family,
        "plain": method.plain,
        "misleads": method.misleads,
        "layered": method.layered,
        "signed": method.signed,
        "unit": method.unit,
        "cost": method.cost,
        "bfloat16": method.bfloat16,
        "source": method.source,
        "settings": [_setting(setting) for setting in method.settings],
    }
    return record if unfit is None else record | {"unfit": dict(unfit)}


def _told(method: "Method", unfit: Mapping[str, str]) -> str:
    from core.explain.method import COSTS

    where = "at a stage" if method.layered else "of the film"
    sign = {True: "signed", False: "not signed", None: "signed or rectified"}[method.signed]
    half = {True: "float32 or bfloat16", "signed": "float32, signed also bfloat16", False: "float32"}[method.bfloat16]
    lines = [f"{method.name}  ({method.title}, {where}, {sign}, in {method.unit})"]
    for sentence in (method.plain, method.misleads, f"Cost: {COSTS[method.cost]}; {half}. {method.source}."):
        lines.append(textwrap.fill(sentence, 96, initial_indent="    ", subsequent_indent="    "))
    for setting in method.settings:
        lines.append(f"    {settings.flag(setting)}  {setting.meaning} ({settings.span(setting)})")
    for stage, reason in unfit.items():
        at = f" at {stage}" if stage else ""
        lines.append(textwrap.fill(f"! Not{at}: {reason}", 96, initial_indent="    ", subsequent_indent="      "))
    return "\n".join([*lines, ""])


def _reasons(classifier: "Classifier") -> dict[str, dict[str, str]]:
    """Method -> stage ("" for methods of the input) -> why it cannot be had there; only where it cannot."""
    from core.explain.unfit import unfit

    return {
        method: {stage or "": reason for stage, reason in reasons.items() if reason}
        for method, reasons in unfit(classifier).items()
    }


def _card(card: "Checkpoint") -> dict[str, Any]:
    return {
        "name": card.name,
        "architecture": card.architecture,
        "findings": list(card.findings),
        "multi_label": card.multi_label,
        "input": {"size": card.input.size, "channels": card.input.channels},
        "temperature": card.temperature,
        "thresholds": dict(card.thresholds),
        "metrics": dump(card.metrics),
        "imported": dump(card.imported),
        "sha256": card.sha256,
        "key": card.key,
    }


def _row(told: "Summary") -> list[str]:
    """The columns of the Models page; the interval first where there are few films."""
    from core.estimate import estimate_text
    from core.models.summary import held_out_source

    source = held_out_source(told)
    other = f"{estimate_text(told.held_out)} {source}" if told.held_out else source
    size = "-" if isnan(told.megabytes) else f"{told.megabytes:.0f} MB"
    lungs = estimate_text(told.lungs) if told.lungs else "not measured"
    return [
        told.name,
        told.architecture,
        told.note or estimate_text(told.internal),
        other,
        estimate_text(told.accuracy),
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
