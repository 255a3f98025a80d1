"""Sessions that survive a reload: who gets which, and when they are dropped."""

import numpy as np

from core.types import Origin, Radiograph
from dashboard.kept_sessions import KeptSessions
from dashboard.state import Session

HOUR = 3600.0


class Tabs:
    """A clock that a test sets, and the tabs that are connected."""

    def __init__(self, *, room: int = 10**9) -> None:
        self.now = 0.0
        self.open: set[str] = set()
        self.kept = KeptSessions(
            seconds=HOUR, room=room, is_active=lambda tab: tab in self.open, clock=lambda: self.now
        )

    def begin(self, tab: str, *films: Radiograph) -> Session:
        here = Session()
        for film in films:
            here.add(film)
        self.open.add(tab)
        self.kept.put(here, tab)
        return here

    def close(self, tab: str) -> None:
        self.kept.sweep()
        self.open.discard(tab)


def film(grey: int) -> Radiograph:
    """1,000 bytes of pixels."""
    return Radiograph(np.full((20, 50), grey, np.uint8), f"{grey}.png", 0, 255, Origin("PNG", "L", 8))


def test_a_reloaded_tab_gets_its_own_session_back() -> None:
    tabs = Tabs()
    here = tabs.begin("before", film(1))
    tabs.close("before")

    assert tabs.kept.take(here.name, "after") is here


def test_nobody_gets_a_session_by_another_name() -> None:
    tabs = Tabs()
    tabs.begin("one", film(1))

    assert tabs.kept.take("guess", "two") is None
    assert len(Session().name) >= 32


def test_a_duplicated_tab_gets_a_copy_that_goes_its_own_way() -> None:
    tabs = Tabs()
    here = tabs.begin("one", film(1), film(2))
    here.film_key, here.finding = film(1).key, "covid"

    copy = tabs.kept.take(here.name, "two")

    assert copy is not None
    assert copy.name != here.name
    assert (list(copy.radiographs), copy.finding) == (list(here.radiographs), "covid")
    copy.clear()
    assert len(here.radiographs) == 2
    tabs.open.remove("one")
    assert tabs.kept.take(here.name, "one, reloaded") is here


def test_a_session_is_dropped_an_hour_after_its_tab_was_closed() -> None:
    tabs = Tabs()
    here = tabs.begin("one", film(1))
    tabs.now = 5 * HOUR
    tabs.close("one")

    tabs.now = 6 * HOUR
    tabs.kept.sweep()
    assert tabs.kept.take(here.name, "one") is here
    tabs.now = 7 * HOUR + 1
    tabs.kept.sweep()
    assert tabs.kept.take(here.name, "one") is None


def test_the_oldest_sessions_without_a_tab_go_first_where_room_is_short() -> None:
    tabs = Tabs(room=2000)
    sessions = []
    for place in range(4):
        tabs.now = float(place)
        sessions.append(tabs.begin(str(place), film(place)))
        if place < 3:
            tabs.close(str(place))

    tabs.kept.sweep()

    assert [tabs.kept.take(each.name, "back") is each for each in sessions[:3]] == [False, True, True]
    assert tabs.kept.take(sessions[3].name, "3") is sessions[3]


def test_a_session_without_a_tab_gives_up_what_is_computed_for_it() -> None:
    left = []

    class Request:
        def leave(self) -> None:
            left.append(self)

    tabs = Tabs()
    here = tabs.begin("one", film(1))
    here.pending["read"] = [Request()]  # type: ignore[list-item]

    tabs.kept.sweep()
    assert not left
    tabs.close("one")
    tabs.kept.sweep()
    assert len(left) == 1
