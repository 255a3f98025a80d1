"""Training speed: images per second of the whole loop, compared with a bare one on a tensor in memory."""

import contextlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from core.bench.timing import TimedCall, Timing, timed
from core.evaluate.manifest import Row
from core.models.architecture import architectures
from core.models.device import fast
from core.train.augment import standardised
from core.train.data import LUNGS_SIDE, STORED_SIDE, Films, resized
from core.train.fit import FeaturesAndLogits, Learner, adamw, averaged, one_epoch
from core.train.ranks import Ranks
from core.train.recipe import Recipe

TARGET = 0.85  # of the bare loop's images per second: the loader must not starve the network


def throughput(
    *, repeats: int = 5, size: int = 112, batch: int = 32, architecture: str = "densenet121"
) -> dict[str, Any]:
    """Images per second of a step of `core.train.fit`, plain and with the lungs, and of the bare step timed beside it.

    The whole step draws its films, augments them, runs forward and backward, clips the gradient, steps AdamW and the
    moving average; the bare one has the same forward and backward pass and AdamW alone. Both use the
    memory layout of core.models.device.fast, channels last.
    Returns: size, batch, architecture; for each case images per second, the bare loop's, and `share`, the median of
             bare seconds over whole seconds of neighbouring steps.
    """
    recipe = Recipe(architecture=architecture, sizes=(size,), epochs=(1,), batch=batch)
    films = _films(batch, recipe)
    ranks = Ranks()
    network = architectures[architecture].build(len(recipe.findings), 1)
    network.to(ranks.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    optimiser = adamw(recipe, network)
    learner = Learner(network, FeaturesAndLogits(network), optimiser, averaged(network, recipe.average))
    images = standardised(resized(films.images, size)).contiguous(memory_format=torch.channels_last).to(ranks.device)
    labels = films.labels.to(ranks.device)

    def bare() -> float:
        with fast(ranks.device):
            logits = network(images)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return float(loss.detach())

    def whole(chosen: Recipe) -> float:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            return one_epoch(chosen, learner, films, 0, ranks)

    mindful = replace(recipe, replaced=0.6, penalty=0.5)
    cases = [
        TimedCall("training", lambda: whole(recipe)),
        TimedCall("training, background replaced and heat outside punished", lambda: whole(mindful)),
    ]
    measured = timed(bare, cases, repeats=repeats)
    return {
        "architecture": architecture,
        "size": size,
        "batch": batch,
        "cases": {name: _rates(figure, batch) for name, figure in measured.items()},
    }


def _rates(figure: Timing, batch: int) -> dict[str, Any]:
    """A case as images per second."""
    share, rate = 1 / figure.ratio, 1000 * batch / figure.ms
    return {
        "images/s": float(f"{rate:.3g}"),
        "bare images/s": float(f"{rate / share:.3g}"),
        "share": round(share, 3),
        "target": TARGET,
        "met": share >= TARGET,
    }


def _films(count: int, recipe: Recipe) -> Films:
    """Noise with round lungs, at the sizes that `core.train.data` stores."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, STORED_SIDE, STORED_SIDE), generator=generator, dtype=torch.uint8)
    steps = torch.linspace(-1, 1, LUNGS_SIDE)
    disc = (steps[:, None] ** 2 + steps**2 < 0.4).to(torch.uint8) * 255
    rows = tuple(Row(Path("none"), recipe.findings[index % len(recipe.findings)]) for index in range(count))
    labels = torch.arange(count) % len(recipe.findings)
    return Films(images, labels, rows, disc.repeat(count, 1, 1))
