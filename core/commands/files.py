"""Films in, records and files out: each film read in turn, results printed, pictures written, bad files reported."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands.options import line
from core.errors import BadData, BadSetting, NoWindow, UnreadableFile, Withheld

if TYPE_CHECKING:
    from core.models.ensemble import Model
    from core.types import Cleaning, Radiograph

Record = dict[str, Any]

STDIN = "-"  # as a file name
_MANY = 3  # files; a progress bar is shown for more


def each(
    names: Sequence[str],
    look: Callable[[str, "Radiograph"], Iterable[Record]],
    *,
    show: Callable[[Record], str] | None,
    doing: str,
    open_film: "Callable[[str], Radiograph] | None" = None,
) -> None:
    """Reads one file after another and prints the records of each as soon as they are known.

    A file that cannot be read gives a record of `path` and `error` in its place, a film whose answer is withheld one of
    `path` and `withheld`; the others continue.
    look:      the records of a film; may include records of `path` and `error`.
    show:      a record as text; None for JSON lines.
    open_film: the film of a name; None to read it from its file.
    Raises:    SystemExit with code 1 at the end if a file was bad.
    """
    bad = False
    with _progress(names, doing) as rest:
        for name in rest:
            try:
                records = list(look(name, (open_film or read_film)(name)))
            except (UnreadableFile, NoWindow) as error:
                records = [{"path": name, "error": str(error)}]
            except Withheld as error:
                records = [{"path": name, "withheld": str(error)}]
            for record in records:
                _echo(show(record) if show else line(record))
                bad |= "error" in record
    if bad:
        raise SystemExit(1)


def png(picture: Any) -> bytes:
    """The picture, (H, W) or (H, W, 3) uint8, as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def write(contents: Mapping[Path, bytes], *, force: bool = False) -> list[str]:
    """Writes the files and their folders; gives their names. Files with the same content are left alone.

    force:   whether files with different content are overwritten.
    Raises:  BadData if a file exists with different content, before any is written, or if one cannot be written.
    """
    try:
        for file, data in contents.items():
            if not force and file.exists() and file.read_bytes() != data:
                raise BadData(f"{file} exists with different content; nothing was written. Choose another --out.")
        for file, data in contents.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(file, data)
    except OSError as error:
        raise BadData(f"{error.filename or file} cannot be written ({error.strerror}). Give another --out.") from error
    return [str(file) for file in contents]


def _write_whole(file: Path, data: bytes) -> None:
    """Writes the file; a new one that cannot be written in full, on a full disk, is removed."""
    new = not file.exists()
    try:
        file.write_bytes(data)
    except OSError:
        if new:
            file.unlink(missing_ok=True)
        raise


def refuse_out(out: Path | None, *, picture: bool = False) -> None:
    """Refuses a folder that cannot be written to, before anything is computed; None is accepted.

    picture: `out` is a file name.
    Raises:  BadData if `out` cannot be written; BadSetting if a picture does not end in .png.
    """
    if out is None:
        return
    if picture and out.suffix.lower() != ".png":
        raise BadSetting(f"The picture is a PNG file, but --out is {out.name}. Give a name that ends in .png.")
    above = out.parent if picture else out
    there = next((folder for folder in (above, *above.parents) if os.path.exists(folder)), above)
    if not os.path.isdir(there):
        raise BadData(f"{out} cannot be written ({there} is not a folder). Give another --out.")
    if not os.access(there, os.W_OK):
        raise BadData(f"{out} cannot be written (you may not write in {there}). Give another --out.")


def finish(
    record: Record,
    contents: Mapping[Path, bytes],
    *,
    show: Callable[[Record], str] | None,
    under: str = "written",
    force: bool = False,
) -> None:
    """Writes the files and prints the record with their names; the record is printed even if writing fails.

    show:   the record as text; None for a JSON line.
    under:  key of the file names in the record.
    force:  as in `write`.
    Raises: BadData as `write`, after the record is printed.
    """
    record = {**record, under: []}
    try:
        record[under] = write(contents, force=force)
    finally:
        click.echo(show(record) if show else line(record))


def film_paths(names: Sequence[str]) -> list[str]:
    """All files, folders walked; how many files were skipped is printed on stderr. Raises: BadData if there is none."""
    from core.image import files

    paths, skipped = files.film_paths(names)
    if skipped:
        click.echo(f"Skipped {skipped} {'file' if skipped == 1 else 'files'}: not a picture or DICOM.", err=True)
    return paths


def read_film(name: str, *, frame: int | None = None) -> "Radiograph":
    """The film in the file of that name, or on standard input. Raises: UnreadableFile."""
    from core.image.files import read_file

    return read_file(name, frame=frame)


def read_meaningful(
    name: str, cleaning: "Cleaning", model: "Model", *, frame: int | None = None
) -> "tuple[Radiograph, Cleaning]":
    """The film in that file, and the cleaning, which remembers whether the film checks or the gate were overridden.

    Raises:  UnreadableFile; Withheld where no answer is meaningful, and `cleaning.anyway` does not override that.
    """
    from core.trust.admission import refuse_meaningless

    radiograph = read_film(name, frame=frame)
    try:
        cleaning = refuse_meaningless(radiograph, cleaning, [model])
    except Withheld as error:
        raise Withheld(f"{name}: withheld. {error} Use --anyway for the answer.") from error
    if cleaning.anyway:
        click.echo(f"{name}: shown although the film checks or the gate withhold it.", err=True)
    return radiograph, cleaning


@contextlib.contextmanager
def _progress(names: Sequence[str], doing: str) -> Iterator[Iterable[str]]:
    """The names, with a progress bar if there are many and stderr is a terminal."""
    if len(names) <= _MANY or not sys.stderr.isatty():
        yield names
        return
    from tqdm import tqdm

    with tqdm(names, desc=doing, unit="film", file=sys.stderr) as bar:
        yield bar


def _echo(text: str) -> None:
    """Prints one record, above the progress bar where both are on the same screen."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        click.echo(text)
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stdout):
        click.echo(text)
