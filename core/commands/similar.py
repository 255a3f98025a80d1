"""`similar`: the films of a run that are most similar for a model."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, options
from core.commands.files import Record
from core.commands.registry import command
from core.commands.run_rows import RowChoice, rows_of_run

if TYPE_CHECKING:
    from core.cohort.similar import SimilarFilm
    from core.cohort.table import CohortTable, Selection
    from core.models.classifier import Classifier
    from core.types import Cleaning, Radiograph


@command("similar", short_help="Find the films of a run that are most like a film.")
@click.argument("given", metavar="FILE...", nargs=-1, required=True)
@click.option("--run", required=True, type=click.Path(path_type=Path), metavar="RUN", help="Folder that `cohort` made.")
@rows_of_run
@options.weights
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 100), metavar="N", help="Films per list.")
@click.option("--stage", default="", metavar="NAME", help="Stage whose features are compared.  [default: the last one]")
@options.as_json
@options.frame
@options.cleaning
def similar(
    given: tuple[str, ...],
    run: Path,
    rows: RowChoice,
    weights: Path | None,
    count: int,
    stage: str,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """The most similar films of a run with the finding and without it, with their labels and probabilities.

    Films are compared by the cosine of the features of the model's last stage, or of an earlier one with --stage, if
    the run was made with --earlier-stages. Films of the same patient are left out. The precision shows how far such
    neighbours can be relied on: the share of each film's five nearest that have its label, next to the share by chance.

    \b
    Examples:
      python -m core similar film.dcm --run runs/first --finding covid
      python -m core similar film.dcm --run runs/first --where "age > 18" --count 10 --json

    With --json each line holds path, checkpoint, finding, precision, chance, and same, other, unlabelled: lists of
    path, similarity, probability, label.
    """
    from core.cohort.similar import neighbour_precision, stage_in_run
    from core.cohort.table import CohortTable
    from core.models.classifier import load

    table = CohortTable(run)
    selection = rows.selection(table)
    classifier = load(selection.checkpoint, weights)
    stage = stage_in_run(table, classifier, stage)
    precision, chance = neighbour_precision(table, selection, stage=stage)
    known: Record = {"precision": precision.card(), "chance": None if chance != chance else round(chance, 4)}
    files.each(
        files.film_paths(given),
        lambda path, radiograph: iter(
            [_record(table, selection, classifier, path, radiograph, cleaning, count, stage) | known]
        ),
        show=None if as_json else _text,
        doing="comparing",
        open_film=partial(files.read_film, frame=frame),
    )


def _record(
    table: "CohortTable",
    selection: "Selection",
    classifier: "Classifier",
    path: str,
    radiograph: "Radiograph",
    cleaning: "Cleaning",
    count: int,
    stage: str,
) -> Record:
    from core.cohort.similar import film_features, similar_films

    features = film_features(classifier, radiograph, stage, cleaning=cleaning)
    similar_cases = similar_films(table, selection, features, digest=radiograph.key, count=count, stage=stage)
    return {
        "path": path,
        "checkpoint": selection.checkpoint,
        "finding": selection.finding,
        **{
            name: [_film(each) for each in films]
            for name, films in (
                ("same", similar_cases.same),
                ("other", similar_cases.other),
                ("unlabelled", similar_cases.unlabelled),
            )
        },
    }


def _film(each: "SimilarFilm") -> dict[str, Any]:
    row = each.row
    return {"path": row["path"], "similarity": each.similarity} | {name: row[name] for name in ("probability", "label")}


def _text(record: Record) -> str:
    finding = record["finding"]
    titles = {"same": f"labelled {finding}", "other": f"not labelled {finding}", "unlabelled": "no label"}
    lines = [f"{record['path']}: most similar films for {record['checkpoint']}"]
    for name, title in titles.items():
        if record[name]:
            lines.append(f"  {title}")
            lines += [
                f"    {each['similarity']:.3f}  {finding} {each['probability']:.2f}  {each['path']}"
                for each in record[name]
            ]
    if record["chance"] is not None:
        lines.append(
            f"  {record['precision']['value']:.0%} of the five nearest films have the same label "
            f"({record['chance']:.0%} by chance)."
        )
    return "\n".join(lines)
