"""Whether the map stays the same under changes that nobody can see."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.trust.altered import heat_of, prepared, rank_correlation
from core.trust.measure import Figure, Question, measure, no_map
from core.types import Heat, Level

_TITLE = "Stable map"
NOISE = 0.01  # of black to white: deviation of the noise
QUALITY = 75  # of JPEG
HIGH, LOW = 0.9, 0.6  # rank correlation


@measure("stability", title=_TITLE, aspect="faithfulness", cost="passes", obstacle=no_map)
def stability(question: Question) -> Figure:
    """Rank correlation of the map with those of the film with a little noise, shifted by one pixel, and after JPEG.

    Value: the lowest of the three, -1 to 1. The shifted map is shifted back first.
    Source: Alvarez-Melis and Jaakkola 2018, arXiv:1806.08049 (robustness of explanations).
    """
    image = prepared(question).image
    base = heat_of(question, image)
    similar = {
        "noise": rank_correlation(base, heat_of(question, noisy(question, image))),
        "a shift of one pixel": rank_correlation(base, _back(heat_of(question, image.roll(1, dims=-1)), image)),
        f"JPEG {QUALITY}": rank_correlation(base, heat_of(question, compressed(question, image))),
    }
    worst = min(similar, key=lambda name: similar[name])
    low = similar[worst]
    level: Level = "ok" if low >= HIGH else "note" if low >= LOW else "warning"
    verdict = {
        "ok": "The map is stable.",
        "note": f"{worst.capitalize()} changes the map in part.",
        "warning": f"{worst.capitalize()} gives a different map: do not read details into it.",
    }[level]
    sentence = (
        f"Rank correlation with the map after {', '.join(f'{name} {value:.2f}' for name, value in similar.items())}."
    )
    return Figure("stability", _TITLE, level, low, "rank correlation", sentence, verdict)


def noisy(question: Question, image: Tensor) -> Tensor:
    """The image with normal noise, the same on every call."""
    ready = prepared(question)
    noise = torch.randn(image.shape[1:], generator=torch.Generator().manual_seed(0))
    return image + NOISE * (ready.white - ready.black) * noise


def compressed(question: Question, image: Tensor) -> Tensor:
    """The image after JPEG compression of its grey values."""
    ready = prepared(question)
    file = io.BytesIO()
    Image.fromarray(ready.picture).save(file, "JPEG", quality=QUALITY)
    grey = torch.from_numpy(np.asarray(Image.open(file), np.float32) / 255)
    return ready.black + (ready.white - ready.black) * grey


def _back(heat: Heat, image: Tensor) -> Heat:
    """The map of the shifted image, shifted back by the same fraction of a cell."""
    cell = heat.shape[1] / image.shape[-1]
    moved = np.roll(heat, -1, axis=1)
    return np.asarray((1 - cell) * heat + cell * moved, np.float32)
