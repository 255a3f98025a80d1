"""Objects are frozen at a few moments, and what sessions leave behind is still freed."""

import gc
import weakref

import pytest

from dashboard import memory
from tests.dashboard.conftest import Desk


@pytest.fixture(autouse=True)
def thawed() -> None:
    memory._moments.clear()
    gc.unfreeze()


def test_a_moment_freezes_once() -> None:
    memory.freeze_once("imports")
    frozen = gc.get_freeze_count()
    later = [[] for _ in range(1000)]  # type: ignore[var-annotated]
    memory.freeze_once("imports")

    assert gc.get_freeze_count() <= frozen
    assert len(later) == 1000
    memory.freeze_once("another")
    assert gc.get_freeze_count() > frozen


@pytest.mark.usefixtures("small_weights")
def test_objects_of_closed_sessions_are_freed_and_pages_freeze_nothing_more() -> None:
    sessions, counts = [], []
    for _ in range(4):
        desk = Desk().run().press("Opacity, right lung")
        sessions.append(weakref.ref(desk.session))
        counts.append(gc.get_freeze_count())
        del desk
        gc.collect()

    assert [session() for session in sessions[1:]] == [None] * 3
    assert counts[0] > 10_000
    assert counts[3] <= counts[1]


def test_a_frozen_cycle_is_freed_within_a_hundred_runs() -> None:
    class Session:
        """Refers to itself, as sessions do through their callbacks."""

        def __init__(self) -> None:
            self.callback = lambda: self

    session = Session()
    gone = weakref.ref(session)
    memory.freeze_once("page")
    del session
    gc.collect()
    assert gone() is not None  # frozen: out of the collector's reach

    for _ in range(memory.RUNS):
        memory.count_run()

    assert gone() is None
    assert gc.get_freeze_count() > 0
