"""`layers removal`: what a network loses without the top units of a stage, over many films."""

from pathlib import Path
from typing import Any

import click

from core.commands import options
from core.commands.evaluate import films_of_split
from core.commands.evaluation_report import estimate_cell
from core.commands.registry import command


@command("layers removal", short_help="Switch off top units over many films.")
@click.argument("manifest", metavar="MANIFEST.csv", type=click.Path(path_type=Path))
@options.one_model
@options.split_of_table
@options.stage("Stage whose units are switched off.")
@click.option(
    "--top", default=20, show_default=True, type=click.IntRange(1), metavar="N", help="Number of units to switch off."
)
@options.fill
@options.limit(100)
@options.resamples
@options.seed("Random seed for the choice of films and units.")
@options.as_json
def removal(
    manifest: Path,
    choice: options.ModelChoice,
    split: str | None,
    stage: str | None,
    top: int,
    fill: Any,
    limit: int,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """How much the logit of the most likely finding drops when the top units are switched off, for three rankings.

    The rankings are by relevance (activation × gradient), by mean activation, and random. Differences are paired per
    film; intervals are bootstrapped over patients.

    \b
    Examples:
      python -m core layers removal ../shared/cxr --checkpoint densenet121-lungs
      python -m core layers removal films.csv --stage "stage 3" --top 50 --fill mean --json
    """
    import numpy as np

    from core.evaluate.manifest import read_manifest
    from core.layers.ablation_curve import removal_effect

    classifier = choice.classifier()
    split, rows, _ = films_of_split(read_manifest(manifest), split)
    places = np.random.default_rng(seed).permutation(len(rows))[:limit]
    figures = removal_effect(
        classifier,
        [rows[place] for place in sorted(places)],
        top=top,
        stage=stage,
        fill=fill,
        repeats=resamples,
        seed=seed,
        progress=True,
    )
    figures = {"checkpoint": classifier.checkpoint.name, "manifest": str(manifest), "split": split, **figures}
    click.echo(options.line(figures) if as_json else _text(figures))


def _text(figures: dict[str, Any]) -> str:
    head = (
        f"{figures['checkpoint']} on {figures['n']} films of {figures['patients']} patients: the top {figures['top']} "
        f"units of {figures['stage']} set to {'zero' if figures['fill'] == 'zero' else 'their mean over the film'}"
    )
    rows = [["", "drop of the logit, 95 % interval", "mean logit while all units are removed"]]
    rows += [
        [name, estimate_cell(figures["fall"][name]), estimate_cell(figures["area"][name])]
        for name in (*figures["fall"],)
    ]
    rows += [
        [name, estimate_cell(figures["less"][name]), estimate_cell(figures["area_less"][name])]
        for name in figures["less"]
    ]
    return f"{head}\n\n{options.table(rows)}"
