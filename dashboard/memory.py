"""Keeps the garbage collector away from objects that live longer than one run of a page.

Streamlit runs `gc.collect(2)` after every script and fragment, over every object that torch, pandas and the pages have
ever made: two thirds of the server's CPU. `gc.freeze()` moves the objects of that moment out of its reach. Reference
counts still free them; only a cycle among frozen objects stays. It is done when the imports are done, when a page of
each kind has been drawn for the first time, and when a network has been loaded. After that every hundredth run of a
page thaws, collects and freezes all: Streamlit keeps a closed session for two minutes, in case its tab reconnects, and
with 80 of them a run collected over 62,000 objects; so a cycle stays for a hundred runs at most
(tests/dashboard/test_memory.py).
"""

import gc
import itertools
import threading
from collections.abc import Hashable

RUNS = 100  # of pages between two freezes: a freeze takes about as long as it saves in ten runs
_runs = itertools.count(1)
_moments: set[Hashable] = set()
_changing = threading.Lock()


def freeze_once(moment: Hashable) -> None:
    """Collects garbage, then freezes all remaining objects; does nothing at the second call for the same moment."""
    with _changing:
        if moment in _moments:
            return
        _moments.add(moment)
        gc.collect()
        gc.freeze()


def count_run() -> None:
    """Counts a run of a page; every hundredth run collects all garbage and freezes the remaining objects."""
    if next(_runs) % RUNS == 0:
        with _changing:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
