"""A network with several inputs: as in its card, with other grey values, and with bone dark."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from core.evaluate.manifest import Row, row_radiograph
from core.film_stream import film_batches
from core.image.prepare import prepare
from core.models.classifier import Classifier
from core.models.importers.normalisation import NORMALISATIONS, name_of, normalised
from core.types import Cleaning, Input

INVERTED = "bone dark"
_BATCH = 8

Scores = NDArray[np.float32]
Tell = Callable[[int, int], None]


def input_variants(input: Input) -> dict[str, tuple[Input, Cleaning]]:
    """Variants of the input: as in the card, with other grey values, and with bone dark."""
    own = name_of(input)
    others = {name: (normalised(input, name), Cleaning()) for name in NORMALISATIONS if name != own}
    return {own: (input, Cleaning()), **others, INVERTED: (input, Cleaning(invert=True))}


def logits(
    classifier: Classifier, rows: Sequence[Row], input_variants: Mapping[str, tuple[Input, Cleaning]], tell: Tell | None
) -> dict[str, Scores]:
    """Variant -> (N, F) logits; each film is read once, and a few are in memory at a time."""
    scores: dict[str, list[Scores]] = {feed: [] for feed in input_variants}
    done = 0
    for films in film_batches(rows, partial(_prepared, tuple(input_variants.values())), batch=_BATCH):
        for feed, images in zip(input_variants, zip(*(film.read for film in films), strict=True), strict=True):
            scores[feed].append(classifier.logits(torch.from_numpy(np.stack(images))))
        done += len(films)
        if tell:
            tell(done, len(rows))
    return {feed: np.nan_to_num(np.concatenate(parts), nan=0.0) for feed, parts in scores.items()}


def _prepared(variants: Sequence[tuple[Input, Cleaning]], row: Row) -> list[Scores]:
    """The film with each variant of the input, (C, S, S) each."""
    film = row_radiograph(row)
    return [prepare(film, input, cleaning).image.numpy() for input, cleaning in variants]
