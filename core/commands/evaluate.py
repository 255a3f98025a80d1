"""`evaluate`: how well a checkpoint does on labelled films."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.registry import command
from core.errors import BadData, BadSetting

if TYPE_CHECKING:
    from core.evaluate.manifest import Row


@command("evaluate", short_help="Measure a checkpoint on labelled films.")
@click.argument("manifest", metavar="MANIFEST.csv", type=click.Path(path_type=Path))
@options.model_or_ensemble
@options.split_of_table
@click.option(
    "--method",
    default="grad-cam",
    show_default=True,
    metavar="NAME",
    help="Method whose maps are compared with the masks.",
)
@click.option(
    "--lesions",
    metavar="NAME,...",
    help="Methods to compare on lesions (masks in the table, or boxes.csv beside it), or `all` with one pass.",
)
@click.option(
    "--into-card", is_flag=True, help="Store the figures of --lesions in the model's card, for the page Models."
)
@click.option("--lungs", is_flag=True, help="Segment the lungs of films without a lung mask.")
@options.resamples
@click.option("--only-known", is_flag=True, help="Leave out films whose label the checkpoint does not know.")
@options.out_folder("Also write report.json, predictions.csv, confusion.csv and groups.csv there; never overwrites.")
@options.as_json
def evaluate(
    manifest: Path,
    choice: options.ModelChoice,
    split: str | None,
    method: str,
    lesions: str | None,
    into_card: bool,
    lungs: bool,
    resamples: int,
    only_known: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Figures of a checkpoint on labelled films, each with n and a 95 % interval.

    MANIFEST.csv has the columns file and label (several labels separated by |) and, where known, id, patient, source,
    age, sex, view, split, box, lungs, lesions, devices; paths are relative to the file. A folder with cxr.csv also
    works, as does the folder of ChestX-ray14 as downloaded. Intervals are bootstrapped over patients; rates get
    Wilson's interval where each patient has one film. Duplicates and near-duplicates within the table are listed
    first. Where the table names masks, the report says how much of the heat lies on them. A film that cannot be read is
    reported and the others continue; the exit code is then 1. guide/evaluating.md explains the columns and every key of
    the report.

    \b
    Examples:
      python -m core evaluate ../shared/cxr
      python -m core evaluate films.csv --checkpoint densenet121-plain --json
      python -m core evaluate films.csv --split val --out figures
      python -m core evaluate films.csv --method integrated-gradients --lungs
      python -m core evaluate ../shared/cxr-adults --only-known --lesions all --into-card
    """
    from core.commands import evaluation_report
    from core.evaluate import chestxray14, export
    from core.evaluate.lesions import lesion_figures, lesion_methods, store
    from core.evaluate.manifest import known, read_manifest
    from core.evaluate.run import report
    from core.explain.method import methods
    from core.trust.film_scores import film_scores

    if out:
        files.refuse_out(out)
        export.refuse_to_overwrite(out)
    if into_card and not lesions:
        raise BadSetting("--into-card stores the figures of --lesions, which is missing. Add --lesions all.")
    method = methods[method].name  # refuses an unknown name before any film is read
    classifier = choice.model()
    folder = choice.card_folder(classifier) if into_card else None
    compared = [methods[name].name for name in lesion_methods(lesions, classifier)]
    card = classifier.checkpoint
    table = chestxray14.table(manifest) if chestxray14.lies_in(manifest) else read_manifest(manifest)
    split, rows, others = films_of_split(table, split)
    if only_known:
        rows = known(rows, card.findings, multi_label=card.multi_label)
    refuse_labels(rows, card.findings, card.multi_label)
    scores = film_scores(classifier, rows, progress="predicting")
    rows = list(scores.rows)
    if scores.unreadable:
        if not rows:
            row, reason = scores.unreadable[0]
            raise BadData(f"None of the {len(scores.unreadable)} films can be read; {row.id}: {reason}")
        refuse_labels(rows, card.findings, card.multi_label)
    figures = {
        "checkpoint": card.name,
        "manifest": str(manifest),
        "split": split,
        "withheld": {"n": len(scores.withheld), "films": scores.withheld, "by_gate": len(scores.by_gate)},
        "unreadable": [{"film": row.id, "error": error} for row, error in scores.unreadable],
        **report(classifier, rows, method=method, lungs=lungs, others=others, scores=scores.logits, repeats=resamples),
    }
    if compared:
        figures["lesions"] = lesion_figures(classifier, rows, compared, repeats=resamples)
        if folder:
            store(figures["lesions"], card.name, folder, set_name=manifest.resolve().stem, split=split or "")
    click.echo(options.line(figures) if as_json else evaluation_report.text(figures))
    if out:
        export.write(out, figures, card, rows, scores.logits, manifest if manifest.is_dir() else manifest.parent)
    if scores.unreadable:
        raise SystemExit(1)


def films_of_split(table: "list[Row]", split: str | None) -> "tuple[str | None, list[Row], list[Row]]":
    """The split's name (None: the table has none), its films and those of the other splits.

    Raises: BadData if the table has no such split.
    """
    splits = sorted({row.split for row in table if row.split})
    if split is None and not splits:
        return None, table, []
    split = split or "test"
    if split not in splits:
        available = f"it has {', '.join(splits)}" if splits else "it has no column split"
        raise BadData(f"The table has no film in split {split!r}; {available}. Choose one of these with --split.")
    return split, [row for row in table if row.split == split], [row for row in table if row.split != split]


def refuse_labels(rows: "list[Row]", findings: tuple[str, ...], multi_label: bool) -> None:
    """Raises: BadData where the labels cannot be used; before an hour of predicting, not after."""
    from core.evaluate.manifest import truth
    from core.evaluate.run import refuse_one_class

    refuse_one_class(truth(rows, findings, multi_label=multi_label), findings)
