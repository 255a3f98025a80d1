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

CHANCE = 0.05  # of the heat: shares this close to those of an even map count as chance
_UNSPECIFIC = "This map is the same for every finding: a map that explains one has to beat it."


@dataclass(frozen=True)
class Figure:
    """The result of a measure.

    level:    "ok", "note" (read the sentence), "warning" (do not trust the map without a second look).
    value:    the figure in `unit`; NaN if not available.
    sentence: the result in a radiologist's words.
    verdict:  what that means for the model, or empty.
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
    """The input of a measure."""

    classifier: Classifier
    radiograph: Radiograph
    explanation: Explanation
    cleaning: Cleaning

    def heat(self) -> Heat:
        """(S, S) the map at the network's input size: positive evidence only, >= 0."""
        size = self.classifier.checkpoint.input.size
        turned = Placement(0, 0, size, size)
        return enlarge(self.explanation.heat, turned, (size, size)).clip(min=0)


@dataclass(frozen=True)
class Measure:
    """A function `Question -> Figure`, and which films it applies to; None for all."""

    rule: Callable[[Question], Figure]
    films: Callable[[Radiograph], bool] | None = None

    def __call__(self, question: Question) -> Figure:
        return self.rule(question)

    def serves(self, radiograph: Radiograph) -> bool:
        """Whether it applies to this film."""
        return self.films is None or self.films(radiograph)


measures: Registry[Measure] = Registry("measure", package="core.trust")


def measure(
    name: str, *, films: Callable[[Radiograph], bool] | None = None
) -> Callable[[Callable[[Question], Figure]], Callable[[Question], Figure]]:
    """Registers a function `Question -> Figure`. films: whether it serves a film; None for all films."""

    def register(rule: Callable[[Question], Figure]) -> Callable[[Question], Figure]:
        measures.add(name, Measure(rule, films))
        return rule

    return register


def assess(
    classifier: Classifier, radiograph: Radiograph, explanation: Explanation, *, cleaning: Cleaning | None = None
) -> tuple[Figure, ...]:
    """All measures of one map, first those that few films allow. `cleaning` must be that of the map.

    For a map that is the same for every finding the figures say nothing about the model: other maps have to beat them.
    """
    question = Question(classifier, radiograph, explanation, cleaning or Cleaning())
    served = sorted((each for each in measures.values() if each.serves(radiograph)), key=lambda each: not each.films)
    figures = tuple(each(question) for each in served)
    if methods[explanation.method].specific:
        return figures
    return tuple(replace(figure, level="note", verdict=_UNSPECIFIC if figure.verdict else "") for figure in figures)


def flat(name: str, title: str) -> Figure:
    """The figure for a flat map."""
    return Figure(name, title, "warning", float("nan"), "", "The map is flat: it shows no evidence for this finding.")


def of_zones(name: str, title: str) -> Figure:
    """The figure for a map with one value per zone: area shares would favour large zones."""
    sentence = "Each zone of this map has a single value, so area shares mean nothing: compare zones."
    return Figure(name, title, "note", float("nan"), "", sentence)


def hottest(heat: Heat, share: float) -> NDArray[np.bool_]:
    """(H, W) the hottest `share` (0 to 1) of all cells, exactly; fewer if fewer are above zero."""
    count = max(1, round(share * heat.size))
    mask = np.zeros(heat.size, bool)
    mask[np.argpartition(heat.ravel(), -count)[-count:]] = True
    return mask.reshape(heat.shape) & (heat > 0)
