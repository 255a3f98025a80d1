"""Trainings in progress: the curves of each run's log, redrawn every few seconds."""

import time
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.card import Epoch
from core.codec import parse
from core.train import log
from dashboard import markup
from dashboard.models.training import curves, duration

RUNS = Path(__file__).parents[2] / "runs"  # where `python -m core train` keeps states and logs
_REFRESH = 5  # s
_PATIENCE = 3  # epochs without a new line after which a training counts as stopped


@dataclass(frozen=True, eq=False)
class Run:
    """One training: its name, the lines of its log, and the seconds since the last one."""

    name: str
    epochs: tuple[Epoch, ...]
    silent: float

    @property
    def total(self) -> int:
        """Planned epochs; if the log lacks them, the completed ones."""
        return self.epochs[-1].of or len(self.epochs)

    @property
    def running(self) -> bool:
        """Whether epochs remain, and the last line is recent."""
        pace = self.epochs[-1].seconds or 60
        return len(self.epochs) < self.total and self.silent < max(120.0, _PATIENCE * pace)


def section() -> None:
    """A collapsed section; when open it draws the chosen run and follows it."""
    going = [run.name for run in runs(RUNS) if run.running]
    if going:
        st.html(markup.paragraph(f"Running now: {', '.join(going)}.", quiet=True))
    fold = st.expander("Trainings", key="trainings", on_change="rerun", icon=":material/show_chart:")
    if fold.open:
        with fold:
            _live()


def runs(folder: Path) -> list[Run]:
    """Every run of the folder with at least one completed epoch, latest first."""
    logs = sorted(folder.glob("*/log.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    all_runs = [
        Run(path.parent.name, tuple(parse(Epoch, line) for line in log.read(path)), time.time() - path.stat().st_mtime)
        for path in logs
    ]
    return [run for run in all_runs if run.epochs]


def state(run: Run) -> str:
    """Its progress in a sentence."""
    done, total = len(run.epochs), run.total
    spent = duration(sum(epoch.seconds for epoch in run.epochs))
    if done >= total:
        return f"Finished: {done} epochs in {spent}."
    if not run.running:
        return (
            f"Stopped after epoch {done} of {total}, {spent}. If it was killed, the same command continues from there."
        )
    left = (total - done) * run.epochs[-1].seconds
    return f"Epoch {done} of {total} done, {spent} so far, about {duration(left)} left."


@st.fragment(run_every=_REFRESH)
def _live() -> None:
    known = {run.name: run for run in runs(RUNS)}
    if not known:
        st.html(markup.paragraph("No training has written a log yet. Start one to see its curves here:"))
        st.code("python -m core train --data DIR --name NAME", language="bash")
        return
    name = st.selectbox("Run", list(known), key="followed run", width=320)
    run = known[name]
    st.html(markup.paragraph(state(run)))
    curves(run.epochs, name=f"run {run.name}")
