"""`audit`: whether a checkpoint takes shortcuts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.audit.report import AuditReport
    from core.evaluate.manifest import Row
    from core.models.classifier import Classifier


@command("audit", short_help="Test whether a checkpoint takes shortcuts.")
@click.argument("manifests", metavar="MANIFEST...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--checkpoint",
    "names",
    multiple=True,
    metavar="NAME",
    help="Model to audit; `models` lists them. Repeatable; `all` for all of them.  [default: the first one]",
)
@options.weights
@options.split_of_table
@options.limit(400)
@options.seed("Random seed for the choice of films.")
@options.resamples
@options.as_json
def audit(
    manifests: tuple[Path, ...],
    names: tuple[str, ...],
    weights: Path | None,
    split: str | None,
    limit: int,
    seed: int,
    resamples: int,
    as_json: bool,
) -> None:
    """Tests whether a checkpoint takes shortcuts: AUC with the lungs black, in-painted or alone, from the border alone,
    without text and markers, with brightness matched; what a probe can predict from its features (source, view,
    age, sex); heat outside the lungs; clusters of maps; drawn chests in which one thing changes at a time.

    MANIFEST is a table as for `evaluate`, with source, view, age and sex where known; several are joined. Films are
    chosen evenly from each source and label. Each test says holds, doubtful, fails or cannot be judged, with an
    interval over patients. The report is written beside the weights, where the Models page reads it. The run over the
    films is kept in the user's data folder; run the same command again to resume after an interruption.

    \b
    Examples:
      python -m core audit ../shared/cxr --checkpoint densenet121-lungs
      python -m core audit ../shared/cxr ../shared/cxr-adults --checkpoint all
      python -m core audit films.csv --checkpoint my-import --limit 1000 --json
    """
    from core.audit.collection import collected, sampled
    from core.audit.observations import observed
    from core.audit.report import audited, write_report
    from core.commands.cohort_progress import CohortProgress
    from core.errors import BadData
    from core.models import library
    from core.models.classifier import load

    films, name_of_split = _labelled(manifests, split)
    of_set = " + ".join(manifest.resolve().stem for manifest in manifests)
    wanted, refused = _names(names, weights), False
    for name in wanted:
        classifier = load(name, weights)
        try:
            rows = sampled(_usable(films, classifier), limit, seed=seed)
        except BadData as error:  # affects this model only
            if len(wanted) == 1:
                raise
            click.echo(f"{name}: {error}", err=True)
            refused = True
            continue
        with CohortProgress() as bar:
            run = collected([classifier.checkpoint], rows, weights=weights, tell=bar.tell)
        observations = observed(run, classifier, rows, repeats=resamples)
        report = audited(observations, set=of_set, split=name_of_split)
        write_report(report, classifier.checkpoint, weights or library.place(name))
        click.echo(options.line(_record(report, name)) if as_json else _text(report, name))
    if refused:
        raise SystemExit(1)


def _labelled(manifests: tuple[Path, ...], split: str | None) -> "tuple[list[Row], str]":
    """The films of the split from all tables, and the split's name, empty for none."""
    from core.commands.evaluate import films_of_split
    from core.evaluate.labelled_films import read_labelled_films

    films: list[Row] = []
    splits = []
    for manifest in manifests:
        name, rows, _ = films_of_split(read_labelled_films(manifest), split)
        films += rows
        splits.append(name or "")
    return films, ", ".join(dict.fromkeys(filter(None, splits)))


def _names(names: tuple[str, ...], weights: Path | None) -> list[str]:
    if options.ALL in names:
        return options.all_names(weights)
    return list(names) or [options.first(weights)]


def _usable(rows: "list[Row]", classifier: "Classifier") -> "list[Row]":
    """The films whose labels the checkpoint knows. Raises: BadData if all are of one class."""
    from core.evaluate.manifest import known, truth
    from core.evaluate.run import refuse_one_class

    card = classifier.checkpoint
    rows = known(rows, card.findings, multi_label=card.multi_label)
    refuse_one_class(truth(rows, card.findings, multi_label=card.multi_label), card.findings)
    return rows


def _record(report: "AuditReport", name: str) -> dict[str, Any]:
    from core.codec import dump

    return {"checkpoint": name, "flag": report.flag, **dump(report)}


def _text(report: "AuditReport", name: str) -> str:
    from core.trust.verdicts import WORDS

    films = f"{report.films} films of {report.patients} patients of {report.set}"
    lungs = f", {report.without_lungs} without lungs" if report.without_lungs else ""
    lines = [f"{name}: {films}{f', {report.split}' if report.split else ''}{lungs}"]
    lines.append(f"{report.summary} tests fail; the probes of the features are not counted")
    for result in report.results:
        lines.append(f"{WORDS[result.word]:17} {result.title}: {result.sentence}")
    return "\n".join(lines)
