"""Progress of a run over many films, on stderr."""

import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from core.cohort.run import Progress

_BETWEEN = 30.0  # s between two lines of progress


class CohortProgress:
    """Progress on stderr, with rate and time left: a bar on a terminal, else a line now and then."""

    def __enter__(self) -> "CohortProgress":
        self._bar: Any = None
        self._last_line = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def tell(self, progress: "Progress") -> None:
        if sys.stderr.isatty():
            from tqdm import tqdm

            if self._bar is None:
                self._bar = tqdm(total=progress.total, unit="film", file=sys.stderr, initial=progress.done)
            self._bar.update(progress.done - self._bar.n)
        elif time.monotonic() - self._last_line >= _BETWEEN:
            self._last_line = time.monotonic()
            click.echo(
                f"{progress.done} of {progress.total} films, {progress.rate:.1f} films/s, "
                f"{progress.left / 60:.0f} min left",
                err=True,
            )
