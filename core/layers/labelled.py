"""Labelled films, split by patient into training and test films."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadData
from core.evaluate import chestxray14
from core.evaluate.labelled_films import plain, read_labelled_films
from core.evaluate.manifest import NOTHING, Row, refuse_split_patients, row_radiograph
from core.layers import reference
from core.layers.linear_classifier import Indices, LabelArray, folds
from core.types import Radiograph

FEWEST = 5  # films with and without a finding, in training and in test
_HELD = ("test", "val")  # the first that exists is the test split; _FIT is the training split
_FIT = "train"
_SHARE = 2 / 3  # share of a limited number of films used for training


@dataclass(frozen=True)
class LabelledFilm:
    """One film.

    open:    reads it on demand; raises UnreadableFile or BadData. It is pickled for worker processes.
    labels:  its findings; empty for none.
    patient: its id.
    held:    whether it is a test film; None if the set is not divided.
    """

    name: str
    open: Callable[[], Radiograph]
    labels: tuple[str, ...]
    patient: str
    held: bool | None = None


@dataclass(frozen=True)
class LabelledSet:
    """films; description: in words; drawn: whether they are synthetic."""

    description: str
    films: tuple[LabelledFilm, ...]
    drawn: bool = False


def phantoms(count: int) -> LabelledSet:
    """Drawn chests, every other one with an opacity; not divided."""
    drawn_set = reference.phantoms(count)
    films = tuple(LabelledFilm(film.name, film.open, film.labels or (), film.name) for film in drawn_set.films)
    return LabelledSet(drawn_set.description, films, drawn=True)


def from_data(path: Path, *, split: str | None = None, limit: int | None = None) -> LabelledSet:
    """The films of a table, or of a folder that holds one.

    split:  the test split; None for test if there is one, else val. The training split is "train", unless that is the
            test split.
    limit:  total number of films, chosen at random with a fixed seed.
    Raises: BadData if there is no table, or the table has no such split.
    """
    if path.is_dir() and not (path / "cxr.csv").exists() and not chestxray14.lies_in(path):
        raise BadData(
            f"{path} has no table, and probes need labels. Give a CSV table with the columns file and "
            "label, or a folder that holds cxr.csv."
        )
    return from_rows(read_labelled_films(path), path.name, split=split, limit=limit)


def from_rows(
    rows: Sequence[Row], description: str, *, split: str | None = None, limit: int | None = None
) -> LabelledSet:
    """As `from_data`, for rows that are already read."""
    refuse_split_patients(rows)
    there = sorted({row.split for row in rows if row.split})
    if split is not None and split not in there:
        known = f"its splits: {', '.join(there)}" if there else "it has no column split"
        raise BadData(f"The table has no film in split {split!r}; {known}. Choose one of these, or none.")
    test_split = split or next((name for name in _HELD if name in there), None)
    if test_split is None or test_split == _FIT or _FIT not in there:
        one = [row for row in rows if test_split is None or row.split == test_split]
        return LabelledSet(
            f"{description}{f', split {test_split}' if test_split else ''}", _films(_some(one, limit), None)
        )
    fit = _some([row for row in rows if row.split == _FIT], limit and round(limit * _SHARE))
    held = _some([row for row in rows if row.split == test_split], limit and max(1, limit - len(fit)))
    return LabelledSet(f"{description}, splits {_FIT} and {test_split}", (*_films(fit, False), *_films(held, True)))


def classes_of(films: Sequence[LabelledFilm], findings: Sequence[str]) -> tuple[tuple[str, ...], bool, Indices]:
    """The classes, whether each film has exactly one, and the indices of usable films.

    A label is a class if at least FEWEST films have it and as many lack it, on both sides of a divided set.
    findings: those of the network, for spelling and order.
    Raises:   BadData if no class is left.
    """
    sides = [[film for film in films if film.held is side] for side in dict.fromkeys(film.held for film in films)]
    counts = [Counter(label for film in side for label in {*map(plain, film.labels)}) for side in sides]
    spelled = {plain(label): label for film in films for label in film.labels} | {
        plain(finding): finding for finding in findings if any(plain(finding) in count for count in counts)
    }
    exclusive = all(len({*map(plain, film.labels)}) == 1 for film in films) and len(spelled) > 1
    good = [
        label
        for label in spelled
        if all(FEWEST <= count[label] <= len(side) - FEWEST for count, side in zip(counts, sides, strict=True))
    ]
    own = [plain(finding) for finding in findings]
    good.sort(key=lambda label: (own.index(label) if label in own else len(own), label))
    if not good or (exclusive and len(good) < 2):
        common = Counter(label for film in films for label in film.labels).most_common(5)
        known = ", ".join(f"{label} on {count}" for label, count in common) or "none"
        raise BadData(
            f"A probe needs {FEWEST} films with a finding and {FEWEST} without, for training and testing; "
            f"the labels of these {len(films)} films: {known}. Give more films, or a table with labels."
        )
    usable = [place for place, film in enumerate(films) if not exclusive or plain(film.labels[0]) in good]
    return tuple(spelled[label] for label in good), exclusive, np.array(usable)


def turns_of(
    held: Sequence[bool | None], truth: LabelArray, patients: NDArray[np.str_], seed: int, *, exclusive: bool
) -> tuple[str, list[tuple[Indices, Indices]]]:
    """How the films are divided, in words; then the (training, test) indices of each turn."""
    if None not in held:
        test = np.array(held, bool)
        learned, other = np.flatnonzero(~test), np.flatnonzero(test)
        return f"fitted on {len(learned)} films, tested on {len(other)} of other patients", [(learned, other)]
    turns = folds(truth, patients, seed=seed, exclusive=exclusive)
    return f"{len(turns)} folds, each tested on films of patients outside its training set", turns


def majority(truth: LabelArray, turns: Sequence[tuple[Indices, Indices]], *, exclusive: bool) -> float:
    """Accuracy of always predicting the most common class of the training films."""
    right = []
    for learned, test in turns:
        if exclusive:
            right.append(truth[test, truth[learned].sum(axis=0).argmax()])
        else:
            right.append((truth[test] == (truth[learned].mean(axis=0) > 0.5)).mean(axis=1))
    return float(np.concatenate(right).mean())


def _films(rows: Sequence[Row], held: bool | None) -> tuple[LabelledFilm, ...]:
    return tuple(
        LabelledFilm(
            row.id,
            partial(row_radiograph, row),
            tuple(label for label in row.labels if label != NOTHING),
            row.patient,
            held,
        )
        for row in rows
    )


def _some(rows: Sequence[Row], count: int | None) -> list[Row]:
    """At most `limit` of the rows, chosen at random with a fixed seed."""
    if count is None or count >= len(rows):
        return list(rows)
    return [rows[place] for place in sorted(np.random.default_rng(0).permutation(len(rows))[:count])]
