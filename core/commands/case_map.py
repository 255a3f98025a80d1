"""`case-map`: films of a run in two dimensions, by features before and after training, or raw pixels."""

from dataclasses import asdict
from pathlib import Path

import click

from core.commands import options
from core.commands.registry import command
from core.commands.run_rows import RowChoice, rows_of_run


@command("case-map", short_help="Compare maps of a run's films by features or raw pixels.")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@rows_of_run
@click.option(
    "--projection", default="PCA", show_default=True, metavar="NAME", help="PCA, t-SNE or Self-organising map."
)
@click.option(
    "--column", default="label", show_default=True, metavar="NAME", help="Column that neighbours should share."
)
@options.limit(2000)
@options.as_json
def case_map(run: Path, rows: RowChoice, projection: str, column: str, limit: int, as_json: bool) -> None:
    """How well the films of a run are laid out in two dimensions: by the features of the model's last stage, of earlier
    stages, of the same network with random weights (before training) and by raw pixels, as far as the run holds them.

    Trustworthiness: whether neighbours on the map are neighbours in the features (1 is best). Purity: the share of each
    film's ten nearest on the map that share its label, next to the share by chance. A run holds earlier stages and the
    untrained network if it was made with --earlier-stages and --untrained.

    \b
    Examples:
      python -m core case-map runs/first --finding covid
      python -m core case-map runs/first --projection t-SNE --column source --json

    With --json each line holds representation, films, trustworthiness, purity, chance.
    """
    from core.cohort.projection import MOST
    from core.cohort.representation import compared_maps, representation_text
    from core.cohort.table import CohortTable
    from core.errors import BadSetting
    from core.registry import unknown

    names = {name.casefold(): name for name in MOST}
    if projection.casefold() not in names:
        raise unknown("projection", projection, list(MOST))
    table = CohortTable(run)
    if not table.has(column):
        raise BadSetting(f"The run has no column {column}. Its columns are in {run / 'manifest.json'}.")
    name = names[projection.casefold()]
    figures = compared_maps(table, rows.selection(table), name, column=column, most=min(limit, MOST[name]))  # type: ignore[arg-type]
    if as_json:
        for each in figures:
            click.echo(options.line(asdict(each)))
        return
    lines = [["films by", "films", "trustworthiness", f"same {column}", "by chance"]]
    lines += [
        [
            representation_text(each.representation),
            str(each.films),
            f"{each.trustworthiness:.2f}",
            f"{each.purity:.0%}",
            f"{each.chance:.0%}",
        ]
        for each in figures
    ]
    click.echo(options.table(lines))
