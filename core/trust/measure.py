"""The table of trust measures: each a figure for one of four questions about an answer and its map."""

import functools
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.estimate import quantity
from core.explain.method import methods
from core.image.prepare import enlarge
from core.models.classifier import Classifier
from core.registry import Registry
from core.types import Cleaning, Explanation, Heat, Level, Placement, Prediction, Radiograph
from core.work import Work

Aspect = Literal["domain", "certainty", "faithfulness", "reason"]
MeasureCost = Literal["cheap", "passes"]
Fill = Literal["blur", "mean", "noise", "in-painting"]
FILLS: dict[Fill, str] = {
    "blur": "strongly blurred",
    "mean": "replaced by the film's mean grey",
    "noise": "replaced by noise of the film's mean and contrast",
    "in-painting": "in-painted from the neighbourhood",
}
ASPECTS: dict[Aspect, str] = {
    "domain": "May the model be asked?",
    "certainty": "How sure is it?",
    "faithfulness": "Does the map show what the model used?",
    "reason": "Is that a reason?",
}
COSTS: dict[MeasureCost, str] = {"cheap": "a dozen network passes at most", "passes": "tens of network passes or more"}
CHEAP: tuple[MeasureCost, ...] = ("cheap",)
CHANCE = 0.05  # of the heat: shares this close to those of an even map count as chance
_SIDE = 256  # px
_UNSPECIFIC = "This map is the same for every finding: a map that explains one has to beat it."


@dataclass(frozen=True)
class Figure:
    """The result of a measure.

    level:    "ok", "note" (read the sentence), "warning" (do not trust the map without a second look).
    value:    the figure in `unit`; NaN if not available.
    sentence: the result in a radiologist's words.
    verdict:  what that means for the model, or empty.
    is_share: whether the value is a share, 0 to 1, that is shown in per cent.
    judged:   False if the measure could not judge; the sentence gives the reason.
    label:    shown in place of the verdict's word if that would mislead.
    """

    name: str
    title: str
    level: Level
    value: float
    unit: str
    sentence: str
    verdict: str = ""
    is_share: bool = False
    judged: bool = True
    label: str = ""

    @property
    def text(self) -> str:
        """Sentence and verdict."""
        return f"{self.sentence} {self.verdict}".strip()

    @property
    def quantity(self) -> str:
        """The value with its unit; empty if not available."""
        if self.is_share and not math.isnan(self.value):
            return f"{self.value:.0%} {self.unit}"
        return quantity(self.value, self.unit)


def _scaled(placement: Placement, scale: float) -> Placement:
    return Placement(
        placement.x0 * scale, placement.y0 * scale, placement.x1 * scale, placement.y1 * scale, placement.turn
    )


@dataclass(frozen=True, eq=False)
class Question:
    """The input of a measure.

    fill: what replaces parts of the film that are removed.
    work: progress, cancellation, deadline.
    known: the model's prediction for this film and cleaning, if the caller has it; else it is computed on first use.
    """

    classifier: Classifier
    radiograph: Radiograph
    explanation: Explanation
    cleaning: Cleaning
    fill: Fill = "blur"
    work: Work = field(default_factory=Work)
    known: Prediction | None = None

    def heat(self) -> Heat:
        """(S, S) the map at the network's input size: positive evidence only, >= 0."""
        size = self.classifier.checkpoint.input.size
        turned = Placement(0, 0, size, size)
        return enlarge(self.explanation.heat, turned, (size, size)).clip(min=0)

    def beside(self, mask: Heat, placement: Placement) -> tuple[Heat, Heat]:
        """The map, >= 0, and another one of the film on the same (h, w) grid of at most 256 px; NaN becomes 0."""
        height, width = self.radiograph.pixels.shape
        scale = _SIDE / max(height, width)  # both maps are coarser than this, so a larger grid gains nothing
        grid = max(1, round(height * scale)), max(1, round(width * scale))
        heat, other = (
            np.nan_to_num(enlarge(values, _scaled(place, scale), grid), nan=0.0)
            for values, place in ((self.explanation.heat.clip(min=0), self.explanation.placement), (mask, placement))
        )
        return heat, other

    @functools.cached_property
    def prediction(self) -> Prediction:
        """The answer for the film, computed once."""
        return self.known or self.classifier.predict(self.radiograph, cleaning=self.cleaning)


Rule = Callable[[Question], Figure]
Obstacle = Callable[[Question], str]


@dataclass(frozen=True)
class Measure:
    """A registry entry.

    rule:     computes the figure.
    aspect:   which of the four questions it answers.
    title:    two or three words for the screen.
    cost:     "cheap" (shown at once) or "passes" (computed on request or in the background).
    obstacle: why it cannot judge this question, in a sentence; "" where it can.
    films:    which films it applies to; None for all. A measure for few films (with a known truth) decides alone.
    decides:  False for a figure that is shown beside the verdict and does not change it.
    plain:    what it measures: the first paragraph of its docstring.
    """

    name: str
    title: str
    aspect: Aspect
    cost: MeasureCost
    rule: Rule
    obstacle: Obstacle
    films: Callable[[Radiograph], bool] | None
    decides: bool
    plain: str

    def __call__(self, question: Question) -> Figure:
        """The figure, or why it cannot be judged."""
        if reason := self.obstacle(question):
            return unjudged(self.name, self.title, reason)
        return self.rule(question)

    def serves(self, radiograph: Radiograph) -> bool:
        """Whether it applies to this film."""
        return self.films is None or self.films(radiograph)


measures: Registry[Measure] = Registry("measure", package="core.trust")


def unjudged(name: str, title: str, reason: str) -> Figure:
    """The figure of a measure that cannot judge. reason: why, in a sentence."""
    return Figure(name, title, "note", math.nan, "", reason, judged=False)


def no_obstacle(question: Question) -> str:
    """For measures that can always judge."""
    return ""


def no_map(question: Question) -> str:
    """Why the map cannot be judged, in a sentence; "" where it can."""
    heat = question.explanation.heat
    if not np.isfinite(heat).all():
        return "The map holds values that are not finite: it shows nothing that could be judged."
    if float(heat.max(initial=0.0)) <= 0:
        return "The map is flat: it shows no evidence for this finding."
    return ""


def heat_on(
    name: str, title: str, heat: Heat, part: NDArray[np.bool_], *, what: str, verdicts: Mapping[Level, str]
) -> Figure:
    """The figure of a measure that asks how much of the heat lies on a suspicious part of the film.

    heat, part: (h, w), heat >= 0; what: the part in the plural, as in "burnt-in marks".
    verdicts:   what it means that the part has about the share of an even map ("ok"), more, or much more ("warning").
    """
    share, area = float(heat[part].sum() / heat.sum()), float(part.mean())
    level: Level = "warning" if share > area + 2 * CHANCE else "note" if share > area + CHANCE else "ok"
    sentence = f"{share:.1%} of the heat lies on {what}, which cover {area:.1%} of the film."
    return Figure(name, title, level, share, "of the heat", sentence, verdicts[level], is_share=True)


def no_area(question: Question) -> str:
    """Why shares of the map's area cannot be judged; "" where they can."""
    if question.explanation.regions:
        return "Each zone of this map has a single value, so area shares mean nothing: compare zones."
    return no_map(question)


def no_answer(question: Question) -> str:
    """Why the answer cannot be judged: the probability of a single exclusive finding is always 1."""
    checkpoint = question.classifier.checkpoint
    if len(checkpoint.findings) == 1 and not checkpoint.multi_label:
        return f"The model knows a single class, so the probability of {checkpoint.findings[0]} is always 1."
    return ""


def no_effect(question: Question) -> str:
    """Why the effect of the map's regions on the answer cannot be judged; "" where it can."""
    return no_area(question) or no_answer(question)


def measure(
    name: str,
    *,
    title: str,
    aspect: Aspect,
    cost: MeasureCost = "cheap",
    obstacle: Obstacle = no_obstacle,
    films: Callable[[Radiograph], bool] | None = None,
    decides: bool = True,
) -> Callable[[Rule], Rule]:
    """Registers a function `Question -> Figure`; the arguments are those of `Measure`."""

    def register(rule: Rule) -> Rule:
        plain = " ".join((rule.__doc__ or "").split("\n\n")[0].split())
        if not plain:
            raise ValueError(f"measure {name!r} has no docstring; its first paragraph is the help text on screen")
        measures.add(name, Measure(name, title, aspect, cost, rule, obstacle, films, decides, plain))
        return rule

    return register


def selected_measures(
    radiograph: Radiograph, aspects: Collection[Aspect] = tuple(ASPECTS), costs: Collection[MeasureCost] = tuple(COSTS)
) -> list[Measure]:
    """The measures of these questions and costs that serve the film: first those for few films, then the cheap ones."""
    order = {aspect: place for place, aspect in enumerate(ASPECTS)}
    chosen = [
        each for each in measures.values() if each.aspect in aspects and each.cost in costs and each.serves(radiograph)
    ]
    return sorted(chosen, key=lambda each: (not each.films, order[each.aspect], list(COSTS).index(each.cost)))


def assess(
    classifier: Classifier, radiograph: Radiograph, explanation: Explanation, *, cleaning: Cleaning | None = None
) -> tuple[Figure, ...]:
    """The cheap measures of one map, first those that few films allow. `cleaning` must be that of the map."""
    question = Question(classifier, radiograph, explanation, cleaning or Cleaning())
    return tuple(evaluated(each, question) for each in selected_measures(radiograph, ("faithfulness", "reason"), CHEAP))


def evaluated(measure: Measure, question: Question) -> Figure:
    """The figure of the measure.

    For a map that is the same for every finding, figures of the map say nothing about the model: they are a baseline
    for other maps.
    """
    figure = measure(question)
    if measure.aspect in ("domain", "certainty") or methods[question.explanation.method].specific:
        return figure
    return replace(figure, level="note", verdict=_UNSPECIFIC if figure.verdict else "")


def hottest(heat: Heat, share: float) -> NDArray[np.bool_]:
    """(H, W) the hottest `share` (0 to 1) of all cells, exactly; fewer if fewer are above zero."""
    count = max(1, round(share * heat.size))
    mask = np.zeros(heat.size, bool)
    mask[np.argpartition(heat.ravel(), -count)[-count:]] = True
    return mask.reshape(heat.shape) & (heat > 0)
