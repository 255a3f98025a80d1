"""The films of a comparison over many: the open ones, or a folder or labelled table on this machine."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.compare.film_set import Case, cases
from core.errors import BadData
from core.evaluate import chestxray14
from core.evaluate.manifest import Row
from core.image.files import film_paths, read_file
from core.types import Cleaning, Radiograph
from dashboard import paths
from dashboard.cache import cohort_results
from dashboard.state import session

_TEST = "test"  # the split if none is chosen


@dataclass(frozen=True, eq=False)
class SourceFilm:
    """One film of a set; key: everything an answer about it depends on."""

    key: Hashable
    case: Case
    cleaning: Cleaning


def open_films() -> list[SourceFilm]:
    """The open films, each with its own cleaning and its label, if it has one."""
    here = session()
    films = []
    for key, film in here.radiographs.items():
        label, cleaning = here.labels.get(key), here.cleaning(key)
        case = Case(film.name, partial(_given, film), tuple(label.split("|")) if label else None, patient=key)
        films.append(SourceFilm((key, repr(cleaning), label or ""), case, cleaning))
    return films


def splits(path: str) -> list[str]:
    """Splits of the table at this path; empty if it has none or is no table. Raises: BadData for an invalid path."""
    if not path or not paths.local() or not _is_table(place := paths.typed(path)):
        return []
    names = sorted({row.split for row in _rows(place) if row.split})
    return sorted(names, key=lambda split: split != _TEST)


def at_path(path: str, *, split: str, most: int) -> tuple[list[SourceFilm], str]:
    """At most this many films of the folder or table, evenly spread; and in words which ones, if not all.

    split: of a table; empty for its test films, or for all films if it has no splits.
    Raises: BadData if there is nothing, or the table cannot be read.
    """
    if not path:
        raise BadData("Enter the folder or table that holds the films.")
    place = paths.typed(path)
    if not place.exists():
        raise BadData(f"There is no {place} on this machine. Enter a folder of films, or a CSV table of them.")
    films = _of_table(place, split or next(iter(splits(path)), "")) if _is_table(place) else _of_folder(place)
    chosen = _spread(films, most)
    of = f" of split {split or _TEST}" if _is_table(place) and splits(path) else ""
    if len(chosen) == len(films):
        return chosen, f"{len(films)} films{of}" if of else ""
    return chosen, f"{len(chosen)} of {len(films)} films{of}, evenly spread"


def _is_table(place: Path) -> bool:
    return place.suffix.lower() == ".csv" or (place / "cxr.csv").is_file() or chestxray14.lies_in(place)


def _rows(place: Path) -> tuple[Row, ...]:
    tables = sorted(place.glob("*.csv")) if place.is_dir() else [place]
    return cohort_results.table(place, max(map(paths.changed, tables), default=0))


def _of_table(place: Path, split: str) -> list[SourceFilm]:
    rows = [row for row in _rows(place) if not split or row.split == split]
    return [
        SourceFilm((str(row.file), paths.changed(row.file), row.box, row.label), case, Cleaning())
        for row, case in zip(rows, cases(rows), strict=True)
    ]


def _of_folder(place: Path) -> list[SourceFilm]:
    """Treats each film as a separate patient: a folder does not say otherwise, and two folders may share file names."""
    files, _ = film_paths([str(place)])
    opened = [Case(Path(path).name, partial(read_file, path), patient=path) for path in files]
    return [
        SourceFilm((path, paths.changed(Path(path))), case, Cleaning())
        for path, case in zip(files, opened, strict=True)
    ]


def _spread(films: list[SourceFilm], most: int) -> list[SourceFilm]:
    step = max(1.0, len(films) / most)
    return [films[int(place * step)] for place in range(min(most, len(films)))]


def _given(film: Radiograph) -> Radiograph:
    return film
