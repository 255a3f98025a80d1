"""How often the progress of a request is written while it waits."""

import threading
from collections.abc import Iterator
from typing import cast

import pytest
from streamlit.delta_generator import DeltaGenerator

from core.work import Work
from dashboard import progress
from dashboard.request_queue import RequestQueue

FIRST, SECOND = "first", "second"


class Place:
    """A place on the page that remembers what was written there."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def html(self, text: str) -> None:
        self.written.append(text)


@pytest.fixture
def go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()  # or the queue's thread would wait for ever


def test_progress_is_written_where_its_words_changed_and_at_leisure_while_others_are_ahead(
    go: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, begun = RequestQueue(room=2), threading.Event()

    def make(work: Work) -> None:
        work.expect(100)
        work.step(3)
        begun.set()
        go.wait()

    running, waiting = queue.ask(FIRST, make), queue.ask(SECOND, make)
    begun.wait()
    places = Place(), Place()
    report = [progress.reporter(cast(DeltaGenerator, place), "Map") for place in places]
    for _ in range(3):
        report[0](running)
        report[1](waiting)
    assert [len(place.written) for place in places] == [1, 1]
    assert "3 of 100 network passes" in places[0].written[0]
    assert "1 request ahead" in places[1].written[0]

    third = queue.ask("third", make)
    report[1](third)  # other words, too soon
    assert len(places[1].written) == 1
    monkeypatch.setattr(progress, "_QUEUED", 0.0)
    report[1](third)
    assert "2 requests ahead" in places[1].written[1]
