"""Many films, one after the other: read in worker processes while the network works in this one, in their order.

Everything that runs over many films reads them here; a film that cannot be read comes with its reason.
"""

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait
from typing import Generic, TypeVar

from tqdm import tqdm

from core.errors import BadData, UserError

_FEWEST = 100  # films from which a worker process is worth its start-up of some seconds
_BATCHES_AHEAD = 4
_ENDED = "Reading this file crashed the reading process. Export the film again."

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class StreamedFilm(Generic[Item, Value]):
    """One film of a stream: the item as given, and the result of reading it, or why it could not be read."""

    item: Item
    value: Value | None = None
    error: str = ""

    @property
    def read(self) -> Value:
        """What was read. Raises: BadData with the reason if it could not be."""
        if self.value is None:
            raise BadData(self.error)
        return self.value


def film_batches(
    films: Iterable[Item],
    read: Callable[[Item], Value],
    *,
    batch: int,
    workers: int | None = None,
    progress: str = "",
    total: int | None = None,
    done: int = 0,
    pause: Callable[[], object] = lambda: None,
) -> Generator[list[StreamedFilm[Item, Value]], None, None]:
    """The films in batches, in their order, each as `read` gives it.

    read:     raises UserError or OSError for a film that cannot be read; it and the films are pickled for a worker.
    batch:    films per batch; a few batches ahead of the current one are in memory.
    workers:  processes that read; None for one less than there are cores, or none if the films are few.
    progress: title of the bar on stderr, with rate and time left; empty for none.
    total:    number of films, if `films` does not know it; done: how many of them come before these.
    pause:    as in `film_stream`.
    """
    if isinstance(films, Sized):
        total = done + len(films) if total is None else total
    workers = reading_processes((total or 0) - done) if workers is None else workers
    with (
        closing(
            film_stream(films, read, workers=workers, ahead=_BATCHES_AHEAD * batch + workers, pause=pause)
        ) as stream,
        tqdm(desc=progress, disable=not progress, unit="film", total=total, initial=done) as bar,
    ):
        while part := list(islice(stream, batch)):
            yield part
            bar.update(len(part))


def reading_processes(films: int) -> int:
    """Worker processes by default: one core is left to the network. None if starting them would take longer, or the
    program is not a module: a worker would run a script, a notebook or a page of the server anew.
    """
    if films < _FEWEST or getattr(sys.modules["__main__"], "__spec__", None) is None:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(1, cores - 1)


def film_stream(
    films: Iterable[Item],
    read: Callable[[Item], Value],
    *,
    workers: int,
    ahead: int,
    pause: Callable[[], object] = lambda: None,
) -> Generator[StreamedFilm[Item, Value], None, None]:
    """The films in their order; at most `ahead` of them wait in memory.

    workers: 0 to read in this process.
    pause:   called before each film, so that other requests can run; may raise Stopped.
    Worker processes end with the stream or with this process, however it ends.
    """
    coming = iter(films)
    if not workers:
        for film in coming:
            pause()
            yield _streamed(read, film)
        return
    pool = _fresh_pool(workers)
    try:
        waiting: deque[tuple[Item, Future[StreamedFilm[Item, Value]]]] = deque()
        while True:
            waiting.extend((film, pool.submit(_streamed, read, film)) for film in islice(coming, ahead - len(waiting)))
            if not waiting:
                return
            pause()
            film, future = waiting.popleft()
            try:
                streamed = future.result()
            except BrokenProcessPool:  # one of the films in progress ended its process: was it this one?
                pool.shutdown(wait=True, cancel_futures=True)
                streamed = _alone(film, read)
                pool = _fresh_pool(workers)
                waiting = deque((each, pool.submit(_streamed, read, each)) for each, _ in waiting)
            yield streamed
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _streamed(read: Callable[[Item], Value], film: Item) -> StreamedFilm[Item, Value]:
    try:
        return StreamedFilm(film, read(film))
    except (UserError, OSError) as error:
        return StreamedFilm(film, error=str(error))


def _alone(film: Item, read: Callable[[Item], Value]) -> StreamedFilm[Item, Value]:
    """The film read in a process of its own."""
    with _fresh_pool(1) as pool:
        try:
            return pool.submit(_streamed, read, film).result()
        except BrokenProcessPool:
            return StreamedFilm(film, error=_ENDED)


def _fresh_pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork of a process with running torch threads can hang for ever.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    """One thread per worker, which ends when the process that started it is gone (kill -9)."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()
