"""Training: stages of growing resolution, resumable after each epoch."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from core.errors import BadData
from core.evaluate.roc import auc
from core.models.architecture import Network, architectures
from core.train import log
from core.train.augment import augment, standardised
from core.train.data import Films


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; stored in the card.

    sizes, epochs: px and epochs of each stage.
    cycles: epochs of each learning-rate cycle, up and down; the peak halves from one to the next (Loshchilov and
            Hutter 2017, arXiv:1608.03983). Together as many as `epochs`.
    balance: a film is drawn with weight (films of its label and source) ** -balance.
    """

    architecture: str = "densenet121"
    findings: tuple[str, ...] = ("covid", "pneumonia", "normal")
    sizes: tuple[int, ...] = (112, 160, 224, 160, 224)
    epochs: tuple[int, ...] = (12, 1, 2, 4, 2)
    cycles: tuple[int, ...] = (15, 6)
    batch: int = 32
    rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    balance: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.epochs) or not self.sizes:
            raise BadData(f"sizes {self.sizes} and epochs {self.epochs} must be equally many, one a stage.")
        if sum(self.cycles) != sum(self.epochs):
            raise BadData(
                f"cycles {self.cycles} hold {sum(self.cycles)} epochs, epochs {self.epochs} {sum(self.epochs)}."
            )


def fit(recipe: Recipe, train: Films, val: Films, folder: Path) -> Network:
    """The trained network after the last epoch.

    After every epoch `folder` holds state.pt, from which a killed run goes on, and a line in log.jsonl.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(recipe.seed)
    network = architectures[recipe.architecture].build(len(recipe.findings), 1)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(_groups(network, recipe.weight_decay), lr=recipe.rate)
    done = _resume(folder / "state.pt", recipe, network, optimiser)

    schedule = [size for size, epochs in zip(recipe.sizes, recipe.epochs, strict=True) for _ in range(epochs)]
    weights = _sampling_weights(train, recipe.balance)
    for epoch in range(done, len(schedule)):
        start = time.perf_counter()
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        order = torch.multinomial(weights, len(train), replacement=True, generator=generator)
        size = schedule[epoch]
        loss = _epoch(network, optimiser, recipe, train, order, size, epoch, len(schedule), generator, device)
        logits = predict(network, val.images, size, device)
        areas = [auc(logits.softmax(1)[:, i].numpy(), (val.labels == i).numpy()) for i in range(len(recipe.findings))]
        record = {
            "epoch": epoch + 1,
            "of": len(schedule),
            "size": size,
            "loss": loss,
            "val_loss": float(functional.cross_entropy(logits, val.labels)),
            "val_auc": dict(zip(recipe.findings, areas, strict=True)),
            "val_accuracy": float((logits.argmax(1) == val.labels).float().mean()),
            "seconds": time.perf_counter() - start,
        }
        log.append(folder / "log.jsonl", record)
        tqdm.write(str(record), file=sys.stderr)
        _store(folder / "state.pt", recipe, network, optimiser, epoch + 1)
    return network.eval().to("cpu")


def predict(network: nn.Module, images: Tensor, size: int, device: torch.device | None = None) -> Tensor:
    """(N, F) float32 logits of (N, S, S) uint8 films at `size` px; the network is left in evaluation mode."""
    device = device or next(network.parameters()).device
    network.eval()
    logits = []
    with torch.inference_mode():
        for batch in torch.split(images, 64):
            films = batch[:, None].to(device).float() / 255
            if films.shape[-1] != size:
                films = functional.interpolate(
                    films, size=(size, size), mode="bilinear", antialias=True, align_corners=False
                )
            with torch.autocast(device.type, dtype=torch.bfloat16):
                logits.append(network(standardised(films).contiguous(memory_format=torch.channels_last)).float().cpu())
    return torch.cat(logits)


def _epoch(
    network: Network,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    films: Films,
    order: Tensor,
    size: int,
    epoch: int,
    epochs: int,
    generator: torch.Generator,
    device: torch.device,
) -> float:
    """Mean loss of one pass over the films in `order`."""
    network.train()
    batches = torch.split(order, recipe.batch)
    total = 0.0
    bar = tqdm(batches, desc=f"epoch {epoch + 1}/{epochs} at {size} px")
    for step, batch in enumerate(bar):
        for group in optimiser.param_groups:
            group["lr"] = _rate(recipe, epoch + step / len(batches))
        images = augment(films.images[batch], size, generator)
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = network(images)
        loss = functional.cross_entropy(
            logits.float(), films.labels[batch].to(device), label_smoothing=recipe.label_smoothing
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        total += float(loss.detach()) * len(batch)
        bar.set_postfix(loss=f"{total / ((step + 1) * recipe.batch):.3f}", refresh=False)
    return total / len(order)


def _rate(recipe: Recipe, epoch: float) -> float:
    """Each cycle: up over its first fifth, then down along a cosine to almost nothing."""
    top = recipe.rate
    for cycle in recipe.cycles[:-1]:
        if epoch < cycle:
            break
        epoch, top = epoch - cycle, top / 2
    else:
        cycle = recipe.cycles[-1]
    progress = epoch / cycle
    if progress < 0.2:
        return top * (0.04 + 0.96 * progress / 0.2)
    return top * (0.5 + 0.5 * math.cos(math.pi * (progress - 0.2) / 0.8)) + 1e-6


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and batch norms do not."""
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    others = [weights for weights in network.parameters() if weights.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _sampling_weights(films: Films, balance: float) -> Tensor:
    kinds = [(row.label, row.source) for row in films.rows]
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    return torch.tensor([counts[kind] ** -balance for kind in kinds])


def _store(path: Path, recipe: Recipe, network: nn.Module, optimiser: torch.optim.Optimizer, epochs: int) -> None:
    state = {
        "recipe": asdict(recipe),
        "epochs": epochs,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)  # a kill leaves the old state or the new one, never half of one


def _resume(path: Path, recipe: Recipe, network: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Epochs already done; 0 where there is no state."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise BadData(f"{path} was made by another recipe. Choose another --runs folder, or delete it to start anew.")
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epochs"])


def total_seconds(records: Sequence[dict[str, Any]]) -> float:
    """Wall clock of all epochs of a log."""
    return float(sum(record["seconds"] for record in records))
