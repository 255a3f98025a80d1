"""`models`: the checkpoints with their figures; renaming and removing your own."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.codec import dump
from core.commands import options
from core.commands.registry import command
from core.errors import BadCheckpoint

if TYPE_CHECKING:
    from core.models.summary import Summary
    from core.types import Checkpoint


HEAD = (
    "name",
    "architecture",
    "AUC internal test",
    "AUC hospitals left out*",
    "accuracy",
    "heat in lungs",
    "size",
    "date",
)


@command("models", short_help="List the checkpoints with their figures.")
@options.weights
@click.option("--rename", nargs=2, metavar="NAME NEW", help="Rename one of your own checkpoints.")
@click.option("--remove", metavar="NAME", help="Delete one of your own checkpoints.")
@options.as_json
def models(weights: Path | None, rename: tuple[str, str] | None, remove: str | None, as_json: bool) -> None:
    """The checkpoints with the figures of their cards: internal test next to the hospitals left out.

    The figure for hospitals left out is that of other networks, each trained without one of them: the mean of the AUCs
    within their sources. The checkpoints that come with Lightbox are listed first, then your own imported ones.

    \b
    Examples:
      python -m core models
      python -m core models --json
      python -m core models --weights runs/out
      python -m core models --rename chexnet chexnet-2017
      python -m core models --remove chexnet-2017
    """
    from core.models import checkpoints, library
    from core.models.summary import summary

    if rename or remove:
        _change(rename, remove, as_json)
        return
    names = checkpoints.names(weights) if weights else library.names()
    if not names:
        click.echo(f"There is no checkpoint in {weights or checkpoints.SHIPPED}.", err=True)
    bad, footnotes = False, dict[str, None]()
    rows = [list(HEAD)]
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
        rows.append(row(line))
        if line.held_out:
            footnotes[f"* Not of these weights, which saw these hospitals: each of {line.retrained}."] = None
    if len(rows) > 1 and not as_json:
        click.echo(options.table(rows))
        for sentence in footnotes:
            click.echo(sentence)
    if bad:
        raise SystemExit(1)


def _change(rename: tuple[str, str] | None, remove: str | None, as_json: bool) -> None:
    from core.models import library

    changes: list[tuple[dict[str, str], str]] = []
    if rename:
        library.rename(*rename)
        changes.append(({"renamed": rename[0], "name": rename[1]}, f"{rename[0]} is now {rename[1]}."))
    if remove:
        library.remove(remove)
        changes.append(({"removed": remove}, f"{remove} is removed."))
    for record, sentence in changes:
        click.echo(options.line(record) if as_json else sentence)


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


def row(line: "Summary") -> list[str]:
    """The columns of the Models page; the interval first where there are few films."""
    from core.estimate import estimate_text

    other = f"{estimate_text(line.held_out)} {line.lowest}".strip() if line.held_out else "not measured"
    size = "-" if isnan(line.megabytes) else f"{line.megabytes:.0f} MB"
    lungs = estimate_text(line.lungs) if line.lungs else "not measured"
    return [
        line.name,
        line.architecture,
        line.note or estimate_text(line.internal),
        other,
        estimate_text(line.accuracy),
        lungs,
        size,
        line.date or "-",
    ]
