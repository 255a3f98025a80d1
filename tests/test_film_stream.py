"""Reading many films: in their order, in this process and in others, whatever happens to some of them."""

import os
import sys
from collections.abc import Iterator
from multiprocessing import parent_process
from pathlib import Path

import pytest

from core.errors import BadData, Stopped, UnreadableFile
from core.film_stream import film_batches, film_stream, reading_processes

NAMES = ["a", "b", "no picture", "c", "missing", "d", "e"]


def _read(name: str) -> tuple[str, bool]:
    """The name in capitals, and whether a worker read it."""
    if name == "no picture":
        raise UnreadableFile("It is no picture.")
    if name == "missing":
        Path("/nowhere/missing").read_bytes()
    if name == "ends its process":
        os._exit(3)
    return name.upper(), parent_process() is not None


@pytest.mark.parametrize("workers", [0, 1])
def test_films_come_in_their_order_and_bad_ones_with_a_reason(workers: int) -> None:
    films = list(film_stream(NAMES, _read, workers=workers, ahead=3))

    assert [film.item for film in films] == NAMES
    assert [film.value and film.value[0] for film in films] == ["A", "B", None, "C", None, "D", "E"]
    assert {film.value[1] for film in films if film.value} == {workers > 0}
    assert films[2].error == "It is no picture."
    assert "No such file" in films[4].error
    with pytest.raises(BadData, match="It is no picture"):
        films[2].read  # noqa: B018


def test_a_film_that_ends_its_reader_costs_no_other() -> None:
    films = list(film_stream(["a", "ends its process", "b", "c"], _read, workers=1, ahead=4))

    assert [film.error[:33] for film in films] == ["", "Reading this file crashed the rea", "", ""]
    assert [film.value and film.value[0] for film in films] == ["A", None, "B", "C"]


def test_batches_are_full_but_for_the_last_and_few_films_are_ahead() -> None:
    opened: list[str] = []

    def names() -> Iterator[str]:
        for number in range(100):
            opened.append(str(number))
            yield str(number)

    batches = film_batches(names(), _read, batch=8, workers=0)
    first = next(batches)
    assert [film.item for film in first] == [str(number) for number in range(8)]
    assert len(opened) == 8
    assert [len(batch) for batch in batches] == [8] * 11 + [4]


def test_worker_processes_are_started_for_many_films_of_a_module_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", sys.modules[__name__].__spec__)
    assert reading_processes(20) == 0
    assert reading_processes(10_000) >= 1
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)  # a script, a notebook or a page
    assert reading_processes(10_000) == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_a_pause_before_each_film_can_stop_the_stream(workers: int) -> None:
    turns = iter(range(3))

    def pause() -> None:
        if next(turns, None) is None:
            raise Stopped("The request was cancelled.")

    batches = film_batches(NAMES, _read, batch=2, workers=workers, pause=pause)
    assert [film.item for film in next(batches)] == NAMES[:2]
    with pytest.raises(Stopped):
        next(batches)
