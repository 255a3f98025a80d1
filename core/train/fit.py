"""Training: stages of growing resolution, resumable after each epoch, on CPU, one GPU, or several under torchrun."""

import copy
import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn
from tqdm import tqdm

from core.errors import BadData, BadSetting
from core.evaluate.roc import auc
from core.lung_network import MARGIN
from core.models.architecture import Network, architectures
from core.models.device import fast
from core.train import log
from core.train.augment import augment, emptied, grown, standardised
from core.train.data import UNLABELLED, Films, resized
from core.train.ranks import Ranks
from core.train.recipe import Recipe, same
from core.train.teacher import Teacher, feature_loss, soft_label_loss, taught

_RECALIBRATION_FILMS = 2048  # enough for the statistics, a quarter of a minute on two cores


def fit(
    recipe: Recipe,
    train: Films,
    val: Films,
    folder: Path,
    *,
    start: Network | None = None,
    teachers: Sequence[Teacher] = (),
) -> Network:
    """The trained network: the moving average of its weights after the last epoch, or the best one with patience.

    After every epoch `folder` holds state.pt, from which an interrupted run continues, and a line in log.jsonl.
    Under torchrun each process trains on its part of every batch, the first one writes, and all return the same
    network.

    start:    the initial network; its weights are copied.
    teachers: those of the recipe.
    Raises:   BadData or BadSetting if a step cannot have two films, which a batch norm needs.
    """
    ranks = Ranks()
    _refuse_few(recipe, len(train), ranks.count)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = architectures[recipe.architecture].build(len(recipe.findings), 1)
    if start is not None:
        take(network, start)
    network.to(ranks.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser, average = adamw(recipe, network), averaged(network, recipe.average)
    best = _Best(average.module)
    parts = {"network": network, "optimiser": optimiser, "average": average, "best": best}
    done = log.resume(folder / "state.pt", asdict(recipe), parts)

    teachers = [replace(teacher, network=teacher.network.to(ranks.device)) for teacher in teachers]
    learner = Learner(network, ranks.shared(FeaturesAndLogits(network)), optimiser, average, teachers)
    schedule = recipe.schedule
    for epoch in range(done, len(schedule)):
        if ranks.agreed(best.is_stale(recipe)):
            break
        begun = time.perf_counter()
        loss = one_epoch(recipe, learner, train, epoch, ranks)
        if ranks.first:
            if recipe.recalibrated and epoch + 1 == len(schedule):
                recalibrate(average.module, train.images, schedule[epoch])
            logits = predict(average.module, val.images, schedule[epoch])
            record = {
                "epoch": epoch + 1,
                "of": len(schedule),
                "size": schedule[epoch],
                "loss": loss,
                **validation(recipe, logits, val.labels),
                "seconds": time.perf_counter() - begun,
            }
            log.append(folder / "log.jsonl", record)
            tqdm.write(str(record), file=sys.stderr)
            best.see(average.module, record["val_loss"], schedule[epoch])
            log.store(folder / "state.pt", asdict(recipe), parts, epoch + 1)
    trained = cast(Network, average.module)
    if recipe.patience and ranks.first:
        trained.load_state_dict(best.weights)
    ranks.level(trained)
    return trained.eval().to("cpu")


def recalibrate(network: nn.Module, images: Tensor, size: int) -> None:
    """Gives batch norms the statistics of films as a prediction sees them, in place of those of augmented films.

    Blur, noise and zoom of `core.train.augment` change the statistics. EfficientNet-Lite0, fine-tuned from ImageNet
    weights for 5 epochs at 192 px, had a macro AUC of 0.976 on augmented validation films, 0.903 on plain ones, and
    0.977 on plain ones after this.

    images: (N, S, S) uint8; at most _RECALIBRATION_FILMS of them are used, evenly spread.
    Source: Touvron et al. 2019, arXiv:1906.06423, who adapt them to another resolution.
    """
    device = next(network.parameters()).device
    chosen = images[torch.linspace(0, len(images) - 1, min(len(images), _RECALIBRATION_FILMS)).long()]
    films = (
        standardised(resized(batch.to(device), size)).contiguous(memory_format=torch.channels_last)
        for batch in torch.tensor_split(chosen, max(1, len(chosen) // 64))
    )
    with fast(device):
        update_bn(films, network)


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """A moving average of weights and batch norm statistics with `decay` per step."""
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]


def finished(recipe: Recipe, folder: Path) -> Network | None:
    """The network of a finished run, without loading films; None for an unfinished one."""
    state = log.opened(folder / "state.pt")
    if state is None or not same(state["recipe"], asdict(recipe)):
        return None
    network = architectures[recipe.architecture].build(len(recipe.findings), 1)
    best = _Best(network)
    best.load_state_dict(state["best"])
    if state["epochs"] < len(recipe.schedule) and not best.is_stale(recipe):
        return None
    average = {name.removeprefix("module."): tensor for name, tensor in state["average"].items() if "." in name}
    network.load_state_dict(best.weights if recipe.patience else average)
    return network.eval()


def predict(network: nn.Module, images: Tensor, size: int) -> Tensor:
    """(N, F) float32 logits of (N, S, S) uint8 films at `size` px; the network is left in evaluation mode."""
    device = next(network.parameters()).device
    network.eval()
    logits = []
    with torch.inference_mode():
        for batch in torch.split(images, 64):
            films = standardised(resized(batch.to(device), size)).contiguous(memory_format=torch.channels_last)
            with fast(device):
                logits.append(network(films).float().cpu())
    return torch.cat(logits)


class FeaturesAndLogits(nn.Module):
    """Features and logits of one forward pass for the loss, in the one call that DDP sees."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.features(images)
        return features, self.network.head(features)


@dataclass(frozen=True, eq=False)
class Learner:
    """The state that a step changes. answer: the network as `FeaturesAndLogits`, with shared gradients."""

    network: Network
    answer: nn.Module
    optimiser: torch.optim.Optimizer
    average: AveragedModel
    teachers: Sequence[Teacher] = ()


class _Best:
    """The weights with the lowest validation loss among the epochs at the latest size."""

    def __init__(self, network: nn.Module) -> None:
        self.weights = copy.deepcopy(network.state_dict())
        self.loss, self.size, self.waited = math.inf, 0, 0

    def see(self, network: nn.Module, loss: float, size: int) -> None:
        """Adds an epoch: its weights are kept if it is better, or the first at its size."""
        if size != self.size or loss < self.loss:
            self.weights, self.loss, self.size, self.waited = copy.deepcopy(network.state_dict()), loss, size, 0
        else:
            self.waited += 1

    def is_stale(self, recipe: Recipe) -> bool:
        """Whether the recipe's patience is over; never before the last size."""
        return 0 < recipe.patience <= self.waited and self.size == recipe.sizes[-1]

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights, "loss": self.loss, "size": self.size, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.weights, self.loss = state_dict["weights"], state_dict["loss"]
        self.size, self.waited = state_dict["size"], state_dict["waited"]


def _refuse_few(recipe: Recipe, films: int, processes: int) -> None:
    if films < 2 * processes:
        raise BadData(f"There are {films} films to train on; {processes} processes need two each at least.")
    if recipe.batch < 2 * processes:
        raise BadSetting(f"batch is {recipe.batch}; {processes} processes need two films each in it at least.")


def one_epoch(recipe: Recipe, learner: Learner, train: Films, epoch: int, ranks: Ranks) -> float:
    """One pass over the films, in steps; returns the mean loss of this process's part."""
    size = recipe.schedule[epoch]
    generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
    batches = torch.split(sampling_order(train, recipe, generator), recipe.batch)  # the same in all processes
    if not ranks.first:  # otherwise all processes would draw the same augmentation
        generator.manual_seed((recipe.seed * 1000 + epoch) * 1000 + ranks.rank)
    torch.manual_seed(recipe.seed * 1000 + epoch + ranks.rank)  # for dropout, which a resumed run has to repeat
    losses = []
    name = f"epoch {epoch + 1}/{len(recipe.schedule)} at {size} px"
    bar = tqdm(batches, desc=name, disable=not ranks.first)
    learner.network.train()
    for step, batch in enumerate(bar):
        if len(batch) < 2 * ranks.count:  # the last; a batch norm needs two films, and all processes equal steps
            continue
        for group in learner.optimiser.param_groups:
            group["lr"] = rate_at(recipe, epoch + step / len(batches))
        loss = _loss(learner, recipe, train, batch[ranks.rank :: ranks.count], size, generator)
        learner.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learner.network.parameters(), 1.0)
        learner.optimiser.step()
        learner.average.update_parameters(learner.network)
        losses.append(float(loss.detach()))
        bar.set_postfix(loss=f"{sum(losses) / len(losses):.3f}", refresh=False)
    return sum(losses) / len(losses)


def _loss(
    learner: Learner,
    recipe: Recipe,
    films: Films,
    batch: Tensor,
    size: int,
    generator: torch.Generator,
) -> Tensor:
    device = next(learner.network.parameters()).device
    lungs = films.lungs[batch].to(device) if films.lungs is not None and recipe.needs_lungs else None
    images, inside = augment(films.images[batch].to(device), size, generator, lungs=lungs, replaced=recipe.replaced)
    labels = films.labels[batch].to(device)
    empty = torch.zeros(len(batch), dtype=torch.bool, device=device)
    if recipe.emptied and inside is not None:
        images, empty = emptied(images, inside, recipe.emptied, generator)
    lesson = taught(learner.teachers, images) if learner.teachers else None
    with fast(device):
        features, logits = learner.answer(images.contiguous(memory_format=torch.channels_last))
    features, logits = features.float(), logits.float()
    loss = finding_loss(recipe, logits, labels, empty)
    if lesson is not None:
        loss = (1 - recipe.soft_labels) * loss + recipe.soft_labels * soft_label_loss(logits, lesson)
        loss = loss + recipe.matched_features * feature_loss(features, lesson)
    penalised = ~empty if recipe.multi_label else ~empty & (labels != UNLABELLED)
    if recipe.penalty and inside is not None and penalised.any():
        loss = loss + recipe.penalty * heat_outside(
            learner.network, features[penalised], labels[penalised], inside[penalised]
        )
    return loss


def finding_loss(recipe: Recipe, logits: Tensor, labels: Tensor, empty: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over the labelled films; for `empty` films, (N,) bool, the target is uniform."""
    if recipe.multi_label:
        return functional.binary_cross_entropy_with_logits(logits, labels.float())
    labelled = labels != UNLABELLED
    if empty is not None:
        labelled = labelled | empty
    if not labelled.any():
        return logits.sum() * 0.0  # a batch that only the teachers label
    target = functional.one_hot(labels.clamp(min=0), logits.shape[1]).float()
    smoothing = torch.full_like(logits[:, :1], recipe.label_smoothing)
    if empty is not None:
        smoothing = torch.where(empty[:, None], 1.0, smoothing)
    target = target * (1 - smoothing) + smoothing / logits.shape[1]
    return functional.cross_entropy(logits[labelled], target[labelled])


def heat_outside(network: Network, features: Tensor, labels: Tensor, lungs: Tensor) -> Tensor:
    """Share of the class activation map of each film's label that lies outside its dilated lungs, 0 to 1, mean.

    features: (N, K, h, w) of the last stage; labels: (N,) index; lungs: (N, 1, S, S) from 0 to 1.
    Raises:   BadSetting for a network whose head is not global average pooling and one linear layer.
    Source:   Ross et al. 2017, arXiv:1703.03717 (right for the right reasons), with the map of Zhou et al. 2016,
              arXiv:1512.04150, which needs no second backward pass.
    """
    linear = getattr(network.head, "linear", None)
    if not isinstance(linear, nn.Linear) or linear.in_features != features.shape[1]:
        raise BadSetting("The penalty needs a network that ends in average pooling and one linear layer.")
    if labels.ndim > 1:
        raise BadSetting("The penalty needs films with one finding each.")
    heat = torch.einsum("nkhw,nk->nhw", features, linear.weight.float()[labels]).clamp(min=0)
    outside = 1 - functional.adaptive_avg_pool2d(grown(lungs, MARGIN), (heat.shape[-2], heat.shape[-1]))[:, 0]
    return ((heat * outside).sum(dim=(1, 2)) / (heat.sum(dim=(1, 2)) + 1e-6)).mean()


def validation(recipe: Recipe, logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Loss, AUC of each finding and accuracy on the validation films."""
    if recipe.multi_label:
        likely, true = logits.sigmoid(), labels.bool()
        loss = functional.binary_cross_entropy_with_logits(logits, labels.float())
        right = ((likely > 0.5) == true).all(dim=1)
    else:
        likely, true = logits.softmax(1), functional.one_hot(labels, logits.shape[1]).bool()
        loss = functional.cross_entropy(logits, labels)
        right = logits.argmax(1) == labels
    areas = [auc(likely[:, i].numpy(), true[:, i].numpy()) for i in range(logits.shape[1])]
    return {
        "val_loss": float(loss),
        "val_auc": {
            name: None if math.isnan(area) else area for name, area in zip(recipe.findings, areas, strict=True)
        },
        "val_accuracy": float(right.float().mean()),
    }


def rate_at(recipe: Recipe, epoch: float) -> float:
    """The learning rate: in each cycle up over the first fifth, then down along a cosine to almost zero."""
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


def adamw(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """AdamW with weight decay for weights, but not for biases and batch norms."""
    matrices = [weights for weights in network.parameters() if weights.ndim > 1]
    others = [weights for weights in network.parameters() if weights.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.rate, fused=True)


def sampling_order(films: Films, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """(N,) films of an epoch: each once, or resampled by (films of its label and source) ** -balance."""
    if not recipe.balance:
        return torch.randperm(len(films), generator=generator)
    kinds = [(row.label, row.source) for row in films.rows]
    counts = Counter(kinds)
    weights = torch.tensor([counts[kind] ** -recipe.balance for kind in kinds])
    return torch.multinomial(weights, len(films), replacement=True, generator=generator)


def take(network: Network, start: Network) -> None:
    """Copies the weights; a last layer for other findings stays unchanged.

    Raises:   BadSetting if the layers of the features differ.
    """
    theirs, ours = start.state_dict(), network.state_dict()
    fits = {name: tensor for name, tensor in theirs.items() if name in ours and ours[name].shape == tensor.shape}
    lacking = [name for name in ours if name not in fits and not name.startswith("head.")]
    if lacking:
        raise BadSetting(
            f"The checkpoint to start from lacks {lacking[0]} and {len(lacking) - 1} other weights of the features. "
            "Start from one with the same layers, or from none."
        )
    network.load_state_dict(fits, strict=False)


def total_seconds(records: Sequence[dict[str, Any]]) -> float:
    """Wall-clock time of all epochs of a log."""
    return float(sum(record["seconds"] for record in records))
