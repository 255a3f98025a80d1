"""`bench`: what explaining costs here."""

import json
from pathlib import Path

import click

from core.commands import options


@click.command(short_help="What explaining costs here, as JSON.")
@click.option("--repeats", default=15, show_default=True, type=click.IntRange(1), help="Timings of each case.")
@click.option("--browser", is_flag=True, help="Also start the dashboard and time it in Chromium.")
@click.option("--training", is_flag=True, help="Also time training against a bare loop on a tensor in memory.")
@options.checkpoint
@options.weights
@options.told
def bench(repeats: int, browser: bool, training: bool, checkpoint: str | None, weights: Path | None) -> None:
    """JSON: costs as multiples of one bare forward pass of the same network in the same run.

    Without any checkpoint a network with random weights is timed; it costs the same.

    \b
    Examples:
      python -m core bench
      python -m core bench --repeats 30 --browser
      python -m core bench --training
    """
    from core import bench as timing
    from core import browser as chromium

    given = checkpoint or weights
    classifier = options.classifier(checkpoint, weights) if given else timing.default_classifier()
    found = timing.bench(classifier, repeats=repeats)
    if training:
        from core.throughput import throughput

        found["training"] = throughput(repeats=repeats)
    if browser:
        found["browser"] = chromium.measure()
    click.echo(json.dumps(found, indent=1))
