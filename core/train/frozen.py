"""Transfer learning on precomputed features: only the last layers are trained."""

import copy
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from core.errors import BadSetting
from core.models.architecture import Network, architectures
from core.models.device import fast
from core.train import log
from core.train.augment import standardised
from core.train.data import Films, resized
from core.train.fit import finding_loss, rate_at, sampling_order, take, validation
from core.train.recipe import Recipe
from core.types import digest


def fit_head(recipe: Recipe, train: Films, val: Films, folder: Path, start: Network) -> Network:
    """The network of `start` with a new head, trained on its pooled features; a thousand times cheaper than `fit`.

    The features of each film and of its mirror image are computed once and stored in `folder`/features.pt for further
    runs. There is no other augmentation, no moving average and no early stop, and a single process.

    Raises: BadSetting for a network whose head does not begin with global pooling.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = architectures[recipe.architecture].build(len(recipe.findings), 1)
    take(network, start)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    head = _after_pooling(network)
    features, mirrored, held = _features(network, recipe, (train.images, train.images.flip(-1), val.images), folder)

    optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    parts = {"head": head, "optimiser": optimiser}
    done = log.resume(folder / "state.pt", asdict(recipe), parts)
    epochs = len(recipe.schedule)
    for epoch in range(done, epochs):
        begun = time.perf_counter()
        loss = _head_epoch(recipe, head, optimiser, train, (features, mirrored), epoch)
        with torch.inference_mode():
            logits = head(held.to(device)).cpu()
        record = {
            "epoch": epoch + 1,
            "of": epochs,
            "size": recipe.sizes[-1],
            "loss": loss,
            **validation(recipe, logits, val.labels),
            "seconds": time.perf_counter() - begun,
        }
        log.append(folder / "log.jsonl", record)
        log.store(folder / "state.pt", asdict(recipe), parts, epoch + 1)
    return network.eval().cpu()


def _head_epoch(
    recipe: Recipe,
    head: nn.Sequential,
    optimiser: torch.optim.Optimizer,
    train: Films,
    features: tuple[Tensor, Tensor],
    epoch: int,
) -> float:
    """Trains the head for one epoch and leaves it in eval mode. Returns: the mean loss.

    features: (N, K) of the films, and of their mirror images; a film is mirrored at random.
    """
    device = next(head.parameters()).device
    plain, mirrored = features
    generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
    batches = torch.split(sampling_order(train, recipe, generator), recipe.batch)
    head.train()
    total = 0.0
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(recipe, epoch + step / len(batches))
        turned = torch.rand(len(batch), 1, generator=generator) < 0.5
        logits = head(torch.where(turned, mirrored[batch], plain[batch]).to(device))
        loss = finding_loss(recipe, logits, train.labels[batch].to(device))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += float(loss.detach())
    head.eval()
    return total / len(batches)


def _after_pooling(network: Network) -> nn.Sequential:
    """The part of the head behind its pooling and flattening; it shares its layers with the network."""
    layers = list(network.head.children())
    if len(layers) < 3 or not isinstance(layers[0], nn.AdaptiveAvgPool2d) or not isinstance(layers[1], nn.Flatten):
        raise BadSetting("Frozen features need a network whose head begins with average pooling. Train it whole.")
    return nn.Sequential(*layers[2:])


def _features(network: Network, recipe: Recipe, sets: tuple[Tensor, ...], folder: Path) -> tuple[Tensor, ...]:
    """(N, K) float32 pooled features of each set of (N, S, S) uint8 films; from `folder` if they match."""
    state = network.features.state_dict()
    key = digest(recipe.sizes[-1], *(t.cpu().numpy() for t in (*state.values(), *sets)))
    path = folder / "features.pt"
    if path.exists():
        stored = torch.load(path, weights_only=True)
        if stored["key"] == key:
            return tuple(stored["features"])
    pooled = nn.Sequential(copy.deepcopy(network.features), *list(network.head.children())[:2])
    device = next(network.parameters()).device
    features_of_sets = []
    with torch.inference_mode():
        for films in sets:
            batches = []
            for batch in tqdm(torch.split(films, 64), desc="computing features"):
                squares = standardised(resized(batch.to(device), recipe.sizes[-1]))
                with fast(device):
                    batches.append(pooled(squares.contiguous(memory_format=torch.channels_last)).float().cpu())
            features_of_sets.append(torch.cat(batches))
    torch.save({"key": key, "features": features_of_sets}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    return tuple(features_of_sets)
