"""Progress of requests to the networks: place in the queue, passes done, time left, and Cancel."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import BadSetting, Stopped, UserError
from dashboard import markup
from dashboard.request_queue import QueuedRequest, ReportProgress
from dashboard.state import breathe, session

_PATIENCE = 0.3  # s until progress is shown
_EVERY = 0.2  # s between two updates; also the delay until a click elsewhere ends the wait
_QUEUED = 1.0  # s between two updates while others are ahead: with twenty people waiting, each answer moves all of them


@dataclass(frozen=True, eq=False)
class Step:
    """A request to follow.

    name:  of its result, or of the film, on screen.
    films: (done, all) if it is one film of many.
    pace:  seconds per film, None while too few are done.
    """

    request: QueuedRequest[Any]
    name: str
    films: tuple[int, int] | None = None
    pace: float | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """(done, all) films or passes; (0, 0) while unknown."""
        return self.films or self.request.passes

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the progress so far; None while there is too little."""
        if self.films is None:
            return self.request.seconds_left
        return None if self.pace is None else self.pace * (self.films[1] - self.films[0])


NextStep = Callable[[], Step | None]  # None when there is nothing more to wait for


def reporter(place: DeltaGenerator, name: str) -> ReportProgress:
    """A function that shows the progress of a request at `place`; name: of its result."""
    write = _writer(place)
    return lambda request: write(Step(request, name))


@contextmanager
def place(*requests: QueuedRequest[Any], name: str, key: str, height: int) -> Iterator[tuple[Any, ...]]:
    """The answers, with the place to draw them. Earlier content stays until it is drawn over, but is cleared if the
    answers take longer than a moment, so that nobody mistakes it for them.

    name:   of the result, on screen.
    key:    of the place.
    height: of the skeleton shown meanwhile, px.
    Raises: the UserError of an answer, after clearing the place.
    """
    note = st.empty()
    with ExitStack() as places:
        for each in requests:
            places.enter_context(each)
        if all([each.wait(_PATIENCE / len(requests)) for each in requests]):
            answers = tuple(each.answer() for each in requests)
            place = st.container(key=key)
        else:
            slot = st.empty()
            try:
                with slot, st.skeleton(height=height):
                    answers = tuple(each.result(reporter(note, name)) for each in requests)
            finally:
                note.empty()
            place = slot.container(key=key)
    with place:
        yield answers


def is_ready(
    request: QueuedRequest[Any],
    name: str,
    *,
    key: str,
    withdraw: Callable[[], None] | None,
    patience: float = _PATIENCE,
) -> bool:
    """Whether the answer is ready. If not, shows `busy`; the page is drawn again once the answer is there.

    Draw the answer in one container right after this call: while it is being computed that place is cleared, so that no
    figures of an earlier request remain there.
    """
    if request.wait(patience):
        st.empty()
        return True
    with st.container(key=f"{key} busy", horizontal=True, vertical_alignment="center", gap="small"):
        busy(request, name, key=key, withdraw=withdraw)
    st.empty()
    return False


def busy(
    request: QueuedRequest[Any],
    name: str,
    *,
    key: str,
    withdraw: Callable[[], None] | None,
    stopped: Callable[[str], None] | None = None,
    then: NextStep | None = None,
    help: str | None = None,
) -> None:
    """Place in the queue, progress and time left of a request, and Cancel; draws the page again with the answer.

    name:     of the result, on screen.
    key:      of the place.
    withdraw: the action of Cancel; None if the request cannot be withdrawn.
    stopped:  called with the reason when the time limit or a setting ends the request; by default the request is
              withdrawn and the reason shown above the page, as the page would otherwise repeat it for ever.
    then:     returns the next request, if a map takes several.
    """
    follow(Step(request, name), stopped or partial(_give_up, withdraw), then)
    if withdraw:
        _cancel(withdraw, key, help)


def busy_with_steps(steps: Iterator[Step], opening: str, *, key: str, withdraw: Callable[[], None]) -> None:
    """Like `busy`, for consecutive requests; opening: text until the first one."""
    follow(opening, partial(_give_up, withdraw), partial(next, steps, None))
    _cancel(withdraw, key)


def _cancel(withdraw: Callable[[], None], key: str, help: str | None = None) -> None:
    st.button("Cancel", key=f"cancel {key}", icon=":material/close:", type="tertiary", on_click=withdraw, help=help)


@st.fragment(parallel=True)
def follow(first: Step | str, stopped: Callable[[str], None], then: NextStep | None) -> None:
    """Shows progress until the run ends. first: a step, or the text until `then` returns the first step."""
    place = st.empty()
    with first.request if isinstance(first, Step) else nullcontext():  # closing the tab gives up its place
        step: Step | None = None
        if isinstance(first, Step):
            step = replace(first, request=first.request.again())  # the run may give up its place
        elif then:
            place.html(markup.progress(first, None))
            step = then()
        while step is not None:
            with step.request:
                write = _writer(place)
                write(step)
                while not step.request.wait(_EVERY):
                    breathe()
                    write(step)
                try:
                    step.request.answer()
                except (BadSetting, Stopped) as error:
                    stopped(str(error))
                    break
                except UserError:
                    pass  # shown in place of the answer
            step = then() if then else None
    st.rerun()


def _give_up(withdraw: Callable[[], None] | None, reason: str) -> None:
    if withdraw:
        withdraw()
    session().problems.append(reason)


def words(step: Step) -> str:
    """The progress of the step in words."""
    request, (done, total) = step.request, step.progress
    counts = "films" if step.films else request.counts
    parts = [f"{done} of {total} {counts}"] if total else []
    if request.before:
        ahead = "1 request" if request.before == 1 else f"{request.before} requests"
        parts.append(f"waiting for the network, {ahead} ahead")
    elif (left := step.seconds_left) and request.too_long and not step.films:
        parts[0] += f"; needs about {_duration(left)} more, beyond its time limit: cancel and request less"
    elif left:
        parts.append(f"about {_duration(left)} left")
    if step.films:
        return f"{', '.join(parts)} · {step.name}"
    return f"{step.name}: {', '.join(parts)}" if parts else f"{step.name} …"


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _writer(place: DeltaGenerator) -> Callable[[Step], None]:
    """Writes a step at `place` only if its words changed: with many people waiting, updates would load the server."""
    written, since = "", -_QUEUED

    def write(step: Step) -> None:
        nonlocal written, since
        text, now = words(step), time.monotonic()
        if text == written or (step.request.before and now - since < _QUEUED):
            return
        written, since = text, now
        done, total = step.progress
        place.html(markup.progress(text, done / total if total else None))

    return write
