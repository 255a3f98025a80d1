"""`layers probes`: linear probes of every stage on labelled films, kept beside the weights."""

from pathlib import Path

import click

from core.commands import map_files, options
from core.commands.registry import command


@command("layers probes", short_help="Train and keep linear probes of every stage.")
@options.one_model
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    required=True,
    help="Labelled films: a table (MANIFEST.csv, or a folder with cxr.csv).",
)
@click.option("--split", metavar="NAME", help="Split that the probes are tested on.  [default: test, or val]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Use N films in total, chosen at random.")
@options.resamples
@options.as_json
def probes(
    choice: options.ModelChoice, data: Path, split: str | None, limit: int | None, resamples: int, as_json: bool
) -> None:
    """How early is the decision made? A linear probe for every stage, trained and tested on labelled films (Alain and
    Bengio 2016). The result is written beside the weights, where the Layers page shows it at once.

    \b
    Examples:
      python -m core layers probes --data ../shared/cxr --limit 600
      python -m core layers probes --checkpoint vgg16 --data ../shared/cxr --limit 600 --json
    """
    from core.layers import labelled, probe_table
    from core.layers.linear_probes import stage_probes
    from core.layers.probe_sentences import verdict_sentences
    from core.models import library
    from core.work import Work

    classifier = choice.classifier()
    films = labelled.from_data(data, split=split, limit=limit)
    with map_files.bar("probes", visible=True) as tell:
        trained = stage_probes(classifier, films, repeats=resamples, work=Work(limit=0, tell=tell))
    card = classifier.checkpoint
    file = probe_table.write_probes(trained, card, choice.weights or library.place(card.name))
    if as_json:
        balanced = {each.stage: each.balanced.card() for each in trained.stages}
        click.echo(options.line({"checkpoint": card.name, "balanced": balanced, "file": str(file)}))
        return
    for sentence in verdict_sentences(trained):
        click.echo(sentence)
    click.echo(str(file))
