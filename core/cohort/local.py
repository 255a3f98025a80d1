"""A run on one machine: films are decoded in worker processes while the network works in this one."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path

from core.cohort.decode import DecodedFilm, decode
from core.cohort.films import CohortFilm
from core.cohort.rows import TABLES, Records
from core.cohort.settings import Settings
from core.cohort.task import Task
from core.types import Input

Numbered = tuple[int, int, CohortFilm]  # part, number, film


def decoders() -> int:
    """Worker processes by default: one core is left to the network."""
    return max(1, len(os.sched_getaffinity(0)) - 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 2) - 1)


def parts_of(
    task: Task,
    root: Path,
    parts: Iterable[tuple[int, list[tuple[int, CohortFilm]]]],
    *,
    workers: int,
) -> Iterator[tuple[int, int, Records | None]]:
    """Computes the parts in their order.

    workers: processes that decode; 0 to decode in this one.
    Yields (part, films since the last, None) after each batch, and (part, films, records) when a part is complete.
    """
    with Decoders(root, task.settings, task.inputs, workers=workers) as decoding:
        sizes: dict[int, int] = {}

        def films() -> Iterator[Numbered]:
            for part, numbered in parts:
                sizes[part] = len(numbered)
                yield from ((part, number, film) for number, film in numbered)

        stream = decoding.stream(films(), ahead=4 * task.batch + workers)
        batch: list[tuple[int, DecodedFilm]] = []
        records: Records = {name: [] for name in TABLES}
        computed = 0
        for part, number, film in stream:
            batch.append((number, film))
            if len(batch) < task.batch and computed + len(batch) < sizes[part]:
                continue
            for table, rows in task.records(batch).items():
                records[table] += rows
            computed += len(batch)
            whole = computed == sizes[part]
            yield part, len(batch), records if whole else None
            batch = []
            if whole:
                records, computed = {name: [] for name in TABLES}, 0


class Decoders:
    """Worker processes that decode films; they end with this process, however it ends."""

    def __init__(self, root: Path, settings: Settings, inputs: Iterable[Input], *, workers: int) -> None:
        self._root, self._settings, self._inputs = root, settings, tuple(inputs)
        self._workers = workers

    def __enter__(self) -> "Decoders":
        if self._workers:
            self._pool = self._fresh_pool()
        return self

    def __exit__(self, *_: object) -> None:
        if self._workers:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def stream(self, films: Iterator[Numbered], *, ahead: int) -> Iterator[tuple[int, int, DecodedFilm]]:
        """The films in their order, each decoded; at most `ahead` of them wait in memory."""
        if not self._workers:
            yield from ((part, number, self._decode(film)) for part, number, film in films)
            return
        waiting: deque[tuple[Numbered, Future[DecodedFilm]]] = deque()
        while True:
            waiting.extend((film, self._submit(film[2])) for film in islice(films, ahead - len(waiting)))
            if not waiting:
                return
            (part, number, film), future = waiting.popleft()
            try:
                decoded = future.result()
            except BrokenProcessPool:  # one of the films at work ended its process
                decoded = self._alone(film)
                waiting = deque((each, self._submit(each[2])) for each, _ in waiting)
            yield part, number, decoded

    def _alone(self, film: CohortFilm) -> DecodedFilm:
        """The film decoded in a pool of its own, after the pool broke."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._fresh_pool()
        try:
            return self._submit(film).result()
        except BrokenProcessPool:
            self._pool = self._fresh_pool()
            return DecodedFilm(film, error="Decoding this file ended the decoder's process. Export the film again.")

    def _submit(self, film: CohortFilm) -> "Future[DecodedFilm]":
        return self._pool.submit(decode, self._root, film, self._settings, self._inputs)

    def _decode(self, film: CohortFilm) -> DecodedFilm:
        return decode(self._root, film, self._settings, self._inputs)

    def _fresh_pool(self) -> ProcessPoolExecutor:
        # Spawned, not forked: a fork of a process in which torch's threads run can stand still for ever.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, mp_context=context, initializer=_start_worker)


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
