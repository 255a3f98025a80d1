"""The files that a command was given: folders walked, each read, looked at and told, the bad ones too."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands.options import line
from core.errors import BadData, BadSetting, UnreadableFile

if TYPE_CHECKING:
    from core.types import Radiograph

Record = dict[str, Any]

STDIN = "-"
_HEAD = 512  # bytes; enough for every signature
_MANY = 3  # files from which on a bar is worth its line
_CLAIMS = {".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".dcm", ".dicom", ".gif"}


def each(
    names: Sequence[str],
    look: Callable[[str, "Radiograph"], Iterable[Record]],
    *,
    show: Callable[[Record], str] | None,
    doing: str,
    open_film: "Callable[[str], Radiograph] | None" = None,
) -> None:
    """Reads one file after another and prints what `look` says of it, as soon as it is known.

    A file that cannot be read gives a record of `path` and `error` in its place; the others go on.
    look:   may give a record of `path` and `error`, too.
    show:   a record as text for people; None for JSON lines.
    open_film: gives the film of a name; None to read it from its file.
    Raises: SystemExit with code 1 at the end if a file was bad.
    """
    bad = False
    with _progress(names, doing) as shown:
        for name in shown:
            try:
                records = list(look(name, (open_film or read_film)(name)))
            except UnreadableFile as error:
                records = [{"path": name, "error": str(error)}]
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


def write(made: Mapping[Path, bytes]) -> list[str]:
    """Writes the files, folders and all, and gives their names; those that are there with the same content stay.

    Raises: BadData where one is there with other content, before any is written; or where one cannot be written.
    """
    try:
        for file, data in made.items():
            if file.exists() and file.read_bytes() != data:
                raise BadData(f"{file} is there with other content; nothing was written. Choose another --out.")
        for file, data in made.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    except OSError as error:
        raise BadData(f"{error.filename or file} cannot be written ({error.strerror}). Give another --out.") from error
    return [str(file) for file in made]


def refuse_out(out: Path | None, *, picture: bool = False) -> None:
    """Before anything is computed. Raises: BadData where it is certain that `out` cannot be written; None never is.

    picture: `out` is the name of one. Raises: BadSetting where that does not end in .png.
    """
    if out is None:
        return
    if picture and out.suffix.lower() != ".png":
        raise BadSetting(f"The picture is a PNG file, but --out is {out.name}. Give a name that ends in .png.")
    above = out.parent if picture else out
    there = next((folder for folder in (above, *above.parents) if os.path.exists(folder)), above)
    if not os.path.isdir(there):
        raise BadData(f"{out} cannot be written ({there} is no folder). Give another --out.")
    if not os.access(there, os.W_OK):
        raise BadData(f"{out} cannot be written (you may not write in {there}). Give another --out.")


def hand_over(
    record: Record, made: Mapping[Path, bytes], *, show: Callable[[Record], str] | None, under: str = "written"
) -> None:
    """Writes the files and prints the record with their names; it is printed, too, where they cannot be written.

    show:   the record as text for people; None for a JSON line.
    under:  where their names stand in it.
    Raises: BadData as `write`, once the record is printed.
    """
    record = {**record, under: []}
    try:
        record[under] = write(made)
    finally:
        click.echo(show(record) if show else line(record))


def paths(given: Sequence[str]) -> list[str]:
    """All files, folders walked in order of name. Raises: BadData if there is none.

    In a folder, hidden files are passed over, and those that neither are nor claim to be a picture or DICOM (tables,
    notes); how many of these there were is said on stderr. A file given by its own name is always taken.
    """
    found, passed = [], 0
    for name in given:
        if name == STDIN or not Path(name).is_dir():
            found.append(name)
            continue
        for folder, below, files in os.walk(name):
            below[:] = sorted(part for part in below if not part.startswith("."))
            inside = [os.path.join(folder, file) for file in sorted(files) if not file.startswith(".")]
            wanted = [file for file in inside if _promises(file)]
            found += wanted
            passed += len(inside) - len(wanted)
    if not found:
        raise BadData(f"There is no radiograph in {', '.join(given)}. Give files, or a folder that holds some.")
    if passed:
        click.echo(f"{passed} {'file' if passed == 1 else 'files'} passed over: no picture, no DICOM.", err=True)
    return found


def _promises(path: str) -> bool:
    """Whether the file is a picture or DICOM by its first bytes, or claims to be one by its name."""
    from core.image.signature import format_of

    if Path(path).suffix.lower() in _CLAIMS:
        return True
    try:
        with open(path, "rb") as file:
            return format_of(file.read(_HEAD)) is not None
    except OSError:
        return True  # to be told when its turn comes


def read_film(name: str) -> "Radiograph":
    """The film of that name, or on standard input. Raises: UnreadableFile."""
    from core.image.read import read

    if name == STDIN:
        return read(sys.stdin.buffer.read(), name="stdin")
    try:
        data = Path(name).read_bytes()
    except FileNotFoundError as error:
        raise UnreadableFile(f"There is no file {click.format_filename(name)}.") from error
    except OSError as error:
        if Path(name).is_dir():
            raise UnreadableFile(
                f"{click.format_filename(name)} is a folder, but one film was expected. Give a file in it."
            ) from error
        raise UnreadableFile(f"{click.format_filename(name)} cannot be opened: {error.strerror}.") from error
    return read(data, name=click.format_filename(name, shorten=True))


@contextlib.contextmanager
def _progress(names: Sequence[str], doing: str) -> Iterator[Iterable[str]]:
    """The names, with a bar on stderr where they are many and somebody is looking."""
    if len(names) <= _MANY or not sys.stderr.isatty():
        yield names
        return
    from tqdm import tqdm

    with tqdm(names, desc=doing, unit="film", file=sys.stderr) as bar:
        yield bar


def _echo(text: str) -> None:
    """One record on stdout, above the bar where both are on the same screen."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        click.echo(text)
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stdout):
        click.echo(text)
