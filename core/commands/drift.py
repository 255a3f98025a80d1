"""`drift`: what differs between two runs over films."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.commands.registry import command
from core.commands.run_rows import RowChoice, rows_of_run

if TYPE_CHECKING:
    from core.cohort.drift import Drift


@command("drift", short_help="Compare two runs: what differs, and which films stand out.")
@click.argument("first", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("second", metavar="RUN", type=click.Path(path_type=Path))
@rows_of_run
@options.as_json
def drift(
    first: Path,
    second: Path,
    rows: RowChoice,
    as_json: bool,
) -> None:
    """Compares two runs of `cohort`: this month with last month, or hospital A with B.

    Each column that both runs have is tested (numbers by Kolmogorov-Smirnov, shares by Fisher's exact test; p corrected
    for their number by Benjamini and Hochberg), one film per patient. A classifier then tries to tell the runs apart by
    the model's features: 0.5 is chance. The films of the second run that are easiest to tell apart are listed.

    \b
    Examples:
      python -m core drift runs/october runs/november
      python -m core drift runs/a runs/b --checkpoint densenet121-lungs --finding covid --where "age > 18" --json

    With --json one object: films, separation, tests (name, first, second, distance, films, p, differs), unlike.
    """
    from core.cohort.drift import drift as compared
    from core.cohort.table import CohortTable

    tables = CohortTable(first), CohortTable(second)
    result = compared(*tables, rows.selection(tables[0]))
    if as_json:
        click.echo(options.line(_record(result)))
    else:
        _print(result)


def _record(result: "Drift") -> dict[str, Any]:
    return {
        "films": list(result.films),
        "separation": result.separation.card(),
        "tests": [
            {
                "name": test.name,
                "first": test.first,
                "second": test.second,
                "distance": test.distance,
                "films": list(test.films),
                "p": test.p,
                "differs": test.differs,
            }
            for test in result.tests
        ],
        "unlike": [{"film": each.film, "path": each.path, "score": each.score} for each in result.unlike],
    }


def _print(result: "Drift") -> None:
    from core.estimate import estimate_text

    click.echo(f"{result.films[0]} films against {result.films[1]}, one per patient.")
    click.echo(f"Separability by the model's features: AUC {estimate_text(result.separation)}; 0.50 is chance.\n")
    click.echo(f"{'':32}  {'first':>9}  {'second':>9}  {'distance':>8}  {'p':>8}")
    for test in result.tests:
        values = (f"{value:9.0%}" if test.is_share else f"{value:9.3g}" for value in (test.first, test.second))
        mark = "  differs" if test.differs else ""
        click.echo(f"{test.name[:32]:32}  {'  '.join(values)}  {test.distance:8.2f}  {test.p:8.1g}{mark}")
    if result.unlike:
        click.echo("\nFilms of the second run that differ most:")
        for each in result.unlike:
            click.echo(f"{each.score:5.2f}  {each.path}")
