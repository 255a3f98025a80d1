"""`bench`: what predictions and maps cost on this machine."""

import json
from pathlib import Path
from typing import Any

import click

from core.commands import options
from core.commands.registry import command
from core.errors import BadData

_README = Path(__file__).parents[2] / "README.md"


@command("bench", short_help="Measure speed and memory on this machine.")
@click.option("--quick", is_flag=True, help="Fewer rounds, steps and masks: about a minute on two idle cores.")
@click.option("--repeats", default=15, show_default=True, type=click.IntRange(1), help="Timings per case.")
@click.option("--browser", is_flag=True, help="Also start the dashboard and time it in Chromium.")
@click.option("--training", is_flag=True, help="Also time training against a bare loop on a tensor in memory.")
@click.option("--cohort", is_flag=True, help="Also time a run over many files against bare passes in batches.")
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
@click.option(
    "--readme",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Measure nothing; write the figures of this JSON file into the README's table.",
)
@options.one_model
def bench(
    quick: bool,
    repeats: int,
    browser: bool,
    training: bool,
    cohort: bool,
    as_json: bool,
    readme: Path | None,
    choice: options.ModelChoice,
) -> None:
    """Costs as multiples of one bare forward pass of the same network in the same run, next to other libraries.

    Without any checkpoint, a network with random weights is timed; it costs the same.

    \b
    Examples:
      python -m core bench --quick
      python -m core bench --json > build/bench.json
      python -m core bench --readme build/bench.json
      python -m core bench --repeats 30 --browser --training
    """
    from core.bench import run, table, untrained
    from core.markdown import replace_section

    if readme:
        replace_section(_README, "bench", table.markdown(_measured(readme)))
        return
    named = choice.name or choice.weights
    classifier = choice.classifier() if named else untrained.or_shipped()
    figures = run.bench(classifier, run.QUICK if quick else run.full(repeats))
    if training:
        from core.bench.training import throughput

        figures["training"] = throughput(repeats=repeats)
    if cohort:
        from core.bench.cohort import cohort_figures

        figures["cohort"] = cohort_figures(classifier, rounds=3 if quick else 5)
    if browser:
        from core import chromium

        figures["browser"] = chromium.measure()
    click.echo(json.dumps(figures, indent=1) if as_json else _text(figures))


def _text(figures: dict[str, Any]) -> str:
    from core.bench import run, table

    parts = [options.table(table.rows(figures)), *table.lines(figures)]
    if missed := run.missed(figures):
        parts.append(f"Missed: {', '.join(missed)}.")
    parts += [f"{key}: {why}" for key, why in figures["skipped"].items()]
    for name in (
        "whole calls, film to result",
        "import core.models.classifier",
        "two replicas",
        "training",
        "cohort",
        "browser",
    ):
        if name in figures:
            parts.append(f"{name}: {json.dumps(figures[name], indent=1)}")
    return "\n".join(parts)


def _measured(path: Path) -> dict[str, Any]:
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadData(f"{path} is not JSON ({error}). Make it with python -m core bench --json > {path}.") from error
    missing = {"ratios", "peers", "machine", "targets", "memory", "threads"} - set(figures)
    if missing:
        raise BadData(f"{path} lacks {', '.join(sorted(missing))}. Make it with python -m core bench --json > {path}.")
    return figures
