"""Sessions that survive a reload: kept in the server's memory, never in a file.

A browser tab stores the secret name of its session in its sessionStorage and gets the session back with it: after a
reload, a visit elsewhere, or a lost connection. The name is in no address, link, cookie or file, so that no other
tab can have it; a duplicated tab gets a copy. A session without a tab is dropped after an hour; the oldest ones go
earlier if together they take too much memory.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime import Runtime

from dashboard.state import Session, holder, session, use

MINUTES = 60  # for which a session is kept after its tab was closed
_ROOM = 4 * 2**30  # bytes of films of one session, and of all sessions whose tab is closed
_SWEEP = 30.0  # s between two checks for expired sessions
_JS = Path(__file__).with_name("kept_sessions.js")


@dataclass(eq=False)
class _Kept:
    """A session; tab: Streamlit's name of its connection; seen: last activity, s; copied: to another tab."""

    session: Session
    tab: str
    seen: float
    copied: bool = False


class KeptSessions:
    """The sessions by their secret names.

    room:      bytes of films that all sessions without a tab may take together.
    is_active: whether the tab of this name is connected.
    """

    def __init__(
        self, *, seconds: float, room: int, is_active: Callable[[str], bool], clock: Callable[[], float]
    ) -> None:
        self._seconds, self._room, self._is_active, self._clock = seconds, room, is_active, clock
        self._changing = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def put(self, session: Session, tab: str) -> None:
        """Stores the session of this tab."""
        with self._changing:
            kept = self._kept.setdefault(session.name, _Kept(session, tab, 0.0))
            kept.session, kept.tab, kept.seen = session, tab, self._clock()

    def take(self, name: str, tab: str) -> Session | None:
        """The session of this name for this tab, a copy if another tab is using it; None if there is none."""
        with self._changing:
            kept = self._kept.get(name)
            if kept is None:
                return None
            if kept.tab != tab and self._is_active(kept.tab):
                kept.copied = True
                return kept.session.copy()
            kept.tab, kept.seen = tab, self._clock()
            return kept.session

    def drop(self, name: str) -> None:
        """Deletes the session of this name."""
        with self._changing:
            self._kept.pop(name, None)

    def sweep(self) -> None:
        """Drops sessions whose tab was closed too long ago, or that do not fit, the oldest first."""
        with self._changing:
            now = self._clock()
            alone = []
            for kept in self._kept.values():
                if self._is_active(kept.tab):
                    kept.seen = now
                else:
                    alone.append(kept)
            size = 0
            for kept in sorted(alone, key=lambda kept: -kept.seen):
                kept.session.leave_requests()
                size += kept.session.bytes
                # A copied session can go at once: its tab was only slow to close during a reload.
                if kept.copied or now - kept.seen > self._seconds or size > self._room:
                    del self._kept[kept.session.name]


def _is_active(tab: str) -> bool:
    return Runtime.exists() and Runtime.instance().is_active_session(tab)


_sessions = KeptSessions(seconds=60 * MINUTES, room=_ROOM, is_active=_is_active, clock=time.monotonic)
_tab = st.components.v2.component("lightbox.kept_sessions", js=_JS.read_text(encoding="utf-8"))


def _sweep_forever() -> None:
    while True:
        time.sleep(_SWEEP)
        _sessions.sweep()


def resume() -> bool:
    """Restores the tab's earlier session once the tab has named it, and stores the present one.

    Returns: False while the page should wait: its address names a film that may belong to the earlier session.
    """
    here = session()
    browser = "User-Agent" in st.context.headers  # AppTest sends none, and has no browser to answer
    waits = browser and not here.resumed and here.opening_address is None and "film" in st.query_params
    with st.container(key="kept session"):
        data = {"name": here.name, "films": len(here.radiographs), "resumed": here.resumed, "waits": waits}
        before = _tab(key="the kept session", data=data, on_before_change=lambda: None).before
    if before and not here.resumed:
        _resume(before, here)
        waits = False
    if browser and not waits:
        _make_room(here)
        _sessions.put(here, holder())
    return not waits


def _resume(before: dict[str, Any], here: Session) -> None:
    here.resumed = True
    kept = _sessions.take(str(before["name"]), holder()) if before["name"] else None
    if kept is not None:
        kept.resumed, kept.opening_address, kept.film_drawn, kept.last_map = True, None, False, None
        kept.problems.clear()
        use(kept)
        _sessions.drop(here.name)
        _sessions.put(kept, holder())
        st.rerun()
    if films := int(before["films"]):
        words = "The film of this tab is" if films == 1 else f"The {films} films of this tab are"
        here.problems.append(
            f"{words} no longer in the server's memory: the tab was closed for {MINUTES} minutes, or the server was "
            "restarted. Add the files again."
        )


def _make_room(here: Session) -> None:
    """Removes the oldest films of a session that holds too many."""
    removed = 0
    while here.bytes > _ROOM and len(here.radiographs) > 1:
        here.removed = None
        oldest = next(key for key in here.radiographs if key != here.film_key)
        del here.radiographs[oldest]
        removed += 1
    if removed:
        here.problems.append(
            f"The {removed} oldest films were removed: a session holds {_ROOM / 2**30:.0f} GB of films."
        )


threading.Thread(target=_sweep_forever, name="kept sessions", daemon=True).start()
