"""Directions of concepts in a stage's activations, and what the same films give by chance."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1000  # random orders in memory at once


@dataclass(frozen=True, eq=False)
class ConceptDirection:
    """direction: (K,), as long as both kinds of film are apart. accuracy: on `held` held-out pairs, 0 to 1."""

    direction: NDArray[np.float64]
    accuracy: float
    held: int


def concept_direction(present: NDArray[np.float32], absent: NDArray[np.float32]) -> ConceptDirection:
    """The direction from films without a concept to films with it, and its accuracy on other films.

    present, absent: (n, K) a stage's activations, film by film; the first half defines the direction, the rest is held
                     out.
    """
    apart = present.astype(np.float64) - absent
    half = len(apart) // 2
    direction = apart[:half].mean(axis=0)
    return ConceptDirection(direction, share_above_zero(apart[half:] @ direction), len(apart) - half)


def share_above_zero(values: NDArray[np.float64]) -> float:
    """The share above zero, 0 to 1; zeros count half."""
    return float(((values > 0) + 0.5 * (values == 0)).mean())


def slope(push: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of the logit along directions, up or down, whatever their length.

    push:       (..., K) gradients, of any number of findings.
    directions: (K,) or (B, K).
    Returns:    (B, ...) or (...), >= 0, logits per unit length; 0 along a direction of length zero.
    """
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    units = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    steep: NDArray[np.float64] = np.abs(units @ push.T)
    return steep


def slopes_of_halves(
    means: NDArray[np.float32], pushes: NDArray[np.float64], count: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    """Slope of the logits along directions between random halves of the films.

    means:   (N, K) a stage's activations.
    pushes:  (F, K) mean gradients.
    Returns: (count, F), >= 0, logits per unit length.
    """
    films = means - mean_of(means)
    half = len(films) // 2
    sides = np.zeros(len(films))  # of an odd number of films one is left out
    sides[:half], sides[half : 2 * half] = 1 / half, -1 / half
    return np.concatenate([slope(pushes, dealt @ films) for dealt in _dealt(sides, count, chance)])


def swapped(changes: NDArray[np.float64], count: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Distance from zero of the mean of the changes (N,) when with and without are swapped at random, (count,)."""
    signs = (
        chance.choice([-1.0, 1.0], (min(_BLOCK, count - start), len(changes))) for start in range(0, count, _BLOCK)
    )
    return np.concatenate([np.abs(each @ changes) / len(changes) for each in signs])


def dealt_anew(
    present: NDArray[np.float64], absent: NDArray[np.float64], count: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    """Distance of the means of two kinds of film, (n,) and (m,), when films are reassigned at random, (count,)."""
    both = np.concatenate([present, absent])
    sides = np.full(len(both), -1 / len(absent))
    sides[: len(present)] = 1 / len(present)
    return np.concatenate([np.abs(dealt @ both) for dealt in _dealt(sides, count, chance)])


def _dealt(sides: NDArray[np.float64], count: int, chance: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """The sides (N,) in random order, `count` times, in blocks of rows."""
    for start in range(0, count, _BLOCK):
        yield chance.permuted(np.tile(sides, (min(_BLOCK, count - start), 1)), axis=1)


def chance_of(value: float | NDArray[np.float64], by_chance: NDArray[np.float64]) -> float:
    """p of one observation: how often chance reaches it, itself counted among the permutations.

    Source: Phipson and Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    return float((1 + (by_chance >= value).sum()) / (len(by_chance) + 1))


def mean_of(films: NDArray[np.float32]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = films.mean(axis=0, dtype=np.float64)
    return mean
