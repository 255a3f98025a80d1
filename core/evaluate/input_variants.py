"""A network with several inputs: as in its card, with other grey values, and with bone dark."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from core.evaluate.manifest import Row, row_radiograph
from core.image.prepare import prepare
from core.models.classifier import Classifier
from core.models.importers.normalisation import NORMALISATIONS, name_of, normalised
from core.types import Cleaning, Input, Radiograph

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
    for done, films in enumerate(_batches(rows)):
        for feed, (input, cleaning) in input_variants.items():
            images = torch.stack([prepare(film, input, cleaning).image for film in films])
            scores[feed].append(classifier.logits(images))
        if tell:
            tell(min((done + 1) * _BATCH, len(rows)), len(rows))
    return {feed: np.nan_to_num(np.concatenate(parts), nan=0.0) for feed, parts in scores.items()}


def _batches(rows: Sequence[Row]) -> Iterator[list[Radiograph]]:
    films = map(row_radiograph, rows)
    while batch := list(islice(films, _BATCH)):
        yield batch
