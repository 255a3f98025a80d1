"""Infidelity and max-sensitivity of a map, by Captum."""

import numpy as np
import torch
from captum.metrics import infidelity, sensitivity_max
from torch import Tensor

from core.image.prepare import enlarge
from core.trust.altered import heat_of, likely, prepared
from core.trust.measure import Figure, Question, measure, no_effect, no_map
from core.types import Heat, Level, Placement

_SAMPLES = 16  # altered images for infidelity
MAPS = 5  # altered maps for max-sensitivity
RADIUS = 0.02  # of black to white: largest change of a pixel
_CELLS = 12  # a side: patches in which infidelity darkens the film


@measure("infidelity", title="Infidelity", aspect="faithfulness", cost="passes", obstacle=no_effect, decides=False)
def infidelity_figure(question: Question) -> Figure:
    """How far the map misses the change of the probability when random patches of the film are darkened.

    Value: squared error after the best scaling of the map, as a share of the squared change: 0 predicts every change,
    1 none.
    Source: Yeh et al. 2019, arXiv:1901.09392, by Captum's `infidelity`; `normalize=True`.
    """
    image = prepared(question).image
    changes = patches(image)
    map_error, no_map_error = (_infidelity(question, image, heat, changes) for heat in (_map(question, image), None))
    share = min(1.0, map_error / no_map_error) if no_map_error > 0 else float("nan")
    shuffled = question.explanation.heat.ravel().copy()
    np.random.default_rng(0).shuffle(shuffled)
    other = _enlarged(shuffled.reshape(question.explanation.heat.shape), image)
    control = (
        min(1.0, _infidelity(question, image, other, changes) / no_map_error) if no_map_error > 0 else float("nan")
    )
    level: Level = "ok" if share < control else "note"
    verdict = "Better than the same values shuffled." if level == "ok" else "No better than its own values shuffled."
    sentence = f"The map leaves {share:.0%} of the squared changes unexplained; with shuffled values, {control:.0%}."
    return Figure(
        "infidelity", "Infidelity", level, share, "of the change unexplained", sentence, verdict, is_share=True
    )


@measure(
    "max-sensitivity", title="Max-sensitivity", aspect="faithfulness", cost="passes", obstacle=no_map, decides=False
)
def max_sensitivity(question: Question) -> Figure:
    """The largest change of the map under uniform noise of at most 2 % of black to white.

    Value: norm of the change over the norm of the map; 0 is unchanged.
    Source: Yeh et al. 2019, arXiv:1901.09392, by Captum's `sensitivity_max`; as in Quantus's MaxSensitivity.
    """
    ready = prepared(question)
    radius = RADIUS * float((ready.white - ready.black).max())

    def maps(inputs: tuple[Tensor, ...] | Tensor) -> tuple[Tensor, ...]:
        images = inputs if isinstance(inputs, Tensor) else inputs[0]
        return (torch.stack([torch.from_numpy(heat_of(question, each))[None] for each in images]),)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        value = float(
            sensitivity_max(
                maps, ready.image[None], perturb_radius=radius, n_perturb_samples=MAPS, max_examples_per_batch=1
            )
        )
    level: Level = "ok" if value < 0.5 else "note"
    verdict = "" if level == "ok" else "The map depends on noise: smooth it, or choose a coarser one."
    sentence = f"Under noise of {RADIUS:.0%} of black to white the map changes by up to {value:.0%} of its norm."
    return Figure("max-sensitivity", "Max-sensitivity", level, value, "of the map's norm", sentence, verdict)


def _infidelity(question: Question, image: Tensor, heat: Tensor | None, changes: Tensor) -> float:
    """Captum's infidelity of the map; None for no map at all."""
    attributions = torch.zeros_like(image)[None] if heat is None else heat[None]

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        away = changes[: len(inputs)]
        return away, inputs - away

    def forward(images: Tensor) -> Tensor:
        return torch.from_numpy(likely(question, images))

    return float(
        infidelity(
            forward,
            perturb,
            image[None],
            attributions,
            n_perturb_samples=len(changes),
            normalize=heat is not None,
        )
    )


def patches(image: Tensor) -> Tensor:
    """(_SAMPLES, C, S, S) what is subtracted from the image: random patches, by half of its standard deviation."""
    grid = torch.rand((_SAMPLES, 1, _CELLS, _CELLS), generator=torch.Generator().manual_seed(0)) < 0.2
    cover = torch.nn.functional.interpolate(grid.float(), size=image.shape[-2:], mode="nearest")
    return cover * 0.5 * image.std() * torch.ones_like(image)


def _map(question: Question, image: Tensor) -> Tensor:
    return _enlarged(question.explanation.heat, image)


def _enlarged(heat: Heat, image: Tensor) -> Tensor:
    size = image.shape[-1]
    return torch.from_numpy(enlarge(heat, Placement(0, 0, size, size), (size, size))).expand_as(image)
