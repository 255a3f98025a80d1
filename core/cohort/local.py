"""A run on one machine: films are decoded in worker processes while the network works in this one."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from core.cohort.decode import DecodedFilm, decode
from core.cohort.films import CohortFilm
from core.cohort.rows import TABLES, Records
from core.cohort.settings import Settings
from core.cohort.task import Task
from core.film_stream import film_stream
from core.types import Input

Numbered = tuple[int, int, CohortFilm]  # part, number, film


def parts_of(
    task: Task,
    root: Path,
    parts: Iterable[tuple[int, list[tuple[int, CohortFilm]]]],
    *,
    workers: int,
) -> Iterator[tuple[int, int, Records | None]]:
    """Computes the parts in order.

    workers: processes that decode; 0 to decode in this one.
    Yields (part, films since the last, None) after each batch, and (part, films, records) when a part is complete.
    """
    sizes: dict[int, int] = {}

    def films() -> Iterator[Numbered]:
        for part, numbered in parts:
            sizes[part] = len(numbered)
            yield from ((part, number, film) for number, film in numbered)

    read = partial(_decoded, root, task.settings, tuple(task.inputs))
    batch: list[tuple[int, DecodedFilm]] = []
    records: Records = {name: [] for name in TABLES}
    computed = 0
    with closing(film_stream(films(), read, workers=workers, ahead=4 * task.batch + workers)) as stream:
        for streamed in stream:
            part, number, film = streamed.item
            batch.append((number, streamed.value or DecodedFilm(film, error=streamed.error)))
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


def _decoded(root: Path, settings: Settings, inputs: tuple[Input, ...], numbered: Numbered) -> DecodedFilm:
    return decode(root, numbered[2], settings, inputs)
