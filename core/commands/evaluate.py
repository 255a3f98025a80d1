"""`evaluate`: how well a checkpoint does on a table of labelled films."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, options

if TYPE_CHECKING:
    from core.evaluate.manifest import Row


@click.command(short_help="How well a checkpoint does on labelled films.")
@click.argument("manifest", metavar="MANIFEST.csv", type=click.Path(path_type=Path))
@options.checkpoint
@options.weights
@click.option("--split", metavar="NAME", help="Films of this split.  [default: test where the table has splits]")
@click.option(
    "--method", default="grad-cam", show_default=True, metavar="NAME", help="Whose heat is compared with the masks."
)
@click.option("--lungs", is_flag=True, help="Find the lungs of films that have no mask of them.")
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(10), metavar="N", help="Behind each interval."
)
@click.option("--only-known", is_flag=True, help="Leave films out whose label the checkpoint does not know.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write report.json, predictions.csv, confusion.csv and groups.csv there; overwrites nothing.",
)
@options.as_json
@options.told
def evaluate(
    manifest: Path,
    checkpoint: str | None,
    weights: Path | None,
    split: str | None,
    method: str,
    lungs: bool,
    resamples: int,
    only_known: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Figures of a checkpoint on labelled films, each with n and a 95 % interval.

    MANIFEST.csv has the columns file and label (several labels with | between them) and, where known, id, patient,
    source, age, sex, view, split, box, lungs, lesions, devices; its paths are relative to it. A folder with cxr.csv
    will do, and so will that of ChestX-ray14 as it is downloaded. Intervals are over resampled patients; rates have
    Wilson's where each patient has one film. Films that are the same as, or look like, others of the table are told
    first. Where the table names masks, the shares of the heat on them are told, too.

    \b
    Examples:
      python -m core evaluate ../shared/cxr
      python -m core evaluate films.csv --checkpoint densenet121-plain --json
      python -m core evaluate films.csv --split val --out figures
      python -m core evaluate films.csv --method integrated-gradients --lungs
    """
    from core.commands import figures
    from core.evaluate import chestxray14, export
    from core.evaluate.manifest import known, radiograph, read
    from core.evaluate.run import logits, report
    from core.explain.method import methods

    if out:
        files.refuse_out(out)
        export.refuse_to_overwrite(out)
    method = methods[method].name  # an unknown one is told before any film is read
    classifier = options.classifier(checkpoint, weights)
    card = classifier.checkpoint
    table = chestxray14.table(manifest) if chestxray14.lies_in(manifest) else read(manifest)
    split, rows, others = chosen(table, split)
    if only_known:
        rows = known(rows, card.findings, multi_label=card.multi_label)
    labelled(rows, card.findings, card.multi_label)
    scores = logits(classifier, map(radiograph, rows), progress="predicting", total=len(rows))
    found = {
        "checkpoint": card.name,
        "manifest": str(manifest),
        "split": split,
        **report(classifier, rows, method=method, lungs=lungs, others=others, scores=scores, repeats=resamples),
    }
    click.echo(options.line(found) if as_json else figures.told(found))
    if out:
        export.write(out, found, card, rows, scores, manifest if manifest.is_dir() else manifest.parent)


def chosen(table: "list[Row]", split: str | None) -> "tuple[str | None, list[Row], list[Row]]":
    """The split's name (None: the table has none), its films and those of the other splits.

    Raises: BadData if the table has no such split.
    """
    from core.errors import BadData

    there = sorted({row.split for row in table if row.split})
    if split is None and not there:
        return None, table, []
    split = split or "test"
    if split not in there:
        known = f"it has {', '.join(there)}" if there else "it has no column split"
        raise BadData(f"The table has no film in split {split!r}; {known}. Choose one of these with --split.")
    return split, [row for row in table if row.split == split], [row for row in table if row.split != split]


def labelled(rows: "list[Row]", findings: tuple[str, ...], multi_label: bool) -> None:
    """Raises: BadData where the labels do not serve; before an hour of predicting, not after."""
    from core.evaluate.manifest import truth
    from core.evaluate.run import refuse_one_class

    refuse_one_class(truth(rows, findings, multi_label=multi_label), findings)
