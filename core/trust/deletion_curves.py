"""Deletion and insertion curves of a map, compared with control maps that do not depend on the model."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import NoLungs
from core.explain.run import lungs_seen
from core.image.prepare import enlarge
from core.models.findings import words
from core.trust.altered import filled, filling, likely, prepared
from core.trust.measure import FILLS, Figure, Question, measure, no_effect
from core.types import Heat, Level, Placement

_TITLE = "Deletion and insertion"
STEPS = 10  # equal shares of the pixels
RANDOM = 3  # random control maps; their spread is the noise
SMALLEST = 0.01  # probability, a mean over the curve: smaller gaps do not count as an effect


@dataclass(frozen=True, eq=False)
class Curves:
    """Probabilities while pixels are removed or inserted, hottest first.

    deletion:  (STEPS,) after 1/STEPS, 2/STEPS, ... of the pixels were filled, as in Quantus's PixelFlipping.
    insertion: (STEPS,) after as many were inserted into the filled image.
    """

    deletion: NDArray[np.float32]
    insertion: NDArray[np.float32]

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve by the trapezoid rule with steps of 1, as in Quantus; lower is better."""
        return float(np.trapezoid(self.deletion))

    @property
    def gap(self) -> float:
        """Mean of insertion minus mean of deletion, -1 to 1; higher is better."""
        return float(self.insertion.mean() - self.deletion.mean())


@measure("curves", title=_TITLE, aspect="faithfulness", cost="passes", obstacle=no_effect)
def curves_figure(question: Question) -> Figure:
    """Whether removing pixels in the map's order lowers the probability sooner, and inserting them raises it sooner,
    than in the order of random, edge, centre and lung-mask maps of the same resolution.

    Value: mean of the insertion curve minus mean of the deletion curve, -1 to 1. Its noise is the spread of the random
    maps.
    Source: Petsiuk et al. 2018, arXiv:1806.07421; curves as in Quantus's PixelFlipping (Hedström et al. 2023).
    """
    maps = {"the map": question.explanation.heat, **controls(question)}
    gaps = {name: each.gap for name, each in zip(maps, curves(question, list(maps.values())), strict=True)}
    gap = gaps.pop("the map")
    random = np.array([value for name, value in gaps.items() if name.startswith("random")])
    noise = max(SMALLEST, 2 * float(random.std(ddof=1)))
    others = {name: value for name, value in gaps.items() if not name.startswith("random")}
    better = [name for name, value in others.items() if value >= gap]
    level: Level
    if gap - random.mean() <= noise:
        level, verdict = "warning", "No measurable effect: the map's order is no better than a random one."
    elif better:
        level, verdict = "note", f"Better than random, but {_join(better)} without the model does as well."
    else:
        level, verdict = "ok", "The map ranks the film's parts by what the model uses."
    rest = ", ".join(f"{name} {value:+.2f}" for name, value in others.items())
    name = words(question.explanation.finding).capitalize()
    sentence = (
        f"{name}, parts {FILLS[question.fill]}: insertion minus deletion is "
        f"{gap:+.2f} (random maps {random.mean():+.2f} ± {noise:.2f}; {rest})."
    )
    return Figure("curves", _TITLE, level, gap, "insertion − deletion", sentence, verdict)


def controls(question: Question) -> dict[str, Heat]:
    """Maps of the same grid that do not depend on the model; random ones have the same values in another order."""
    heat = question.explanation.heat
    chance = np.random.default_rng(0)
    named = {f"random {number + 1}": _shuffled(heat, chance) for number in range(RANDOM)}
    y, x = (np.abs(np.linspace(-1, 1, side, dtype=np.float32)) for side in heat.shape)
    named["edge"] = np.maximum(y[:, None], x[None])
    named["centre"] = 1 - np.hypot(y[:, None], x[None])
    try:
        lungs = lungs_seen(question.radiograph, question.cleaning, prepared(question))()
    except NoLungs:
        return named
    height, width = heat.shape
    cells = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(lungs.astype(np.float32))[None], (height, width))
    named["lung mask"] = cells[0].numpy()
    return named


def curves(question: Question, maps: list[Heat], *, steps: int = STEPS) -> list[Curves]:
    """The curves of several maps of any grid, in shared batches."""
    image, fill = prepared(question).image, question.fill
    replacement = None if fill == "in-painting" else filling(image, fill)
    altered: list[Tensor] = []
    for heat in maps:
        masks = hottest_first(_at_input(heat, image), steps)
        for cover in (masks, ~masks):
            altered += filled(image, cover, fill, replacement=replacement)
    answers = likely(question, altered).reshape(len(maps), 2, steps)
    return [Curves(deletion, insertion) for deletion, insertion in answers]


def hottest_first(heat: Heat, steps: int) -> Tensor:
    """(steps, S, S) bool, the hottest 1/steps, 2/steps, ... all of the pixels; equal ones in a random order."""
    chance = np.random.default_rng(0)
    shuffle = chance.permutation(heat.size)
    order = shuffle[np.argsort(-heat.ravel()[shuffle], kind="stable")]
    rank = np.empty(heat.size, np.int64)
    rank[order] = np.arange(heat.size)
    per_step = -(-heat.size // steps)
    counts = per_step * np.arange(1, steps + 1)
    return torch.from_numpy((rank[None] < counts[:, None]).reshape(steps, *heat.shape))


def _at_input(heat: Heat, image: Tensor) -> Heat:
    size = image.shape[-1]
    return enlarge(heat, Placement(0, 0, size, size), (size, size))


def _shuffled(heat: Heat, chance: np.random.Generator) -> Heat:
    values = heat.ravel().copy()
    chance.shuffle(values)
    return values.reshape(heat.shape)


def _join(names: list[str]) -> str:
    return " or ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name} map" for name in names).replace(
        "mask map", "mask"
    )
