"""A checkpoint ready to run: the network behind one lock."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.image.prepare import prepare
from core.models import checkpoints, library
from core.models.architecture import Network
from core.models.device import best, settled
from core.types import Checkpoint, Cleaning, Prediction, Radiograph
from core.work import Work

_LOOK = 0.05  # s between two checks for the cancellation of a waiting request


class Door:
    """Lets one thread at a time through, in order of arrival.

    A long request goes to the end of the queue after each batch (Work.step): a short one waits for a batch, not for a
    thousand masks. Not reentrant: a holder that enters again would wait for itself until the limit.
    """

    def __init__(self) -> None:
        self._changing = threading.Lock()  # guards the queue
        self._queue: deque[threading.Event] = deque()  # one per request; the first one holds the door

    @contextmanager
    def through(self, work: Work) -> Iterator[None]:
        """Waits for its turn and holds the door until the block ends. Raises: Stopped by `work`, while waiting."""
        turn = threading.Event()
        self._join(turn)
        try:
            self._wait(turn, work)
            work.step(0)  # its turn may have come too late
            work.outside = lambda: self._outside(turn, work)
            yield
        finally:
            work.outside = None
            # The queue must go on, however the block or the wait ended.
            self._leave(turn)

    @contextmanager
    def _outside(self, turn: threading.Event, work: Work) -> Iterator[None]:
        """Lets waiting requests in, and queues again behind them."""
        self._leave(turn)
        outside, work.outside = work.outside, None
        try:
            yield
        finally:
            work.outside = outside
            turn.clear()
            self._join(turn)
        self._wait(turn, work)

    def _join(self, turn: threading.Event) -> None:
        with self._changing:
            self._queue.append(turn)
            self._call_the_first()

    def _leave(self, turn: threading.Event) -> None:
        with self._changing:
            self._queue.remove(turn)
            self._call_the_first()

    def _wait(self, turn: threading.Event, work: Work) -> None:
        while not turn.wait(timeout=min(_LOOK, max(work.left, 0.0))):
            if ahead := self._ahead(turn):
                work.wait(ahead)

    def _ahead(self, turn: threading.Event) -> int:
        with self._changing:
            return self._queue.index(turn)

    def _call_the_first(self) -> None:
        if self._queue:
            self._queue[0].set()


class Classifier:
    """One network and its door. Not a value: it lives as long as the process.

    Why not several copies: each would get a share of torch's threads, so a single request would have one core of two;
    maps would differ in the last bits (one thread adds in another order than two); and memory would double. Two copies
    behind two doors gave 1.1 to 2.6 predictions per second, one network with both cores 1.1 to 2.8, on two cores under
    other load. `core bench` repeats it ("two replicas").
    """

    def __init__(self, checkpoint: Checkpoint, network: Network, *, door: Door | None = None) -> None:
        """door: that of another classifier whose layers the network shares; None for a new one."""
        self.checkpoint = checkpoint
        self.door = door or Door()
        self._network = network

    @property
    def device(self) -> torch.device:
        """The device of the network, on which its images must be."""
        return next(self._network.parameters()).device

    @contextmanager
    def alone(self, work: Work | None = None) -> Iterator[Network]:
        """The network, for one thread at a time: hooks and gradients of two requests never mix.

        First come, first served; the block must leave no hook on the network when it calls `work.step`, since other
        requests may run in between.

        Raises: Stopped by `work`, while it waits.
        """
        with self.door.through(work or Work()):
            yield self._network

    def logits(self, images: Tensor) -> NDArray[np.float32]:
        """(N, F) logits of prepared images (N, C, S, S) on any device; through the door."""
        with self.alone() as network, torch.inference_mode():
            logits: NDArray[np.float32] = network(images.to(self.device)).cpu().numpy()
        return logits

    def predict(self, radiograph: Radiograph, *, cleaning: Cleaning | None = None) -> Prediction:
        """Logits and calibrated probabilities of all findings for one radiograph."""
        start = time.perf_counter()
        logits = self.logits(prepare(radiograph, self.checkpoint.input, cleaning).image[None])[0]
        return prediction(self.checkpoint, radiograph, logits, time.perf_counter() - start)


def load(name: str, folder: Path | None = None, *, device: torch.device | None = None) -> Classifier:
    """The named checkpoint with its weights, on a GPU if there is one, unless `device` is given.

    folder: where the checkpoint is; None to search the shipped ones and the user's own.
    Raises: UnknownName for an unknown name; BadCheckpoint if file, card and architecture do not fit.
    """
    folder = folder or library.place(name)
    card = checkpoints.read_card(name, folder)
    return Classifier(card, settled(checkpoints.read_network(card, folder), device or best()))


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
    """(N, F) logits to (N, F) log odds of the calibrated probabilities; finite even if a probability rounds to 1."""
    scaled = torch.from_numpy(logits) / temperature
    if not multi_label:
        without = scaled[:, None].repeat(1, scaled.shape[1], 1)
        without.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
        scaled = scaled - without.logsumexp(dim=2)
    odds: NDArray[np.float32] = scaled.numpy()
    return odds
