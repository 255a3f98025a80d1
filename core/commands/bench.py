"""`bench`: what explaining costs here."""

import json
from pathlib import Path
from typing import Any

import click

from core.commands import options
from core.errors import BadData

_README = Path(__file__).parents[2] / "README.md"


@click.command(short_help="What explaining costs here.")
@click.option("--quick", is_flag=True, help="Fewer rounds, steps and masks: about a minute on two idle cores.")
@click.option("--repeats", default=15, show_default=True, type=click.IntRange(1), help="Timings of each case.")
@click.option("--browser", is_flag=True, help="Also start the dashboard and time it in Chromium.")
@click.option("--training", is_flag=True, help="Also time training against a bare loop on a tensor in memory.")
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
@click.option(
    "--readme",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Measure nothing: write the figures of this JSON file into the README's table.",
)
@options.checkpoint
@options.weights
@options.told
def bench(
    quick: bool,
    repeats: int,
    browser: bool,
    training: bool,
    as_json: bool,
    readme: Path | None,
    checkpoint: str | None,
    weights: Path | None,
) -> None:
    """Costs as multiples of one bare forward pass of the same network in the same run, beside other libraries'.

    Without any checkpoint a network with random weights is timed; it costs the same.

    \b
    Examples:
      python -m core bench --quick
      python -m core bench --json > build/bench.json
      python -m core bench --readme build/bench.json
      python -m core bench --repeats 30 --browser --training
    """
    from core.bench import run, table, untrained

    if readme:
        table.into_readme(_measured(readme), _README)
        return
    given = checkpoint or weights
    classifier = options.classifier(checkpoint, weights) if given else untrained.or_shipped()
    found = run.bench(classifier, run.QUICK if quick else run.full(repeats))
    if training:
        from core.bench.training import throughput

        found["training"] = throughput(repeats=repeats)
    if browser:
        from core import browser as chromium

        found["browser"] = chromium.measure()
    click.echo(json.dumps(found, indent=1) if as_json else _readable(found))


def _readable(found: dict[str, Any]) -> str:
    from core.bench import run, table

    parts = [options.table(table.rows(found)), *table.lines(found)]
    if missed := run.missed(found):
        parts.append(f"Missed: {', '.join(missed)}.")
    parts += [f"{key}: {why}" for key, why in found["skipped"].items()]
    for name in ("whole calls, film to result", "import core.models.classifier", "two replicas", "training", "browser"):
        if name in found:
            parts.append(f"{name}: {json.dumps(found[name], indent=1)}")
    return "\n".join(parts)


def _measured(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadData(f"{path} is no JSON ({error}). Make it with python -m core bench --json > {path}.") from error
    missing = {"ratios", "peers", "machine", "targets", "memory", "threads"} - set(found)
    if missing:
        raise BadData(f"{path} lacks {', '.join(sorted(missing))}. Make it with python -m core bench --json > {path}.")
    return found
