"""The films of a cohort: those of a folder, glob, archive, disc or labelled table."""

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadData
from core.evaluate import chestxray14
from core.evaluate.labelled_films import read_labelled_films
from core.evaluate.manifest import Box, Row
from core.image import files
from core.image.bundle import INDEX

_TABLES = (".csv", ".parquet")
_FOLDER_TABLES = ("cxr.csv", "films.csv")


@dataclass(frozen=True, slots=True)
class CohortFilm:
    """One film of a cohort.

    path:  relative to the input, with forward slashes; "disc.zip/IMAGES/1" within an archive.
    id:    its name in the table; the path if it has none.
    label: findings, `|` between several; None where the input has no labels.
    box:   x0, y0, x1, y1 of the film within the picture, in its pixels; empty for the whole picture.
    """

    path: str
    id: str
    label: str | None = None
    patient: str = ""
    source: str = ""
    subtype: str = ""
    age: str = ""
    sex: str = ""
    view: str = ""
    split: str = ""
    box: Box | tuple[()] = ()


@dataclass(frozen=True)
class CohortInput:
    """The input of a run: the folder that paths are relative to, the films, and how many other files were skipped."""

    root: Path
    films: tuple[CohortFilm, ...]
    skipped: int = 0


def films_of(given: str, *, split: str | None = None) -> CohortInput:
    """The films of a folder, walked; a glob; a ZIP archive; a DICOMDIR; or a table as `evaluate` reads it.

    split:  only films of this split of a table; None for all.
    Raises: BadData if there is none, the input cannot be read, or a file of a table is missing or lies outside its
            folder.
    """
    path = Path(given)
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise BadData(f"{given} cannot be read: you may not open this folder. Change its permissions.")
    if _is_table(path):
        return _of_table(path, split)
    if split:
        raise BadData(f"--split is {split!r}, but {given} is not a table and has no splits. Leave it out.")
    if glob.has_magic(given) and not path.exists():
        return _of_glob(given)
    if not path.exists():
        raise BadData(f"There is no {given}. Give a folder, a table, a glob, a ZIP archive or a DICOMDIR.")
    paths, skipped = files.film_paths([given])
    root = path if path.is_dir() else path.parent
    return CohortInput(root, _films(paths, root), skipped)


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return chestxray14.lies_in(path) or any((path / name).is_file() for name in _FOLDER_TABLES)
    return path.suffix.lower() in _TABLES


def _of_table(path: Path, split: str | None) -> CohortInput:
    rows = read_labelled_films(path)
    root = path if path.is_dir() else path.parent
    if split:
        splits = sorted({row.split for row in rows if row.split})
        rows = [row for row in rows if row.split == split]
        if not rows:
            raise BadData(
                f"No film of {path} is in the split {split!r}. "
                + (f"It has {', '.join(splits)}." if splits else "It has no splits; leave --split out.")
            )
    return films_of_rows(rows, root)


def films_of_rows(rows: Iterable[Row], root: Path) -> CohortInput:
    """The films of labelled rows, all below `root`."""
    return CohortInput(root, tuple(_of_row(row, root) for row in rows))


def _of_row(row: Row, root: Path) -> CohortFilm:
    return CohortFilm(
        path=Path(os.path.relpath(row.file, root)).as_posix(),
        id=row.id,
        label=row.label,
        patient=row.patient,
        source=row.source,
        subtype=row.subtype,
        age=row.age,
        sex=row.sex,
        view=row.view,
        split=row.split,
        box=row.box or (),
    )


def _of_glob(given: str) -> CohortInput:
    matches = sorted(glob.glob(given, recursive=True))
    if not matches:
        raise BadData(f"No file matches {given}. Correct the pattern, and quote it so that the shell leaves it alone.")
    fixed = [part for part in Path(given).parts]
    first = next(place for place, part in enumerate(fixed) if glob.has_magic(part))
    root = Path(*fixed[:first]) if first else Path(".")
    inside = [match for match in matches if Path(match).is_file() and Path(match).name.upper() != INDEX]
    if not inside:
        raise BadData(f"{given} matches folders only. Add /* for the files in them, or /** for all below.")
    paths, skipped = files.film_paths(inside)
    return CohortInput(root, _films(paths, root), skipped)


def _films(paths: Iterable[str], root: Path) -> tuple[CohortFilm, ...]:
    relative = (Path(os.path.relpath(path, root)).as_posix() for path in paths)
    return tuple(CohortFilm(path=path, id=path) for path in relative)
