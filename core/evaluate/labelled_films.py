"""Labelled films for testing a network: the usable labels, and a sample of films."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import BadData
from core.evaluate import chestxray14, manifest
from core.evaluate.manifest import NOTHING, Row


def read_labelled_films(path: Path) -> list[Row]:
    """The films of a manifest, of a folder with cxr.csv, or of ChestX-ray14 as it is downloaded. Raises: BadData."""
    return chestxray14.table(path) if chestxray14.lies_in(path) else manifest.read_manifest(path)


def serving(rows: Sequence[Row], findings: Sequence[str]) -> list[str]:
    """The labels that match the scores, as `plain` writes them.

    Raises: BadData if none does.
    """
    there = list(dict.fromkeys(label for row in rows for label in labels(row)))
    shared = [label for label in map(plain, findings) if label in there]
    if shared:
        return shared
    if there and all(finding.startswith("finding ") for finding in findings):
        return there
    raise BadData(
        f"No film has a label that the network knows. The films are labelled {', '.join(there[:5]) or 'not at all'}; "
        f"the network knows {', '.join(findings[:5])}{', …' if len(findings) > 5 else ''}. Rename one or the other."
    )


def drawn(rows: Sequence[Row], labels_wanted: Sequence[str], most: int, seed: int) -> list[Row]:
    """Up to `most` of the rows, cycling through the labels so that rare ones are included."""
    chance = np.random.default_rng(seed)
    shuffled = [rows[place] for place in chance.permutation(len(rows))]
    if len(rows) <= most:
        return shuffled
    piles = [[row for row in shuffled if column in labels(row)] for column in labels_wanted]
    piles.append([row for row in shuffled if not set(labels_wanted) & labels(row)])
    sample: dict[str, Row] = {}
    turns = (row for turn in range(len(rows)) for pile in piles for row in pile[turn : turn + 1])
    for row in turns:
        if len(sample) == most:
            break
        sample[row.id] = row
    return list(sample.values())


def labels(row: Row) -> set[str]:
    """The film's labels as `plain` writes them."""
    return {plain(label) for label in row.labels if label != NOTHING}


def plain(label: str) -> str:
    """The normalised label: Pleural_Thickening and pleural thickening are the same."""
    return label.replace("_", " ").strip().casefold()


def spelled(rows: Sequence[Row], label: str) -> str:
    """The films' spelling of a normalised label."""
    return next(each for row in rows for each in row.labels if plain(each) == label)
