"""Agreement of networks, as between readers: kappa."""

import numpy as np
from numpy.typing import NDArray

from core.evaluate.confusion import confusion

Ratings = NDArray[np.intp]


def cohen(first: Ratings, second: Ratings, categories: int) -> float:
    """Cohen's kappa of two readers: agreement beyond chance; 1 perfect, 0 chance.

    first, second: (N,) the category that each gave each film, 0 to categories - 1.
    Returns: NaN if only one category was ever given, since chance then agrees fully.
    Source:  Cohen 1960, doi:10.1177/001316446002000104. A test compares it with scikit-learn's, which takes 75 times
             as long on 1,000 films; that matters in a bootstrap.
    """
    counts = confusion(first, second, categories) / max(1, len(first))
    observed = float(np.trace(counts))
    expected = float(counts.sum(axis=0) @ counts.sum(axis=1))
    return (observed - expected) / (1 - expected) if len(first) and expected < 1 - 1e-12 else float("nan")


def fleiss(answers: Ratings, categories: int) -> float:
    """Fleiss' kappa of any number of readers, all of whom read each film.

    answers: (N, R) the category that each of R readers gave each film, 0 to categories - 1.
    Returns: NaN as `cohen`, or for fewer than two readers.
    Source:  Fleiss 1971, doi:10.1037/h0031619.
    """
    films, readers = answers.shape
    if not films or readers < 2:
        return float("nan")
    votes = np.stack([(answers == category).sum(axis=1) for category in range(categories)], axis=1)
    observed = float((votes * (votes - 1)).sum(axis=1).mean() / (readers * (readers - 1)))
    expected = float(((votes.sum(axis=0) / (films * readers)) ** 2).sum())
    return (observed - expected) / (1 - expected) if expected < 1 - 1e-12 else float("nan")
