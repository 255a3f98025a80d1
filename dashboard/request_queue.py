"""The queue of requests to the networks: equal requests are computed once, in order of arrival; slow ones let quick
ones pass between two batches.

Results are cached and shared by all sessions. Work that nobody waits for is stopped; if one of several people leaves,
it continues for the others.
"""

import inspect
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import numpy as np
import torch

from core.errors import Stopped, UnknownCheckpoint, UserError
from core.types import digest
from core.work import Work
from dashboard.state import breathe

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_POLL = 0.2  # s between two checks that the person is still there, and two reports; an answer wakes the waiter at once
_LONG, _POLL_LONG = 2.0, 0.5  # s: after so long, checks are rarer; with twenty people waiting, each costs 0.1 ms
_GRACE = 2.0  # s that a request outlives the last person who waited: a click on the page repeats it at once
_SOON = 0.4  # s after which progress is reported


@dataclass(frozen=True)
class _Refusal:
    """A UserError as a value: the exception itself would keep all objects in its traceback alive."""

    kind: type[UserError]
    sentence: str


@dataclass(frozen=True, eq=False)
class Keyed(Generic[Result]):
    """A value that has no key, with everything it depends on as its key."""

    key: Hashable
    value: Result


class _Decorator(Protocol):
    def __call__(
        self, function: Callable[Concatenate[Work, Arguments], Result]
    ) -> "Callable[Arguments, QueuedRequest[Result]]": ...


class _Job:
    """A queued computation. `waiting` counts the people who want its result; `places` is the room the result takes."""

    def __init__(
        self, key: Hashable, *, rank: int, slow: bool, counts: str, size: Callable[[Any], int] | None = None
    ) -> None:
        self.key = key
        self.rank = rank
        self.slow = slow
        self.counts = counts
        self.size = size
        self.places = 1
        self.work: Work | None = None  # created when its turn comes: time in the queue does not count towards the limit
        self.begun = 0.0
        self.last_pass = (0, 0.0)  # passes done, and when that count was first seen
        self.waiting = 0
        self.future: Future[Any] = Future()


_QueuedWork = tuple[_Job, Callable[[Work], Any]]


class QueuedRequest(Generic[Result]):
    """One person's place in the queue; a context manager that gives it up at the end."""

    def __init__(self, queue: "RequestQueue", job: _Job) -> None:
        self._queue = queue
        self._job = job
        self._left = False

    @property
    def key(self) -> Hashable:
        return self._job.key

    @property
    def counts(self) -> str:
        """The unit of its passes, in words: "network passes"."""
        return self._job.counts

    @property
    def before(self) -> int:
        """Number of requests ahead; 0 while this one is being computed."""
        return self._queue.before(self._job)

    @property
    def passes(self) -> tuple[int, int]:
        """(done, total) passes of the network; (0, 0) while the total is unknown."""
        work = self._job.work
        return (work.done, work.total) if work else (0, 0)

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the passes done; None while there are too few."""
        job, (done, total) = self._job, self.passes
        if done != job.last_pass[0]:
            job.last_pass = (done, time.monotonic())
        spent = job.last_pass[1] - job.begun
        if not done or done < min(8, total / 4) or spent <= 1:
            return None
        since = time.monotonic() - job.last_pass[1]  # otherwise the estimate would grow until the batch is done
        return max(spent / done * (total - done) - since, 1.0) if done < total else 0.0

    @property
    def too_long(self) -> bool:
        """Whether it will exceed its time limit at this pace."""
        work, left = self._job.work, self.seconds_left
        return work is not None and left is not None and left > work.left

    def wait(self, seconds: float) -> bool:
        """Waits at most this long. Returns: whether the answer is ready."""
        return self._job.future in wait([self._job.future], timeout=seconds).done

    def answer(self) -> Result:
        """The answer, once it is ready. Raises: its UserError, if it failed."""
        result = self._job.future.result(timeout=0)
        if isinstance(result, _Refusal):
            raise result.kind(result.sentence)
        answer: Result = result
        return answer

    def result(self, report: "ReportProgress | None" = None) -> Result:
        """Waits for the answer; if Streamlit ends the run meanwhile, the place is given up.

        report: called repeatedly once it takes longer than a moment, to show progress on the page.
        """
        since = time.monotonic()
        with self:
            while not self.wait(_POLL if time.monotonic() - since < _LONG else _POLL_LONG):
                breathe()
                if report and time.monotonic() - since > _SOON:
                    report(self)
            return self.answer()

    def again(self) -> "QueuedRequest[Result]":
        """A second place for the same answer, which remains when this one is given up."""
        return self._queue.join(self._job)

    def leave(self, *, grace: float = 0.0) -> None:
        """Stops waiting; may be called repeatedly. If nobody waits for `grace` seconds, the work is stopped."""
        self._queue.leave(self._job, counted=not self._left, grace=grace)
        self._left = True

    def __enter__(self) -> "QueuedRequest[Result]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(grace=_GRACE)


ReportProgress = Callable[[QueuedRequest[Any]], None]  # shows progress on the page


class RequestQueue:
    """Requests to the networks, computed one at a time in one thread: quick ones first, in order of arrival; then
    those that may come later; then slow ones.

    A slow request lets the others pass after each batch, so that opening a film does not wait for somebody else's
    thousand masks. With twenty people at once, each sees prediction and map before the verdicts of the others, which
    take ten times as long, are computed.

    Streamlit runs each script in a new thread, and a forward pass in a new thread takes twice as long (70 against 34 ms
    on two cores): torch rebuilds its pool of workers. All networks therefore run in this one thread.

    room: number of results to keep, large ones counted as several; the least recently used is dropped first.
    keys: type -> key of an argument of that type, if its own `key` is not enough.
    """

    def __init__(self, *, room: int, keys: Mapping[type, Callable[[Any], Hashable]] | None = None) -> None:
        self._room = room
        self._keys = keys or {}
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="networks")
        self._inside = threading.Lock()  # guards the attributes below, and the jobs' counts
        self._jobs: dict[Hashable, _Job] = {}  # in order of arrival, until done
        self._done: OrderedDict[Hashable, _Job] = OrderedDict()  # least recently requested first
        self._waiting: tuple[deque[_QueuedWork], ...] = (deque(), deque(), deque())  # quick, later, slow

    def queued(
        self,
        *,
        slow: bool | Callable[..., bool] = False,
        later: bool = False,
        size: Callable[[Any], int] | None = None,
        counts: str = "network passes",
    ) -> "_Decorator":
        """Decorates a function so that its calls wait in this queue; callers omit its first argument, the Work.

        The key of a request is the function with all its bound arguments, so that no argument can be left out.
        slow, later, size, counts: as for `ask`; `slow` may depend on the arguments.
        """

        def decorate(
            function: Callable[Concatenate[Work, Arguments], Result],
        ) -> Callable[Arguments, QueuedRequest[Result]]:
            signature = inspect.signature(function)
            name = function.__module__, function.__qualname__

            @wraps(function)
            def ask(*args: Arguments.args, **named: Arguments.kwargs) -> QueuedRequest[Result]:
                bound = signature.bind(None, *args, **named)
                bound.apply_defaults()
                key = (name, *(self.key_of(value) for value in list(bound.arguments.values())[1:]))
                long = slow(*args, **named) if callable(slow) else slow
                return self.ask(
                    key,
                    lambda work: function(work, *args, **named),
                    slow=long,
                    later=later,
                    size=size,
                    counts=counts,
                )

            return ask

        return decorate

    def key_of(self, value: Any) -> Hashable:
        """The key of an argument.

        Raises: TypeError for a type without a key, as results of different values could be confused.
        """
        if type(value) in self._keys:
            return self._keys[type(value)](value)
        if value is None or isinstance(value, str | bytes | int | float | Path):
            return value
        if isinstance(value, np.ndarray):
            return digest(value)
        if isinstance(value, Mapping):
            return tuple(sorted((name, self.key_of(each)) for name, each in value.items()))
        if isinstance(value, tuple | list):
            return tuple(self.key_of(each) for each in value)
        if hasattr(value, "key"):
            return type(value).__name__, value.key
        if is_dataclass(value) and not isinstance(value, type):
            return (type(value).__name__, *(self.key_of(getattr(value, each.name)) for each in fields(value)))
        raise TypeError(f"a {type(value).__name__} has no key; wrap it in Keyed")

    def ask(
        self,
        key: Hashable,
        make: Callable[[Work], Result],
        *,
        slow: bool = False,
        later: bool = False,
        size: Callable[[Result], int] | None = None,
        counts: str = "network passes",
    ) -> QueuedRequest[Result]:
        """A place in the queue: joins an equal request, if there is one, else a new place at the end.

        key:  everything the answer depends on.
        make: computes the answer; reports to the Work, which can stop it. A UserError is an answer, too.
        slow: whether it takes many batches; it must leave no state on a network between two batches.
        later: whether quick requests that arrive after it are computed first; it runs without interruption.
        size: the room that the answer takes; None for one place.
        counts: the unit that its Work counts, in words.
        """
        with self._inside:
            job = self._done.get(key) or self._jobs.get(key)
            if job is None:
                rank = 2 if slow else 1 if later else 0
                job = self._jobs[key] = _Job(key, rank=rank, slow=slow, size=size, counts=counts)
                self._waiting[rank].append((job, make))
                self._worker.submit(self._work_on_next)
            elif key in self._done:
                self._done.move_to_end(key)
            job.waiting += 1
        return QueuedRequest(self, job)

    def join(self, job: _Job) -> QueuedRequest[Any]:
        """Another place for the same answer."""
        with self._inside:
            job.waiting += 1
        return QueuedRequest(self, job)

    def before(self, job: _Job) -> int:
        with self._inside:
            if job.begun or job.key not in self._jobs:
                return 0
            jobs = list(self._jobs.values())  # by arrival, but a started one goes first, and quick ones pass
            return sorted(jobs, key=lambda each: (not each.begun, each.rank)).index(job)

    def leave(self, job: _Job, *, counted: bool, grace: float) -> None:
        with self._inside:
            job.waiting -= counted
        if job.future.done():
            return
        if grace:
            timer = threading.Timer(grace, self._end_unwanted, (job,))
            timer.daemon = True
            timer.start()
        else:
            self._end_unwanted(job)

    def _end_unwanted(self, job: _Job) -> None:
        with self._inside:
            if job.waiting > 0 or job.future.done():
                return
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]  # later requests get a new job
            if job.work:
                job.work.cancel()

    def _work_on_next(self, *, slow: bool = True) -> bool:
        """Computes the first waiting request, if any. Returns: whether there was one."""
        with self._inside:
            ranks = [each for each in self._waiting[: 3 if slow else 2] if each]
            if not ranks:
                return False
            job, make = ranks[0].popleft()
        try:
            job.future.set_result(self._work_on(job, make))
        except BaseException as error:  # noqa: BLE001  raised where the result is read
            job.future.set_exception(error)
        return True

    def _let_pass(self) -> None:
        """Computes requests that arrived meanwhile, in this thread, in the middle of a slow one."""
        # The slow request may be in inference mode; the others must be able to compute gradients.
        with torch.inference_mode(False), torch.enable_grad():
            while self._work_on_next(slow=False):
                pass

    def _work_on(self, job: _Job, make: Callable[[Work], Any]) -> Any:
        with self._inside:
            if self._jobs.get(job.key) is not job:
                return None  # given up while waiting
            work = job.work = Work(aside=self._let_pass if job.slow else None)
            job.begun = time.monotonic()
        keep = False
        try:
            result = make(work)
            job.places = job.size(result) if job.size else 1
            keep = True
        except UserError as error:
            result = _Refusal(type(error), str(error))
            keep = not isinstance(
                error, Stopped | UnknownCheckpoint
            )  # a later request may finish in time, or find the model
        finally:
            self._close(job, keep=keep)
        return result

    def _close(self, job: _Job, *, keep: bool) -> None:
        with self._inside:
            if self._jobs.get(job.key) is not job:
                return
            del self._jobs[job.key]
            if keep:
                self._done[job.key] = job
                while len(self._done) > 1 and sum(each.places for each in self._done.values()) > self._room:
                    self._done.popitem(last=False)
