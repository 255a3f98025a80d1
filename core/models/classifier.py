"""A checkpoint ready to answer: the network behind one door."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.image.prepare import prepare
from core.models import checkpoint as checkpoints
from core.models.architecture import Network
from core.types import Checkpoint, Cleaning, Prediction, Radiograph


class Classifier:
    """One network and its lock. Not a value: it lives as long as the process keeps it."""

    def __init__(self, checkpoint: Checkpoint, network: Network) -> None:
        self.checkpoint = checkpoint
        self._network = network
        self._door = threading.Lock()

    @contextmanager
    def alone(self) -> Iterator[Network]:
        """The network, for one thread at a time: hooks and gradients of two people never meet."""
        with self._door:
            yield self._network

    def predict(self, radiograph: Radiograph, *, cleaning: Cleaning | None = None) -> Prediction:
        """Logits and calibrated probabilities of all findings for one radiograph."""
        start = time.perf_counter()
        image = prepare(radiograph, self.checkpoint.input, cleaning).image
        with self.alone() as network, torch.inference_mode():
            logits: NDArray[np.float32] = network(image[None])[0].numpy()
        return prediction(self.checkpoint, radiograph, logits, time.perf_counter() - start)


def load(name: str, folder: Path = checkpoints.SHIPPED) -> Classifier:
    """The named checkpoint with its weights.

    Raises: UnknownName where there is none; BadCheckpoint where file, card and architecture do not fit.
    """
    card = checkpoints.read_card(name, folder)
    return Classifier(card, checkpoints.read_network(card, folder))


def prediction(
    checkpoint: Checkpoint, radiograph: Radiograph, logits: NDArray[np.float32], seconds: float
) -> Prediction:
    """The logits (F,) of one radiograph as a Prediction."""
    return Prediction(
        radiograph=radiograph.key,
        checkpoint=checkpoint.key,
        findings=checkpoint.findings,
        logits=logits.astype(np.float32),
        probabilities=probabilities(logits, checkpoint.temperature, multi_label=checkpoint.multi_label),
        temperature=checkpoint.temperature,
        seconds=seconds,
    )


def probabilities(
    logits: NDArray[np.float32] | Sequence[float], temperature: float, *, multi_label: bool
) -> NDArray[np.float32]:
    """(..., F) logits to (..., F) float32 probabilities after temperature.

    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    scaled = torch.as_tensor(np.asarray(logits), dtype=torch.float32) / temperature
    calibrated: NDArray[np.float32] = (scaled.sigmoid() if multi_label else scaled.softmax(dim=-1)).numpy()
    return calibrated


def log_odds(logits: NDArray[np.float32], temperature: float, *, multi_label: bool) -> NDArray[np.float32]:
    """(N, F) logits to (N, F) log odds of the calibrated probabilities; finite where a probability rounds to 1."""
    scaled = torch.from_numpy(logits) / temperature
    if not multi_label:
        without = scaled[:, None].repeat(1, scaled.shape[1], 1)
        without.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
        scaled = scaled - without.logsumexp(dim=2)
    found: NDArray[np.float32] = scaled.numpy()
    return found
