"""The queue of the networks: equal requests share one computation, in order of arrival, ended when nobody waits."""

import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest
import torch

import dashboard.request_queue
from core.errors import NoLungs, Stopped
from core.models.classifier import Door
from core.work import Work
from dashboard.request_queue import RequestQueue

SOON = 5.0  # s: what takes longer here hangs


def until(work: Work, go: threading.Event) -> str:
    """Passes that go on until `go` is set, or somebody ends them."""
    work.expect(1000)
    while not go.wait(0.01):
        work.step()
    return "done"


def until_ended(work: Work, ended: threading.Event) -> str:
    """Passes that go on until somebody ends them, which sets `ended`."""
    try:
        return until(work, threading.Event())
    except Stopped:
        ended.set()
        raise


@pytest.fixture
def queue() -> RequestQueue:
    return RequestQueue(room=2)


def test_equal_requests_share_one_computation(queue: RequestQueue) -> None:
    go, answers = threading.Event(), []

    def make(work: Work) -> str:
        answers.append(work)
        return until(work, go)

    first, second = queue.ask("map", make), queue.ask("map", make)
    assert not first.wait(0.05)
    go.set()

    assert first.result() == second.result() == queue.ask("map", make).result() == "done"
    assert len(answers) == 1


def test_who_leaves_takes_nothing_from_another_who_waits(queue: RequestQueue) -> None:
    go = threading.Event()
    first, second = (queue.ask("map", lambda work: until(work, go)) for _ in range(2))

    first.leave()
    first.leave()  # a second time has no effect
    assert not second.wait(0.1)
    go.set()

    assert second.result() == "done"


def test_work_that_nobody_waits_for_is_ended_and_can_be_requested_again(queue: RequestQueue) -> None:
    ended = threading.Event()
    request = queue.ask("map", lambda work: until_ended(work, ended))
    assert not request.wait(0.05)
    request.leave()

    assert ended.wait(SOON)
    assert queue.ask("map", lambda work: "another").result() == "another"


def test_a_click_elsewhere_that_repeats_the_request_at_once_ends_nothing(queue: RequestQueue) -> None:
    go, answers = threading.Event(), []

    def make(work: Work) -> str:
        answers.append(work)
        return until(work, go)

    with queue.ask("map", make) as before:  # the run that ends
        assert not before.wait(0.05)
    with queue.ask("map", make) as after:  # the run that begins
        go.set()
        assert after.wait(SOON)

    assert len(answers) == 1
    assert not answers[0].cancelled


def test_a_fragment_that_keeps_waiting_has_a_place_of_its_own(queue: RequestQueue) -> None:
    go, answers = threading.Event(), []

    def make(work: Work) -> str:
        answers.append(work)
        return until(work, go)

    request = queue.ask("map", make)  # by a run of the page
    other = request.again()  # in a fragment of it that reruns by itself
    assert not other.wait(0.05)
    request.leave()
    go.set()

    assert other.result() == "done"
    assert not answers[0].cancelled


def test_a_part_of_the_page_that_never_began_leaves_no_work_behind(
    queue: RequestQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard.request_queue, "_GRACE", 0.05)
    ended = threading.Event()
    with queue.ask("map", lambda work: until_ended(work, ended)) as request:  # a run that ends before it hands it on
        assert not request.wait(0.02)

    assert ended.wait(SOON)


def test_requests_are_served_in_order_and_the_others_know_their_place(queue: RequestQueue) -> None:
    go, order = threading.Event(), []

    def named(name: str) -> Callable[[Work], str]:
        def make(work: Work) -> str:
            order.append(name)
            return name

        return make

    requests = [queue.ask("long", lambda work: until(work, go))]
    requests += [queue.ask(name, named(name)) for name in ("b", "a", "c")]

    assert [each.before for each in requests] == [0, 1, 2, 3]
    requests[1].leave()
    assert [each.before for each in requests[2:]] == [1, 2]
    go.set()
    requests[3].result()

    assert order == ["a", "c"]


def test_progress_is_that_of_the_work(queue: RequestQueue) -> None:
    go, half = threading.Event(), threading.Event()

    def make(work: Work) -> str:
        work.expect(10)
        work.step(4)
        half.set()
        go.wait(SOON)
        return "done"

    request = queue.ask("map", make)
    assert half.wait(SOON)
    assert request.passes == (4, 10)
    go.set()
    assert request.result() == "done"


def test_the_time_left_counts_down_while_a_batch_runs(queue: RequestQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    now, begun, go = [100.0], threading.Event(), threading.Event()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def make(work: Work) -> None:
        work.expect(4)
        work.step(2)
        begun.set()
        go.wait(SOON)

    with queue.ask("map", make) as request:
        assert begun.wait(SOON)
        estimates = []
        for now[0] in (110.0, 113.0, 140.0):
            estimates.append(request.seconds_left)
        go.set()

    assert estimates == [10.0, 7.0, 1.0]  # two of four passes in 10 s


def test_a_sentence_reaches_everybody_and_is_kept_and_a_stop_is_not(queue: RequestQueue) -> None:
    answers = []

    def refuse(work: Work) -> str:
        answers.append(work)
        raise NoLungs("No lungs found.")

    def stop(work: Work) -> str:
        answers.append(work)
        raise Stopped("It took longer than the limit of 1 s.")

    for make, kind, sentence in ((refuse, NoLungs, "No lungs found"), (stop, Stopped, "longer than the limit")):
        answers.clear()
        for _ in range(2):
            with pytest.raises(kind, match=sentence):
                queue.ask(kind, make).result()
        assert len(answers) == (1 if kind is NoLungs else 2)


def test_the_least_recently_used_answer_goes_first_and_its_function_is_freed(queue: RequestQueue) -> None:
    class Film:
        pass

    answers = []

    def ask(name: str) -> str:
        film = Film()
        films.append(weakref.ref(film))

        def make(work: Work) -> str:
            answers.append(name)
            return f"{name} {film is not None}"

        return queue.ask(name, make).result()

    films: list[weakref.ref[Film]] = []
    for name in ("a", "b", "a", "c", "a", "b"):
        assert ask(name) == f"{name} True"
    assert answers == ["a", "b", "c", "b"]

    deadline = time.monotonic() + SOON
    while any(film() for film in films) and time.monotonic() < deadline:
        queue.ask(object(), lambda work: None).result()  # the worker drops its last request
        gc.collect()
    assert not any(film() for film in films)


def test_a_quick_question_passes_a_slow_one_between_two_batches(queue: RequestQueue) -> None:
    door, go, order = Door(), threading.Event(), []

    def masks(work: Work) -> str:
        with door.through(work), torch.inference_mode():
            done = until(work, go)
        order.append("masks")
        return done

    def film(work: Work) -> bool:
        with door.through(work):
            order.append("film")
            weight = torch.ones(2, requires_grad=True)
            return torch.autograd.grad((2 * weight).sum(), weight)[0].tolist() == [2, 2]

    slow = queue.ask("masks", masks, slow=True)
    later = queue.ask("more masks", masks, slow=True)
    assert not slow.wait(0.05)

    assert queue.ask("film", film).result()
    assert not slow.wait(0)
    assert (slow.before, later.before) == (0, 1)
    go.set()
    assert slow.result() == later.result() == "done"
    assert order == ["film", "masks", "masks"]


def test_quick_questions_come_before_those_that_may_come_later_and_slow_ones_last(queue: RequestQueue) -> None:
    go, order = threading.Event(), list[str]()
    running = queue.ask("running", lambda work: until(work, go))
    assert not running.wait(0.05)

    def note(name: str) -> Callable[[Work], None]:
        return lambda work: order.append(name)

    asked = [
        queue.ask("masks", note("masks"), slow=True),
        queue.ask("verdicts", note("verdicts"), later=True),
        queue.ask("film", note("film")),
        queue.ask("another film", note("another film")),
    ]

    assert [each.before for each in asked] == [4, 3, 1, 2]
    go.set()
    for each in asked:
        each.result()
    assert order == ["film", "another film", "verdicts", "masks"]


def test_an_exception_reaches_the_caller_and_the_queue_goes_on(queue: RequestQueue) -> None:
    def broken(work: Work) -> str:
        raise ValueError("shape (2, 3)")

    with pytest.raises(ValueError, match="shape"):
        queue.ask("broken", broken).result()
    assert queue.ask("next", lambda work: "done").result() == "done"


def test_a_slow_question_counts_the_quick_ones_that_will_pass_it(queue: RequestQueue) -> None:
    go = threading.Event()
    running = queue.ask("running", lambda work: until(work, go))
    assert not running.wait(0.05)
    slow = queue.ask("slow", lambda work: "done", slow=True)
    quick = [queue.ask(name, lambda work: "done") for name in ("a", "b")]

    assert [each.before for each in (running, *quick, slow)] == [0, 1, 2, 3]
    go.set()
    assert slow.result() == "done"


def test_a_large_answer_takes_the_room_of_several(queue: RequestQueue) -> None:
    answers: list[str] = []

    def ask(name: str, places: int) -> None:
        queue.ask(name, lambda work: answers.append(name), size=lambda result: places).result()

    ask("small", 1)
    ask("large", 2)  # fills the room of two alone
    ask("large", 2)
    ask("small", 1)

    assert answers == ["small", "large", "small"]


def test_the_key_of_a_request_holds_every_argument_and_the_file_of_its_function(queue: RequestQueue) -> None:
    def total(work: Work, first: int, second: int = 2) -> int:
        return first + second

    here = queue.queued()(total)
    same, other = here(1), here(first=1, second=3)
    total.__module__ = "another_file"
    elsewhere = queue.queued()(total)(1)

    assert same.key == here(1, 2).key
    assert len({same.key, other.key, elsewhere.key}) == 3
    assert (same.result(), other.result()) == (3, 4)


def test_an_argument_without_a_key_is_refused(queue: RequestQueue) -> None:
    @queue.queued()
    def described(work: Work, value: object) -> str:
        return str(value)

    with pytest.raises(TypeError, match="a object has no key; wrap it in Keyed"):
        described(object())
