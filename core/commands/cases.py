"""`cases`: the drawn cases."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.image.cases import DrawnCase


@command("cases", short_help="List the drawn cases, or write them as files.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the films (PNG, 16 bits) and a mask of the opacity drawn into each (NAME-truth.png).",
)
@options.as_json
def cases(out: Path | None, as_json: bool) -> None:
    """Synthetic films to start with: no patient data, and the truth is known to the pixel.

    \b
    Examples:
      python -m core cases
      python -m core cases --out build/cases
      python -m core predict build/cases/opacity-right-lung.png
    """
    from core.image.cases import CASES

    files.refuse_out(out)
    contents = {case.title: _contents(case, out) if out else {} for case in CASES}
    files.write({path: data for each in contents.values() for path, data in each.items()})
    for case in CASES:
        paths = [str(path) for path in contents[case.title]]
        if as_json:
            click.echo(options.line({"title": case.title, "story": case.story, "files": paths}))
        else:
            click.echo("\n  ".join([f"{case.title}: {case.story}", *paths]))


def _contents(case: "DrawnCase", out: Path) -> dict[Path, bytes]:
    """Path -> PNG of the film and, where something was drawn into it, of its mask."""
    from core.image.cases import SIDE

    film = case.film(SIDE)
    contents = {out / f"{case.file_name}.png": files.png(film.pixels * 16)}  # 12 bits as 16
    for plane in film.planes:
        contents[out / f"{case.file_name}-truth.png"] = files.png(plane.shape)
    return contents
