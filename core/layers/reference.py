"""The films of an atlas: from a table, a folder, or drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from core.errors import BadData
from core.evaluate import chestxray14
from core.evaluate.manifest import NOTHING, Row, read_manifest, row_radiograph
from core.image.phantom import Opacity, draw
from core.image.read import read
from core.image.signature import format_of
from core.types import Radiograph

_PHANTOM = 512  # px a side: more than any network sees
_OPACITY = "opacity"  # the label of a phantom with an opacity
_PLACES = ((0.27, 0.37), (0.73, 0.37), (0.27, 0.57), (0.73, 0.55))  # of opacities: both lungs, high and low
_HEAD = 512  # bytes; enough for every signature


@dataclass(frozen=True)
class ReferenceFilm:
    """One film of the set.

    name:    its id; for a film of a folder, its path in it.
    open:    reads it on demand; raises UnreadableFile or BadData. It is pickled for worker processes.
    labels:  its findings; None if unknown.
    patient: its id; empty if unknown.
    """

    name: str
    open: Callable[[], Radiograph]
    labels: tuple[str, ...] | None = None
    patient: str = ""


@dataclass(frozen=True)
class ReferenceSet:
    """films in a fixed order; description: in words; drawn: whether they are synthetic."""

    description: str
    films: tuple[ReferenceFilm, ...]
    drawn: bool = False


def phantoms(count: int) -> ReferenceSet:
    """Drawn chests, every other one with an opacity in a lung; always the same ones."""
    films = tuple(
        ReferenceFilm(f"phantom {seed}", partial(_phantom, seed), (_OPACITY,) if _opacity(seed) else ())
        for seed in range(count)
    )
    return ReferenceSet(f"{count} drawn phantoms", films, drawn=True)


def _phantom(seed: int) -> Radiograph:
    return draw(seed=seed, height=_PHANTOM, width=_PHANTOM, opacity=_opacity(seed)).radiograph


def from_data(path: Path, *, split: str | None = None) -> ReferenceSet:
    """The films of a table or of a folder with cxr.csv, with their labels; else every film below the folder.

    split:  films of this split alone; only for tables.
    Raises: BadData if there is no film.
    """
    if path.suffix.lower() != ".csv" and not path.exists():
        raise BadData(
            f"There is no folder {path}. Give one that holds films, or a CSV table with the columns file and label."
        )
    if path.is_dir() and not (path / "cxr.csv").exists() and not chestxray14.lies_in(path):
        if split:
            raise BadData(f"{path} has no table and so no split {split!r}. Leave --split out, or give a table.")
        return _folder(path)
    rows = chestxray14.table(path) if chestxray14.lies_in(path) else read_manifest(path)
    chosen = [row for row in rows if split is None or row.split == split]
    if not chosen:
        known = ", ".join(sorted({row.split for row in rows if row.split})) or "none"
        raise BadData(f"The table has no film in split {split!r}; its splits: {known}. Choose one of them.")
    return from_rows(chosen, f"{path.name}{f', split {split}' if split else ''}")


def from_rows(rows: Sequence[Row], description: str) -> ReferenceSet:
    """The films of a manifest's rows."""
    films = tuple(
        ReferenceFilm(
            row.id,
            partial(row_radiograph, row),
            tuple(label for label in row.labels if label != NOTHING),
            row.patient,
        )
        for row in rows
    )
    return ReferenceSet(description, films)


def some(films: ReferenceSet, count: int) -> ReferenceSet:
    """At most `limit` films of the set, chosen at random with a fixed seed."""
    if count >= len(films.films):
        return films
    return ReferenceSet(f"{count} of {films.description}", shuffled(films.films)[:count], films.drawn)


def one_each(films: ReferenceSet) -> ReferenceSet:
    """The first film of each patient: further films of a patient are not independent."""
    first: dict[str | int, ReferenceFilm] = {}
    for place, film in enumerate(films.films):
        first.setdefault(film.patient or place, film)
    return replace(films, films=tuple(first.values()))


def shuffled(films: Sequence[ReferenceFilm], seed: int = 0) -> tuple[ReferenceFilm, ...]:
    """The films in a fixed random order, so that the first ones represent all."""
    return tuple(films[place] for place in np.random.default_rng(seed).permutation(len(films)))


def _opacity(seed: int) -> Opacity | None:
    """The phantom's opacity: none for even seeds, and with its own place and size for odd ones."""
    if seed % 2 == 0:
        return None
    chance = np.random.default_rng(seed)
    x, y = _PLACES[seed // 2 % len(_PLACES)] + chance.uniform(-0.04, 0.04, 2)
    return Opacity(float(x), float(y), radius=float(chance.uniform(0.05, 0.1)), strength=float(chance.uniform(0.5, 1)))


def _folder(path: Path) -> ReferenceSet:
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts) and _is_film(file)
    ]
    if not files:
        raise BadData(f"There is no radiograph in {path}. Give a folder that holds some, or a table of films.")
    films = tuple(ReferenceFilm(str(file.relative_to(path)), partial(_opened, file)) for file in files)
    return ReferenceSet(path.name, films)


def _opened(file: Path) -> Radiograph:
    return read(file.read_bytes(), name=file.name)


def _is_film(file: Path) -> bool:
    """Whether the first bytes are those of a picture or DICOM; a file that cannot be opened is reported on reading."""
    try:
        with file.open("rb") as opened:
            return format_of(opened.read(_HEAD)) is not None
    except OSError:
        return True
