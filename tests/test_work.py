"""A request while it runs: progress, cancel, time limit."""

import time

import pytest

from core.errors import Stopped
from core.work import Work


def test_progress_counts_the_passes_that_were_announced() -> None:
    steps: list[tuple[int, int]] = []
    work = Work(tell=lambda done, total: steps.append((done, total)))

    work.step(0)  # nothing announced: nothing to tell
    work.expect(8)
    work.step(5)
    work.expect(2)  # another method of the same request
    work.step()

    assert steps == [(0, 8), (5, 8), (5, 10), (6, 10)]
    assert (work.done, work.total) == (6, 10)


def test_a_cancelled_request_stops_at_its_next_step() -> None:
    work = Work()
    work.expect(2)
    work.step()
    work.cancel()
    work.cancel()

    assert work.cancelled
    with pytest.raises(Stopped, match=r"^The request was cancelled\.$"):
        work.step()
    with pytest.raises(Stopped, match="was cancelled"):
        work.wait(1)


@pytest.mark.parametrize(
    ("total", "sentence"),
    [
        (
            0,
            r"^It took longer than the limit of 0\.001 s and was stopped\. Request fewer maps, .* raise the limit\.$",
        ),
        (9, r"stopped after 4 of 9 passes of the network\. Request fewer steps or samples, or raise the limit\.$"),
    ],
)
def test_a_request_past_its_limit_stops_and_says_how_far_it_came(total: int, sentence: str) -> None:
    work = Work(limit=0.001)
    work.done, work.total = (4, total) if total else (0, 0)
    time.sleep(0.002)

    assert work.left < 0
    with pytest.raises(Stopped, match=sentence):
        work.step(0)


@pytest.mark.parametrize(("ahead", "who"), [(1, "another request"), (3, "3 other requests")])
def test_who_waited_too_long_hears_who_was_first(ahead: int, who: str) -> None:
    work = Work(limit=0.001)
    time.sleep(0.002)

    with pytest.raises(Stopped, match=f"{who} ahead of it. Try again when fewer wait, or raise the limit"):
        work.wait(ahead)


def test_no_limit_is_no_end() -> None:
    work = Work(limit=0)

    work.step()
    work.wait(2)
    assert work.left == float("inf")
