"""`methods`: the attribution methods."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import method_settings, options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.explain.method import Method, Setting
    from core.models.classifier import Classifier


@command("methods", short_help="List the attribution methods with their settings.")
@click.option("--checkpoint", metavar="NAME", help="Also say which methods are not available for this model, and why.")
@options.weights
@options.as_json
def methods(checkpoint: str | None, weights: Path | None, as_json: bool) -> None:
    """The attribution methods by family: what each shows, how it can mislead, what it costs, and its settings.

    \b
    Examples:
      python -m core methods
      python -m core methods --json
      python -m core methods --checkpoint densenet121-lungs
    """
    from core.explain.method import FAMILIES, by_family

    reasons = _reasons(options.classifier(checkpoint, weights)) if checkpoint or weights else None
    for family, members in by_family().items():
        if members and not as_json:
            click.secho(f"{family.upper()}  {FAMILIES[family]}\n", bold=True)
        for method in members:
            unfit = reasons[method.name] if reasons else {}
            click.echo(options.line(_record(method, unfit if reasons else None)) if as_json else _text(method, unfit))


def _record(method: "Method", unfit: Mapping[str, str] | None) -> dict[str, Any]:
    """unfit: stage ("" for methods of the input) -> reason; left out where no model was named."""
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
        "by": method.computed_by,
        "source": method.source,
        "settings": [_setting(setting) for setting in method.settings],
    }
    return record if unfit is None else record | {"unfit": dict(unfit)}


def _text(method: "Method", unfit: Mapping[str, str]) -> str:
    from core.explain.method import COSTS

    where = "at a stage" if method.layered else "of the film"
    sign = {True: "signed", False: "not signed", None: "signed or rectified"}[method.signed]
    half = {True: "float32 or bfloat16", "signed": "float32, signed also bfloat16", False: "float32"}[method.bfloat16]
    lines = [f"{method.name}  ({method.title}, {where}, {sign}, in {method.unit})"]
    sentences = (
        method.plain,
        method.misleads,
        f"Cost: {COSTS[method.cost]}; {half}. {method.source}.",
        f"Computed by {method.computed_by}.",
    )
    for sentence in sentences:
        lines.append(textwrap.fill(sentence, 96, initial_indent="    ", subsequent_indent="    "))
    for setting in method.settings:
        lines.append(f"    {method_settings.flag(setting)}  {setting.meaning} ({method_settings.span(setting)})")
    for stage, reason in unfit.items():
        at = f" at {stage}" if stage else ""
        lines.append(textwrap.fill(f"! Not{at}: {reason}", 96, initial_indent="    ", subsequent_indent="      "))
    return "\n".join([*lines, ""])


def _reasons(classifier: "Classifier") -> dict[str, dict[str, str]]:
    """Method -> stage ("" for methods of the input) -> why it is not available there; only where it is not."""
    from core.explain.compatibility import incompatibilities

    return {
        method: {stage or "": reason for stage, reason in reasons.items() if reason}
        for method, reasons in incompatibilities(classifier).items()
    }


def _setting(setting: "Setting") -> dict[str, Any]:
    return {
        "name": setting.name,
        "default": setting.default,
        "meaning": setting.meaning,
        "low": setting.low,
        "high": setting.high,
        "choices": list(setting.choices),
    }
