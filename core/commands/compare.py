"""`compare`: where two networks or more differ, over films or a labelled table of them."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import comparison, files, maps, options
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.compare.cohort import Case
    from core.compare.row import Compared
    from core.compare.tile import Tile
    from core.types import Cleaning, Radiograph

_MANY = 3  # films from which on a bar is worth its line


@click.command(short_help="Where two networks or more differ, film by film.")
@click.argument("given", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="NAME",
    help="Which network; `models` lists them. Give it twice or more.",
)
@options.weights
@click.option(
    "--split", metavar="NAME", help="Of a table: films of this split.  [default: test where there are splits]"
)
@click.option("--finding", metavar="NAME", help="Whose maps are compared.  [default: the likeliest of each film]")
@click.option("--method", default="grad-cam", show_default=True, metavar="NAME", help="`methods` lists them.")
@click.option("--layer", metavar="NAME", help="A stage that all networks have.  [default: the last of each]")
@click.option(
    "--top",
    default=20,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Films in the table, most disagreement first; 0 for all. JSON and CSV hold all.",
)
@click.option(
    "--resamples", default=1000, show_default=True, type=click.IntRange(10), metavar="N", help="Behind each interval."
)
@click.option(
    "--csv",
    "table",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.csv",
    help="Also write a line for each film there.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write a picture of each film with all maps side by side there.",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@options.cleaning
@options.told
def compare(
    given: tuple[str, ...],
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
    cleaning: "Cleaning",
) -> None:
    """What each network says of each film, where each one looked, and how far that is apart, the worst film first.

    FILE is a DICOM, PNG, JPEG, TIFF, WebP or BMP file, a folder of them, - for standard input, or a table as
    `evaluate` takes it (MANIFEST.csv, a folder with cxr.csv), whose labels then say who is right. All networks are
    asked for the same finding; only findings that all of them know are compared. A bad file is told and the others go
    on; the exit code is then 1.

    \b
    Examples:
      python -m core compare film.dcm --checkpoint densenet121-plain --checkpoint densenet121-lungs --out boards
      python -m core compare films/ --checkpoint densenet121-plain --checkpoint small-cnn --finding covid
      python -m core compare ../shared/cxr --checkpoint densenet121-plain --checkpoint densenet121-lungs --csv out.csv

    Disagreement, 0 to 1, is the mean of three: whether they find the same, how far their probabilities lie apart, and
    1 less the overlap of the hottest tenth of their maps. Over all films: flips, kappa, agreement of the maps; with
    labels McNemar's test (who is right where the other is wrong) and DeLong's (areas under the ROC curve). Intervals
    are over resampled patients.
    """
    from core.compare.cohort import compare as compared
    from core.explain.method import methods
    from core.work import Work

    method = methods[method].name  # an unknown one is told before any network is read
    if len(checkpoints) < 2:
        raise BadSetting("It takes two networks or more: give --checkpoint NAME twice. `models` lists them.")
    _refuse_to_overwrite(table, force)
    files.refuse_out(out)
    cases = _cases(given, split)
    networks = [options.classifier(name, weights) for name in checkpoints]
    boards = _Boards(out, force) if out else None
    with maps.bar("comparing", shown=len(cases) > _MANY) as tell:
        found = compared(
            networks,
            cases,
            method=method,
            finding=finding,
            layer=layer,
            cleaning=cleaning,
            sentences=True,
            seen=boards.write if boards else None,
            repeats=resamples,
            work=Work(limit=0, tell=tell),
        )
    if table:
        _refuse_to_overwrite(table, force)  # it took a while
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text(comparison.csv_of(found), encoding="utf-8", newline="")
    click.echo(options.line(found.card()) if as_json else comparison.told(found, top))
    for error in boards.errors if boards else []:
        click.echo(error, err=True)
    if found.refused or (boards and boards.errors):
        raise SystemExit(1)


class _Boards:
    """The folder that pictures go to, and those that were not written."""

    def __init__(self, out: Path, force: bool) -> None:
        self.out = out
        self.force = force
        self.errors: list[str] = []

    def write(self, film: "Radiograph", tiles: "Sequence[Tile]", row: "Compared") -> None:
        """The board of one film; one that is there with other content stays, and is told."""
        from core.compare.board import board_png
        from core.compare.maps import difference
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
            self.errors.append(f"{file} is there with other content. Choose another --out, or replace it with --force.")
            return
        self.out.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _cases(given: tuple[str, ...], split: str | None) -> "list[Case]":
    """The films of a table, or files. Raises: BadData if there is none."""
    from core.commands.evaluate import chosen
    from core.compare.cohort import Case, cases
    from core.evaluate import chestxray14, manifest

    path = Path(given[0])
    if len(given) == 1 and (path.suffix.lower() == ".csv" or chestxray14.lies_in(path) or (path / "cxr.csv").is_file()):
        table = chestxray14.table(path) if chestxray14.lies_in(path) else manifest.read(path)
        return cases(chosen(table, split)[1])
    if split:
        raise BadSetting(f"--split is {split!r}, but {', '.join(given)} is no table and has no splits. Leave it out.")
    return [Case(click.format_filename(name), partial(files.read_film, name)) for name in files.paths(given)]


def _refuse_to_overwrite(table: Path | None, force: bool) -> None:
    if table and table.exists() and not force:
        raise BadSetting(f"{table} is there already and is not overwritten. Choose another --csv, or give --force.")
