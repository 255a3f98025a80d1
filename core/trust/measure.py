"""The table of trust measures: each a figure about one map of one radiograph."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.explain.method import methods
from core.image.prepare import enlarge
from core.models.classifier import Classifier
from core.registry import Registry
from core.types import Cleaning, Explanation, Heat, Level, Placement, Radiograph

CHANCE = 0.05  # of the heat: a share no farther than this from that of an even map is no finding
_UNSPECIFIC = "This map is the same for every finding: it is what a map that explains one has to beat."


@dataclass(frozen=True)
class Figure:
    """What a measure found.

    level:    "ok", "note" (read the sentence), "warning" (do not believe the map without a second look).
    value:    the figure in `unit`; NaN where it can't be had.
    sentence: what was found, in words a radiologist reads.
    verdict:  what that says of the model; empty where it says nothing.
    is_share: whether the value is a share, 0 to 1, that is shown in per cent.
    """

    name: str
    title: str
    level: Level
    value: float
    unit: str
    sentence: str
    verdict: str = ""
    is_share: bool = False

    @property
    def text(self) -> str:
        """Sentence and verdict."""
        return f"{self.sentence} {self.verdict}".strip()


@dataclass(frozen=True, eq=False)
class Question:
    """What a measure is asked about."""

    classifier: Classifier
    radiograph: Radiograph
    explanation: Explanation
    cleaning: Cleaning

    def heat(self) -> Heat:
        """(S, S) the map at the network's input size: only what speaks for the finding, >= 0."""
        size = self.classifier.checkpoint.input.size
        turned = Placement(0, 0, size, size)
        return enlarge(self.explanation.heat, turned, (size, size)).clip(min=0)


measures: Registry[Callable[[Question], Figure]] = Registry("measure", package="core.trust")


def measure(name: str) -> Callable[[Callable[[Question], Figure]], Callable[[Question], Figure]]:
    """Registers a function `Question -> Figure`."""

    def register(rule: Callable[[Question], Figure]) -> Callable[[Question], Figure]:
        measures.add(name, rule)
        return rule

    return register


def assess(
    classifier: Classifier, radiograph: Radiograph, explanation: Explanation, *, cleaning: Cleaning | None = None
) -> tuple[Figure, ...]:
    """All measures of one map, in order of registration. `cleaning` must be the one the map was made with.

    Of a map that is the same for every finding the figures say nothing of the model: they are what others have to beat.
    """
    question = Question(classifier, radiograph, explanation, cleaning or Cleaning())
    figures = tuple(rule(question) for rule in measures.values())
    if methods[explanation.method].specific:
        return figures
    return tuple(replace(figure, level="note", verdict=_UNSPECIFIC if figure.verdict else "") for figure in figures)


def flat(name: str, title: str) -> Figure:
    """The figure for a map that shows nothing."""
    return Figure(name, title, "warning", float("nan"), "", "The map is flat: nothing speaks for this finding here.")


def of_zones(name: str, title: str) -> Figure:
    """The figure for a map that has one value a zone: shares of its area would count large zones for more."""
    sentence = "Each zone of this map has one value for all of it, so a share of its area means nothing: compare zones."
    return Figure(name, title, "note", float("nan"), "", sentence)


def hottest(heat: Heat, share: float) -> NDArray[np.bool_]:
    """(H, W) the hottest `share` (0 to 1) of all cells, exactly; fewer where fewer are above zero."""
    count = max(1, round(share * heat.size))
    mask = np.zeros(heat.size, bool)
    mask[np.argpartition(heat.ravel(), -count)[-count:]] = True
    return mask.reshape(heat.shape) & (heat > 0)
