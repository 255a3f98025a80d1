"""How a page says that somebody waits for the networks, and how far their request is."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import Stopped, UserError
from dashboard import cache, markup, selection
from dashboard.request_queue import QueuedRequest
from dashboard.selection import MapView
from dashboard.state import session

_PATIENCE = 0.3  # s for which a page waits without a word for what may be quick
_EVERY = 0.2  # s between two looks at how far it is; also how soon a click elsewhere ends the waiting


def tells(place: DeltaGenerator, name: str) -> cache.ReportProgress:
    """Writes at `place` how far the request is; `name` is what comes of it."""
    return lambda asked: _write(place, asked, name)


@st.fragment(parallel=True)
def coming(chosen: MapView) -> None:
    """How far the map is, until it is there and the page is drawn with it. Ends with the run that began it."""
    asked = chosen.asked
    if asked is None:
        return
    with asked:
        place = st.empty()
        _write(place, asked, chosen.method.title)
        while not asked.wait(_EVERY):
            _write(place, asked, chosen.method.title)
    selection.arrived(chosen)
    st.rerun()


@contextmanager
def room(*asked: QueuedRequest[Any], name: str, key: str, height: int) -> Iterator[tuple[Any, ...]]:
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
                    answers = tuple(each.result(tells(note, name)) for each in asked)
            finally:
                note.empty()
            place = slot.container(key=key)
    with place:
        yield answers


def arrived(
    asked: QueuedRequest[Any], name: str, *, key: str, withdraw: Callable[[], None] | None, patience: float = _PATIENCE
) -> bool:
    """Whether the answer is there. If not, a row says how far it is, and the page is drawn again when it has come.

    What is drawn with the answer belongs in one container right after this: while the answer is on its way that place
    is cleared, or the figures of an earlier question would linger in it.
    name:     what comes, for people. key: of the row.
    withdraw: ends the wish, as the row's Cancel does; None where it cannot be withdrawn.
    """
    if asked.wait(patience):
        st.empty()
        return True
    with st.container(key=f"{key} busy", horizontal=True, vertical_alignment="center", gap="small"):
        following(asked, name, withdraw)
        if withdraw:
            st.button("Cancel", key=f"cancel {key}", icon=":material/close:", type="tertiary", on_click=withdraw)
    st.empty()
    return False


@st.fragment(parallel=True)
def following(asked: QueuedRequest[Any], name: str, withdraw: Callable[[], None] | None) -> None:
    """How far it is, until the page is drawn with what came of it. Ends with the run that began it.

    withdraw: takes the wish back where the time limit ended it, which is told; or the page would ask anew for ever.
    """
    place = st.empty()
    with asked.again() as asked:  # a place of its own: the run that asked gives up its place whatever becomes of this
        _write(place, asked, name)
        while not asked.wait(_EVERY):
            _write(place, asked, name)
        try:
            asked.answer()
        except Stopped as error:
            if withdraw:
                withdraw()
            session().problems.append(str(error))
        except UserError:
            pass  # told where its answer would stand
    st.rerun()


def words(asked: QueuedRequest[Any], name: str) -> str:
    """How far the request is, in words."""
    done, total = asked.passes
    if asked.before:
        requests = "1 request" if asked.before == 1 else f"{asked.before} requests"
        return f"{name}: waiting for the network, {requests} before it"
    if not total:
        return f"{name} …"
    left = asked.seconds_left
    if left and asked.too_long:
        more = f"it would take {_duration(left)} more, past its time limit: cancel it and ask for less"
        return f"{name}: {done} of {total} network passes; {more}"
    return f"{name}: {done} of {total} network passes" + (f", about {_duration(left)} left" if left else "")


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _write(place: DeltaGenerator, asked: QueuedRequest[Any], name: str) -> None:
    done, total = asked.passes
    place.html(markup.progress(words(asked, name), done / total if total else None))
