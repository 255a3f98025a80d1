"""`compare`: where two or more models differ, over films or a labelled table of them."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import comparison_report, files, map_files, options
from core.commands.registry import command
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.compare.film_comparison import FilmComparison
    from core.compare.film_set import Case
    from core.compare.tile import Tile
    from core.types import Cleaning, Radiograph

_MANY = 3  # films; a progress bar is shown for more


@command("compare", short_help="Compare two or more models, film by film.")
@click.argument("arguments", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="NAME",
    help="Model to compare; `models` lists them. Give it at least twice.",
)
@options.weights
@click.option(
    "--split", metavar="NAME", help="Only films of this split of the table.  [default: test, if the table has splits]"
)
@click.option(
    "--finding", metavar="NAME", help="Finding whose maps are compared.  [default: the most likely one of each film]"
)
@click.option(
    "--method", default="grad-cam", show_default=True, metavar="NAME", help="Attribution method; `methods` lists them."
)
@click.option("--layer", metavar="NAME", help="Stage that all models have.  [default: the last one of each]")
@click.option(
    "--top",
    default=20,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Films to list, most disagreement first; 0 for all. JSON and CSV always hold all.",
)
@options.resamples
@click.option(
    "--csv",
    "table",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.csv",
    help="Also write a table with one row per film.",
)
@options.out_folder("Also write a picture per film with all maps side by side.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@options.frame
@options.cleaning
def compare(
    arguments: tuple[str, ...],
    checkpoints: tuple[str, ...],
    weights: Path | None,
    split: str | None,
    finding: str | None,
    method: str,
    layer: str | None,
    top: int,
    resamples: int,
    table: Path | None,
    out: Path | None,
    force: bool,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """What each model predicts for each film, where each one looks, and how much they differ; most disagreement first.

    FILE is a film in any format that `predict` reads, a folder or ZIP archive of them, the DICOMDIR of a disc, - for
    standard input, or a table as for `evaluate` (MANIFEST.csv, a folder with cxr.csv), whose labels then show which
    model is right. All maps of a film explain the same finding; only findings that all models know are compared. A
    file that cannot be read is reported and the others continue; the exit code is then 1.

    \b
    Examples:
      python -m core compare film.dcm --checkpoint densenet121-plain --checkpoint densenet121-lungs --out boards
      python -m core compare films/ --checkpoint densenet121-plain --checkpoint small-cnn --finding covid
      python -m core compare ../shared/cxr --checkpoint densenet121-plain --checkpoint densenet121-lungs --csv out.csv

    Disagreement, 0 to 1, is the mean of three: whether the top findings differ, the difference of the probabilities,
    and 1 minus the overlap of the hottest tenth of the maps. Over all films: flips, kappa, agreement of the maps; with
    labels also McNemar's test (which model is right where the other is wrong) and DeLong's (areas under the ROC curve).
    Intervals are bootstrapped over patients.
    """
    from core.compare.export import films_csv
    from core.compare.film_set import compare_models
    from core.explain.method import methods
    from core.trust.admission import refuse_meaningless
    from core.work import Work

    method = methods[method].name  # refuses an unknown name before any model is read
    if len(checkpoints) < 2:
        raise BadSetting("A comparison needs two or more models: give --checkpoint NAME twice. `models` lists them.")
    _refuse_to_overwrite(table, force)
    files.refuse_out(out)
    cases = _cases(arguments, split, frame)
    networks = [options.classifier(name, weights) for name in checkpoints]
    boards = _Boards(out, force) if out else None
    with map_files.bar("comparing", visible=len(cases) > _MANY) as tell:
        comparison = compare_models(
            networks,
            cases,
            method=method,
            finding=finding,
            layer=layer,
            cleaning=cleaning,
            sentences=True,
            admit=lambda film: refuse_meaningless(film, cleaning, networks),
            seen=boards.write if boards else None,
            repeats=resamples,
            work=Work(limit=0, tell=tell),
        )
    if table:
        _refuse_to_overwrite(table, force)  # it may have been written meanwhile
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text(films_csv(comparison), encoding="utf-8", newline="")
    click.echo(options.line(comparison.card()) if as_json else comparison_report.text(comparison, top))
    for error in boards.errors if boards else []:
        click.echo(error, err=True)
    if comparison.refused or (boards and boards.errors):
        raise SystemExit(1)


class _Boards:
    """The folder for the pictures, and the errors of those that were not written."""

    def __init__(self, out: Path, force: bool) -> None:
        self.out = out
        self.force = force
        self.errors: list[str] = []

    def write(self, film: "Radiograph", tiles: "Sequence[Tile]", row: "FilmComparison") -> None:
        """Writes the board of one film; an existing file with different content is kept and reported."""
        from core.compare.board import board_png
        from core.compare.map_agreement import difference
        from core.types import digest

        between = None
        if len(tiles) == 2:
            a, b = tiles
            between = difference(film, a.explanation, b.explanation, names=(a.name, b.name))
        data = board_png(film, tiles, difference=between, words=row.words)
        key = digest(*(tile.explanation.key for tile in tiles))
        name = re.sub(r"[^\w+-]+", "-", Path(row.name).stem[:80]).strip("-") or "film"
        file = self.out / f"{name}.{row.finding}.compared.{key}.png"
        if file.exists() and file.read_bytes() != data and not self.force:
            self.errors.append(
                f"{file} exists with different content. Choose another --out, or overwrite it with --force."
            )
            return
        self.out.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _cases(arguments: tuple[str, ...], split: str | None, frame: int | None) -> "list[Case]":
    """The films of a table, or files. Raises: BadData if there is none."""
    from core.commands.evaluate import films_of_split
    from core.compare.film_set import Case, cases
    from core.evaluate import chestxray14, manifest

    path = Path(arguments[0])
    if len(arguments) == 1 and (
        path.suffix.lower() == ".csv" or chestxray14.lies_in(path) or (path / "cxr.csv").is_file()
    ):
        table = chestxray14.table(path) if chestxray14.lies_in(path) else manifest.read_manifest(path)
        return cases(films_of_split(table, split)[1])
    if split:
        raise BadSetting(
            f"--split is {split!r}, but {', '.join(arguments)} is not a table and has no splits. Leave it out."
        )
    return [
        Case(click.format_filename(name), partial(files.read_film, name, frame=frame))
        for name in files.film_paths(arguments)
    ]


def _refuse_to_overwrite(table: Path | None, force: bool) -> None:
    if table and table.exists() and not force:
        raise BadSetting(f"{table} exists and is not overwritten. Choose another --csv, or give --force.")
