"""The films of an audit and the run over them: predictions and maps of each film, predictions for altered copies."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from core.cohort.alterations import ALTERATIONS
from core.cohort.films import films_of_rows
from core.cohort.run import Progress, run
from core.cohort.settings import Settings
from core.errors import BadData
from core.evaluate.manifest import Row
from core.models.library import home
from core.types import Checkpoint

METHOD = "grad-cam"
FEWEST = 10  # films


def sampled(rows: Sequence[Row], most: int, *, seed: int = 0) -> list[Row]:
    """At most `most` films, as evenly as possible from each source and label: large groups are thinned."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for place in np.random.default_rng(seed).permutation(len(rows)):
        groups[rows[place].source, rows[place].label].append(rows[place])
    turns = (row for turn in zip_longest(*groups.values()) for row in turn if row is not None)
    return [row for row, _ in zip(turns, range(most), strict=False)]


def collected(
    cards: Sequence[Checkpoint],
    rows: Sequence[Row],
    *,
    weights: Path | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> Path:
    """The folder of the complete run of checkpoints over the films; an interrupted run is resumed.

    It lies in the user's data folder and is named after model and settings, so that an audit of more films from the
    same folder continues it.
    Raises: BadData for fewer than FEWEST films, or a full disk.
    """
    if len(rows) < FEWEST:
        raise BadData(f"There are {len(rows)} usable films; an audit needs {FEWEST} or more. Add labelled films.")
    settings = Settings(
        checkpoints=tuple(card.name for card in cards),
        methods=(METHOD,),
        checks=False,
        thumbnails=False,
        alterations=tuple(ALTERATIONS),
    )
    root = Path(os.path.commonpath([row.file.resolve().parent for row in rows]))
    source = films_of_rows([replace(row, file=row.file.resolve()) for row in rows], root)
    out = home() / "audits" / f"{cards[0].name}-{_digest(cards, root, settings)}"
    run(source, out, settings, weights=weights, tell=tell)
    return out


def _digest(cards: Sequence[Checkpoint], root: Path, settings: Settings) -> str:
    text = json.dumps([*(card.key for card in cards), root.as_posix(), settings.card()])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
