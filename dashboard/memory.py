"""Keeps the garbage collector away from what lives as long as the server.

Streamlit runs `gc.collect(2)` after every script and fragment, over every object that torch, pandas and the pages have
ever made: two thirds of the server's CPU. `gc.freeze()` moves the objects of that moment out of its reach. Reference
counts still free them; only a cycle among frozen objects stays. So it is done at a few moments whose number does not
grow with the sessions: when the imports are done, when a page of each kind has been drawn for the first time, and when
a network has been loaded. What later sessions leave behind is collected as ever (tests/dashboard/test_memory.py).
"""

import gc
import threading
from collections.abc import Hashable

_moments: set[Hashable] = set()
_changing = threading.Lock()


def freeze_once(moment: Hashable) -> None:
    """Collects what is garbage now, then freezes the rest; nothing at the second call for the same moment."""
    with _changing:
        if moment in _moments:
            return
        _moments.add(moment)
        gc.collect()
        gc.freeze()
