"""A running request: progress, cancellation, deadline."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from core.errors import Stopped

_LIMIT = 600.0  # s; ten times what a method takes at its defaults on two cores


class Work:
    """Passed to long computations, which call `step` between batches and can be stopped there.

    limit: seconds from now on, waiting for the network included; 0 for none.
    tell:  called with (done, total) network passes after each batch, in the working thread.
    aside: called after each batch, in that thread, while the network is free for others.
    """

    def __init__(
        self,
        *,
        limit: float = _LIMIT,
        tell: Callable[[int, int], None] | None = None,
        aside: Callable[[], None] | None = None,
    ) -> None:
        self._limit = limit
        self._begun = time.monotonic()
        self._tell = tell
        self._aside = aside
        self.outside: Callable[[], AbstractContextManager[None]] | None = None  # set by the door while it is held
        self._cancelled = threading.Event()
        self.done = 0
        self.total = 0

    def cancel(self) -> None:
        """Ends the request at its next step; safe from any thread and repeatedly."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def left(self) -> float:
        """Seconds until the limit; infinite without one."""
        return self._begun + self._limit - time.monotonic() if self._limit else float("inf")

    def expect(self, passes: int) -> None:
        """Announces network passes to come."""
        self.total += passes
        self.step(0)

    def step(self, passes: int = 1) -> None:
        """Reports finished passes and lets waiting requests use the network first.

        Raises: Stopped if the request was cancelled or its time is up.
        """
        self.done += passes
        self._go_on(
            f"was stopped after {self.done} of {self.total} passes of the network. Request fewer steps or samples"
            if self.total
            else "was stopped. Request fewer maps, or try again when fewer others wait"
        )
        if self._tell and self.total:
            self._tell(self.done, self.total)
        if passes and self.outside:
            with self.outside():
                if self._aside:
                    self._aside()

    def wait(self, ahead: int) -> None:
        """Reports that `ahead` requests come first. Raises: as `step`."""
        others = "another request" if ahead == 1 else f"{ahead} other requests"
        self._go_on(f"was stopped with {others} ahead of it. Try again when fewer wait")

    def _go_on(self, how: str) -> None:
        if self._cancelled.is_set():
            raise Stopped("The request was cancelled.")
        if self.left <= 0:
            raise Stopped(f"It took longer than the limit of {self._limit:g} s and {how}, or raise the limit.")
