"""Training the device network: films with devices drawn onto them, since no public set outlines real ones."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core.device_network import INPUT, LIKELY, NAME
from core.evaluate.intervals import bootstrap
from core.image.drawn_devices import with_devices
from core.models import checkpoints
from core.models.unet import WIDTHS, UNet
from core.train.augment import standardised
from core.train.data import STORED_SIDE, Films, load_films, table
from core.train.recipe import SegmentationRecipe, refuse_other
from core.train.segmentation import fit, store
from core.types import Input

_LABELS = ("normal", "pneumonia")  # covid films come from wards, and most of them hold devices that nobody outlined
_BARE = 0.3  # share of the films that get no device
_SEED = 1_000_000  # of validation and test drawings, apart from those of training


def train(
    data: Sequence[Path], *, recipe: SegmentationRecipe, runs: Path, out: Path, notes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Trains, or resumes an interrupted run, and writes devices-unet.safetensors with its card into `out`.

    notes:  the card's texts (core.train.recipe.notes).
    Raises: BadSetting if `out` holds a device network of another recipe.
    """
    refuse_other(NAME, recipe, out)
    rows = [row for row in table(*data) if set(row.labels) <= set(_LABELS) and row.labels]
    films, val, test = (
        load_films(rows, split, _LABELS, Input(size=STORED_SIDE), multi_label=True)
        for split in ("train", "val", "test")
    )

    def batch(places: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return _drawn(films.images[places], int(torch.randint(2**31, (), generator=generator)))

    network = fit(recipe, UNet(WIDTHS[NAME]), len(films), batch, lambda each: _dice(each, val), runs / NAME)
    counts = {"train": len(films), "val": len(val), "test": len(test)}
    store(network, NAME, recipe, counts, runs / NAME, out, task="devices", input=INPUT, notes=notes or {})
    return checkpoints.amend(NAME, {"metrics": {"test": device_figures(network, test)}}, out)


def _drawn(images: Tensor, seed: int, *, bare: float = _BARE) -> tuple[Tensor, Tensor]:
    """The films (N, S, S) uint8 with devices, and their masks; a share of them stays as it is."""
    chance, films, masks = np.random.default_rng(seed), [], []
    for film in images.numpy():
        drawn, mask = (film, np.zeros_like(film)) if chance.random() < bare else with_devices(film, chance)
        films.append(drawn)
        masks.append(mask)
    return torch.from_numpy(np.stack(films)), torch.from_numpy(np.stack(masks))


def device_figures(network: UNet, films: Films) -> dict[str, Any]:
    """How well drawn devices are marked, and how much is marked without them.

    Returns: n; dice, sensitivity and ppv (positive predictive value) of the pixels of all films joined; and
             marked_without, the share of the same films' area that is marked where nothing was drawn, on real devices,
             too. Each with its 95 % interval over patients.
    """
    drawn, masks = _drawn(films.images, _SEED, bare=0.0)
    truth = masks.numpy() > 0
    marked = _marked(network, drawn)
    shared, found, drawn_area = (each.sum(axis=(1, 2), dtype=float) for each in (marked & truth, marked, truth))
    bare = _marked(network, films.images).mean(axis=(1, 2))
    patients = films.column("patient")
    figures: dict[str, Callable[[NDArray[np.intp]], float]] = {
        "dice": lambda chosen: 2 * shared[chosen].sum() / (found[chosen].sum() + drawn_area[chosen].sum()),
        "sensitivity": lambda chosen: shared[chosen].sum() / drawn_area[chosen].sum(),
        "ppv": lambda chosen: shared[chosen].sum() / max(1.0, found[chosen].sum()),
        "marked_without": lambda chosen: bare[chosen].mean(),
    }
    cards = {name: {**bootstrap(rule, patients).card(), "n": len(films)} for name, rule in figures.items()}
    return {"n": len(films), **cards}


def _dice(network: UNet, films: Films) -> float:
    """Dice on drawn devices, for monitoring a training."""
    drawn, masks = _drawn(films.images, _SEED, bare=0.0)
    truth, marked = masks.numpy() > 0, _marked(network, drawn)
    return float(2 * (marked & truth).sum() / max(1, marked.sum() + truth.sum()))


def _marked(network: UNet, images: Tensor) -> NDArray[np.bool_]:
    network.eval()
    device, masks = next(network.parameters()).device, []
    with torch.inference_mode():
        for part in tqdm(torch.split(images, 32), desc="marking devices", leave=False):
            squares = standardised(part[:, None].to(device).float() / 255).contiguous(memory_format=torch.channels_last)
            masks.append(network(squares).sigmoid()[:, 0].cpu().numpy() > LIKELY)
    return np.concatenate(masks)
