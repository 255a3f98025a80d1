"""The door before a network: order of arrival, leaving, a time limit, an error inside."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from core.errors import Stopped
from core.models.classifier import Door
from core.work import Work

PATIENCE = 20.0  # s; no test takes nearly as long


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def _in_line(door: Door) -> int:
    return len(door._queue)


@contextmanager
def _held(door: Door, pool: ThreadPoolExecutor) -> Iterator[None]:
    """Another thread is inside until the block ends."""
    leave = threading.Event()

    def stay() -> None:
        with door.through(Work()):
            assert leave.wait(PATIENCE)

    inside = pool.submit(stay)
    _until(lambda: _in_line(door) == 1)
    try:
        yield
    finally:
        leave.set()
        inside.result(PATIENCE)


def _come(door: Door, pool: ThreadPoolExecutor, does: Callable[[], object], work: Work | None = None) -> Future[None]:
    """One more waits, and is in line when this returns."""
    before = _in_line(door)

    def pass_through() -> None:
        with door.through(work or Work()):
            does()

    future = pool.submit(pass_through)
    _until(lambda: _in_line(door) > before)
    return future


def test_who_came_first_is_served_first_and_alone(pool: ThreadPoolExecutor) -> None:
    door, served, inside = Door(), [], []

    def serve(number: int) -> None:
        inside.append(number)
        time.sleep(0.002)
        served.append((number, len(inside)))
        inside.remove(number)

    with _held(door, pool):
        waiting = [_come(door, pool, lambda number=number: serve(number)) for number in range(12)]  # type: ignore[misc]
    for each in waiting:
        each.result(PATIENCE)

    assert served == [(number, 1) for number in range(12)]
    assert _in_line(door) == 0


def test_who_cancels_leaves_and_the_queue_goes_on(pool: ThreadPoolExecutor) -> None:
    door, served, work = Door(), [], Work()

    with _held(door, pool):
        first = _come(door, pool, lambda: served.append("first"))
        gone = _come(door, pool, lambda: served.append("gone"), work)
        last = _come(door, pool, lambda: served.append("last"))
        work.cancel()
        with pytest.raises(Stopped, match=r"^The request was cancelled\.$"):
            gone.result(PATIENCE)  # while the door is still shut
        assert served == []

    first.result(PATIENCE)
    last.result(PATIENCE)
    assert served == ["first", "last"]


def test_a_time_limit_ends_the_wait_with_a_sentence(pool: ThreadPoolExecutor) -> None:
    door = Door()

    sentence = r"limit of 0\.1 s .* with another request ahead of it"
    with _held(door, pool), pytest.raises(Stopped, match=sentence), door.through(Work(limit=0.1)):
        pass

    with door.through(Work(limit=5)):  # it opens again
        assert _in_line(door) == 1


def test_without_a_limit_it_waits_as_long_as_it_takes(pool: ThreadPoolExecutor) -> None:
    door, served = Door(), []

    with _held(door, pool):
        waiting = _come(door, pool, lambda: served.append("in"), Work(limit=0))
        time.sleep(0.2)  # several looks
        assert not waiting.done()
    waiting.result(PATIENCE)

    assert served == ["in"]


@pytest.mark.parametrize("error", [ValueError("an error inside"), KeyboardInterrupt("an error inside")])
def test_an_error_inside_opens_the_door_again(error: BaseException) -> None:
    door = Door()

    with pytest.raises(type(error), match="an error inside"), door.through(Work()):
        raise error

    with door.through(Work(limit=1)):
        assert _in_line(door) == 1


def test_an_error_while_waiting_leaves_the_queue(pool: ThreadPoolExecutor) -> None:
    """A page tells the reader how far it is; Streamlit ends the page there by an error that is none of ours."""

    class Rerun(BaseException):
        pass

    class Restless(Work):
        def wait(self, ahead: int) -> None:
            raise Rerun("the reader clicked elsewhere")

    door = Door()
    with _held(door, pool), pytest.raises(Rerun, match="clicked elsewhere"), door.through(Restless()):
        pass

    with door.through(Work(limit=1)):
        assert _in_line(door) == 1


def test_who_was_cancelled_before_its_turn_never_gets_in() -> None:
    door, work = Door(), Work()
    work.cancel()

    with pytest.raises(Stopped, match="was cancelled"), door.through(work):
        raise AssertionError("inside")

    assert _in_line(door) == 0


def test_leaving_in_the_moment_the_turn_comes_locks_nobody_out(pool: ThreadPoolExecutor) -> None:
    """Three hundred requests, half of them cancelled at some moment or other: every one ends, nobody meets another."""
    door, inside, met = Door(), threading.Lock(), []

    def ask(number: int) -> str:
        work = Work(limit=PATIENCE)
        if number % 2:
            threading.Timer(0.0002 * (number % 16), work.cancel).start()
        try:
            with door.through(work):
                if not inside.acquire(blocking=False):
                    met.append(number)
                    return "met"
                time.sleep(0.0005)
                inside.release()
                return "served"
        except Stopped as stopped:
            return str(stopped)

    ends = list(pool.map(ask, range(300)))

    assert not met
    assert set(ends) == {"served", "The request was cancelled."}
    assert ends[::2] == ["served"] * 150
    assert _in_line(door) == 0


def test_who_takes_long_goes_to_the_end_of_the_queue_after_each_batch(pool: ThreadPoolExecutor) -> None:
    door, order, work = Door(), [], Work()
    begun, go = threading.Event(), threading.Event()

    def batches() -> None:
        with door.through(work):
            begun.set()
            assert go.wait(PATIENCE)
            for batch in range(3):
                order.append(f"batch {batch}")
                work.step(8)

    long = pool.submit(batches)
    assert begun.wait(PATIENCE)
    waiting = [_come(door, pool, lambda name=name: order.append(name)) for name in ("a", "b")]  # type: ignore[misc]
    go.set()
    for each in (long, *waiting):
        each.result(PATIENCE)

    assert order == ["batch 0", "a", "b", "batch 1", "batch 2"]
    assert _in_line(door) == 0


def test_who_is_cancelled_while_others_are_let_in_leaves_the_queue() -> None:
    def batches() -> None:
        with door.through(work):
            work.step(8)
            work.step(8)

    door = Door()
    work = Work(aside=lambda: work.cancel())

    with pytest.raises(Stopped, match="was cancelled"):
        batches()

    assert work.done == 16
    assert _in_line(door) == 0
