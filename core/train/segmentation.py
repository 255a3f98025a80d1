"""Training a small U-Net that marks something on films: the lungs, or devices."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from core.models import checkpoints
from core.models.device import fast
from core.models.unet import UNet
from core.train import log
from core.train.augment import augment
from core.train.fit import averaged, total_seconds
from core.train.recipe import SegmentationRecipe
from core.types import Input

Batches = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]
Score = Callable[[UNet], float]


def fit(recipe: SegmentationRecipe, network: UNet, films: int, batches: Batches, score: Score, folder: Path) -> UNet:
    """The network with averaged weights after the last epoch.

    films:   how many there are to train on.
    batches: gives the images (N, S, S) and masks (N, s, s), both uint8, of the films at these places.
    score:   Dice on the validation films, for monitoring.
    After every epoch `folder` holds state.pt, from which an interrupted run continues, and a line in log.jsonl.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    average = averaged(network, recipe.average)
    schedule = [size for size, epochs in zip(recipe.sizes, recipe.epochs, strict=True) for _ in range(epochs)]
    steps = -(-films // recipe.batch)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.rate, epochs=len(schedule), steps_per_epoch=steps, pct_start=0.2
    )
    parts = {"network": network, "optimiser": optimiser, "average": average, "rate": rate}
    done = log.resume(folder / "state.pt", asdict(recipe), parts)
    for epoch in range(done, len(schedule)):
        start = time.perf_counter()
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        network.train()
        total = 0.0
        places = torch.split(torch.randperm(films, generator=generator), recipe.batch)
        for batch in tqdm(places, desc=f"epoch {epoch + 1}/{len(schedule)} at {schedule[epoch]} px"):
            stored, drawn = (each.to(device) for each in batches(batch, generator))
            images, masks = augment(stored, schedule[epoch], generator, lungs=drawn)
            if masks is None:
                raise ValueError("augmented films lost their masks")
            with fast(device):
                logits = network(images.contiguous(memory_format=torch.channels_last))
            loss = overlap_loss(logits.float(), masks)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rate.step()
            average.update_parameters(network)
            total += float(loss.detach()) * len(batch)
        record = {
            "epoch": epoch + 1,
            "of": len(schedule),
            "size": schedule[epoch],
            "loss": total / films,
            "val_dice": score(cast(UNet, average.module)),
            "seconds": time.perf_counter() - start,
        }
        log.append(folder / "log.jsonl", record)
        tqdm.write(str(record))
        log.store(folder / "state.pt", asdict(recipe), parts, epoch + 1)
    trained = cast(UNet, average.module)
    return trained.eval().cpu()


def store(
    network: UNet,
    name: str,
    recipe: SegmentationRecipe,
    films: Mapping[str, int],
    folder: Path,
    out: Path,
    *,
    task: str,
    input: Input,
    notes: Mapping[str, Any],
) -> None:
    """Writes the weights and a card without figures into `out`.

    films:  split -> number of films.
    folder: of `fit`, with its log.
    notes:  the card's texts (core.train.recipe.notes).
    """
    out.mkdir(parents=True, exist_ok=True)
    epochs = log.read(folder / "log.jsonl")
    card = {
        **notes,
        "task": task,
        "architecture": name,
        "input": checkpoints.input_card(input),
        "trained_on": {
            **films,
            "recipe": asdict(recipe),
            "epochs": epochs,
            "seconds": round(total_seconds(epochs)),
            **notes.get("trained_on", {}),
        },
    }
    checkpoints.store(network, card, name, out)


def overlap_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy plus one minus the soft Dice, both means over the batch.

    logits, masks: (N, 1, S, S); masks from 0 to 1.
    Source:        Milletari et al. 2016, arXiv:1606.04797.
    """
    likely = logits.sigmoid()
    shared = (likely * masks).sum(dim=(1, 2, 3))
    dice = (2 * shared + 1) / (likely.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3)) + 1)
    return functional.binary_cross_entropy_with_logits(logits, masks) + (1 - dice).mean()
