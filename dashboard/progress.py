"""How a page says that somebody waits for the networks, and how far their request is."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import BadSetting, Stopped, UserError
from dashboard import cache, markup
from dashboard.request_queue import QueuedRequest
from dashboard.state import breathe, session

_PATIENCE = 0.3  # s for which a page waits without a word for what may be quick
_EVERY = 0.2  # s between two looks at how far it is; also how soon a click elsewhere ends the waiting

Next = Callable[[], "tuple[QueuedRequest[Any], str] | None"]  # the request that follows, and what comes of it


def reporter(place: DeltaGenerator, name: str) -> cache.ReportProgress:
    """Writes at `place` how far the request is; `name` is what comes of it."""
    return lambda asked: _write(place, asked, name)


@contextmanager
def place(*asked: QueuedRequest[Any], name: str, key: str, height: int) -> Iterator[tuple[Any, ...]]:
    """The answers, in the place where they are drawn: what stood there stays until it is drawn over, but goes where the
    answers take longer than a moment, or it would be taken for them.

    name:   what comes, for people. key: of the place. height: of the shape that is shown meanwhile, px.
    Raises: the UserError that an answer turned out to be; the place is then cleared.
    """
    note = st.empty()
    with ExitStack() as places:
        for each in asked:
            places.enter_context(each)
        if all([each.wait(_PATIENCE / len(asked)) for each in asked]):
            answers = tuple(each.answer() for each in asked)
            place = st.container(key=key)
        else:
            slot = st.empty()
            try:
                with slot, st.skeleton(height=height):
                    answers = tuple(each.result(reporter(note, name)) for each in asked)
            finally:
                note.empty()
            place = slot.container(key=key)
    with place:
        yield answers


def is_ready(
    asked: QueuedRequest[Any],
    name: str,
    *,
    key: str,
    withdraw: Callable[[], None] | None,
    patience: float = _PATIENCE,
) -> bool:
    """Whether the answer is there. If not, `busy` says how far it is, and the page is drawn again when it has come.

    What is drawn with the answer belongs in one container right after this: while the answer is on its way that place
    is cleared, or the figures of an earlier question would linger in it.
    """
    if asked.wait(patience):
        st.empty()
        return True
    with st.container(key=f"{key} busy", horizontal=True, vertical_alignment="center", gap="small"):
        busy(asked, name, key=key, withdraw=withdraw)
    st.empty()
    return False


def busy(
    asked: QueuedRequest[Any],
    name: str,
    *,
    key: str,
    withdraw: Callable[[], None] | None,
    stopped: Callable[[str], None] | None = None,
    then: Next | None = None,
    help: str | None = None,
) -> None:
    """Place in the queue, progress and time left of a request, and Cancel; draws the page again when it is answered.

    name:     what comes of it, for people. key: of the place.
    withdraw: takes the request back, as Cancel does; None where it cannot be.
    stopped:  is told why a request was ended by its time limit or its settings; by default it is taken back and the
              sentence stands above the page. Without either the page would ask anew for ever.
    then:     gives the request that follows, where a map takes several; None as the request when all are answered.
    """
    follow(asked, name, stopped or partial(_give_up, withdraw), then)
    if withdraw:
        st.button("Cancel", key=f"cancel {key}", icon=":material/close:", type="tertiary", on_click=withdraw, help=help)


@st.fragment(parallel=True)
def follow(asked: QueuedRequest[Any], name: str, stopped: Callable[[str], None], then: Next | None) -> None:
    """Ends with the run that began it."""
    place = st.empty()
    current: tuple[QueuedRequest[Any], str] | None = (asked.again(), name)  # the run may give up its place
    with asked:  # or a closed tab would hold that place for ever
        while current is not None:
            request, name = current
            with request:
                text = ""
                while not text or not request.wait(_EVERY):
                    breathe()
                    if text != (text := words(request, name)):  # nine waiting tiles would else keep the server busy
                        _write(place, request, name)
                try:
                    request.answer()
                except (BadSetting, Stopped) as error:
                    stopped(str(error))
                    break
                except UserError:
                    pass  # shown where its answer would stand
            current = then() if then else None
    st.rerun()


def _give_up(withdraw: Callable[[], None] | None, reason: str) -> None:
    if withdraw:
        withdraw()
    session().problems.append(reason)


def words(asked: QueuedRequest[Any], name: str) -> str:
    """How far the request is, in words."""
    done, total = asked.passes
    if asked.before:
        requests = "1 request" if asked.before == 1 else f"{asked.before} requests"
        return f"{name}: waiting for the network, {requests} ahead"
    if not total:
        return f"{name} …"
    left = asked.seconds_left
    if left and asked.too_long:
        more = f"needs about {_duration(left)} more, beyond its time limit: cancel and request less"
        return f"{name}: {done} of {total} network passes; {more}"
    return f"{name}: {done} of {total} network passes" + (f", about {_duration(left)} left" if left else "")


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _write(place: DeltaGenerator, asked: QueuedRequest[Any], name: str) -> None:
    done, total = asked.passes
    place.html(markup.progress(words(asked, name), done / total if total else None))
