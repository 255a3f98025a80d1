"""Training the lung network on outlined films."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BadData
from core.evaluate import manifest
from core.evaluate.intervals import bootstrap
from core.evaluate.manifest import Row, row_radiograph
from core.film_stream import film_batches
from core.image.prepare import enlarge, prepare
from core.lung_network import INPUT, NAME, dice, look
from core.models import checkpoints
from core.models.device import fast
from core.models.unet import WIDTHS, UNet
from core.train.augment import standardised
from core.train.data import STORED_SIDE, Films, load_films, resized, table
from core.train.recipe import SegmentationRecipe, refuse_other
from core.train.segmentation import fit, store
from core.types import Input


def train(
    data: Sequence[Path], *, recipe: SegmentationRecipe, runs: Path, out: Path, notes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Trains, or resumes an interrupted run, and writes lungs-unet.safetensors with its card into `out`.

    notes:  the card's texts (core.train.recipe.notes).
    Raises: BadData if no film has an outline; BadSetting if `out` holds a lung network of another recipe.
    """
    refuse_other(NAME, recipe, out)
    rows = [row for row in table(*data) if row.lungs is not None]
    labels = sorted({label for row in rows for label in row.labels})
    films, val = (
        load_films(rows, split, labels, Input(size=STORED_SIDE), lungs=True, multi_label=True)
        for split in ("train", "val")
    )

    def batch(places: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return films.images[places], _lungs(films)[places]

    network = fit(recipe, UNet(WIDTHS[NAME]), len(films), batch, lambda network: _dice(network, val), runs / NAME)
    counts = {split: sum(row.split == split for row in rows) for split in ("train", "val", "test")}
    store(network, NAME, recipe, counts, runs / NAME, out, task="lungs", input=INPUT, notes=notes or {})
    return checkpoints.amend(NAME, {"metrics": {"test": dice_figures(network, rows, "test")}}, out)


def dice_figures(network: UNet, rows: Sequence[Row], split: str) -> dict[str, Any]:
    """Dice against the outlines at the stored films' own size, prepared as in `core.lung_network.segment`.

    Returns: n, dice (mean, 95 % interval over patients), worst (5th percentile), refused (films where the rule says "no
             lungs found"; they count as well).
    """
    chosen = [row for row in rows if row.split == split and row.lungs is not None]
    if not chosen:
        raise BadData(f"No film of split {split!r} has an outline of the lungs.")
    values, refused = [], 0
    for (each,) in film_batches(chosen, row_radiograph, batch=1, progress=f"lungs of {split}"):
        film = each.read
        prepared = prepare(film, INPUT)
        lungs, reason = look(network, prepared.image[None])[0]
        refused += bool(reason)
        mask = enlarge(lungs, prepared.placement, film.pixels.shape) > 0.5
        values.append(dice(mask, _outline(each.item)))
    scores = np.array(values)
    patients = np.array([row.patient for row in chosen])
    return {
        "n": len(chosen),
        "dice": {**bootstrap(lambda films: float(scores[films].mean()), patients).card(), "n": len(chosen)},
        "worst": round(float(np.percentile(scores, 5)), 4),
        "refused": refused,
    }


def _outline(row: Row) -> NDArray[np.bool_]:
    lungs = manifest.mask(row, "lungs")
    if lungs is None:
        raise ValueError(f"film {row.id} has no outline")
    return lungs


def _lungs(films: Films) -> Tensor:
    if films.lungs is None:
        raise ValueError("the films were loaded without their lungs")
    return films.lungs


def _dice(network: UNet, films: Films) -> float:
    """Mean Dice at the network's own size, for monitoring a training."""
    network.eval()
    values = []
    device = next(network.parameters()).device
    with torch.inference_mode():
        for images, lungs in zip(torch.split(films.images, 32), torch.split(_lungs(films), 32), strict=True):
            squares = standardised(resized(images.to(device), INPUT.size)).contiguous(memory_format=torch.channels_last)
            with fast(device):
                masks = network(squares).float().cpu() > 0
            outlines = resized(lungs, INPUT.size) > 0.5
            shared = (masks & outlines).sum(dim=(1, 2, 3))
            values.append(2 * shared / (masks.sum(dim=(1, 2, 3)) + outlines.sum(dim=(1, 2, 3))).clamp(min=1))
    return float(torch.cat(values).mean())
