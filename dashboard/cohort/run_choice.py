"""The run on the page: choosing, starting, following and cancelling it."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from core.cohort.launch import failure, run_path, start_run, stop_run
from core.cohort.recent import recent
from core.cohort.run_folder import RunFolder
from core.cohort.table import CohortTable
from core.errors import UserError
from core.explain.method import methods
from dashboard import draw, markup, paths
from dashboard.bound_field import BoundField
from dashboard.cache import cohort_results, model_files
from dashboard.state import session

_EVERY = 1.0  # s between two checks of a run in progress


def chosen_run() -> CohortTable | None:
    """The rows of the chosen run, or None while there are none; draws the menu, the form for a new run and progress."""
    state = session().cohort
    known = [str(path) for path in recent()]
    if state.run is None and known:
        state.run = known[0]
    with st.container(key="cohort run", horizontal=True, vertical_alignment="bottom", gap="small"):
        run_menu("Run", "run", known, then=_another)
        with st.popover("New run", icon=":material/add:"):
            _form()
    if not state.run:
        st.html(markup.paragraph("No run yet. Start one, or make one with python -m core cohort FOLDER --out RUN."))
        return None
    path = paths.typed(state.run)
    folder = RunFolder(path)
    if folder.worker() is not None or (not folder.is_run() and path.parent == run_path("x").parent):
        _watched(path)
    elif folder.is_run() and folder.progress().get("state") != "complete":
        _unfinished(path)
    if not folder.is_run() or not (path / "rows").is_dir():
        if folder.worker() is None:
            folder.manifest()  # raises the reason
        return None
    return cohort_results.cohort_table(path)


def run_menu(
    label: str, name: str, known: Sequence[str], *, then: Callable[[], None] = lambda: None, help: str | None = None
) -> None:
    """A menu of the runs on this machine; the folder of another run can be typed in.

    name: field of the page's state. then: called after a change.
    """
    field = BoundField(f"cohort.{name}", lambda value: (value or "").strip() or None, then)
    st.selectbox(
        label,
        list(dict.fromkeys([*([field.value] if field.value else []), *known])),
        **field.widget(),
        format_func=lambda path: Path(path).name if path in known else path,
        accept_new_options=True,
        placeholder="Choose a run, or enter its folder",
        help=help,
        width=420,
    )


def _another() -> None:
    """Resets models, findings and filter after a change of run."""
    state = session().cohort
    state.checkpoint = state.finding = state.method = state.text = state.group = ""
    state.outcome, state.low, state.high, state.first, state.films, state.hovered = "all", 0.0, 1.0, 0, (), None
    state.threshold = state.prevalence = None


def _form() -> None:
    state = session().cohort
    field = BoundField("cohort.input", str.strip)
    st.text_input("Films", **field.widget(), placeholder="/data/films, /data/films.csv, /data/films.zip")
    models = [name for name in state.models if name in model_files.names()] or model_files.names()[:1]
    st.multiselect("Models", model_files.names(), **BoundField("cohort.models", tuple).widget(value=models))
    st.multiselect(
        "Methods",
        list(methods),
        **BoundField("cohort.methods", tuple).widget(value=list(state.methods)),
        format_func=lambda name: methods[name].title,
    )
    st.text_input("Name", **BoundField("cohort.name", str.strip).widget(), placeholder="first")
    ready = bool(state.input and models and state.name)
    st.button("Start", type="primary", icon=":material/play_arrow:", on_click=_start, disabled=not ready)


def _start() -> None:
    state = session().cohort
    try:
        paths.typed(state.input)
        models = state.models or tuple(model_files.names()[:1])
        state.run = str(start_run(state.name, state.input, checkpoints=models, methods=state.methods))
        _another()
    except UserError as error:
        session().problems[:] = [str(error)]


def _unfinished(path: Path) -> None:
    """A run that ended before its last film: its last message, and how to resume it."""
    progress = RunFolder(path).progress()
    words = failure(path)
    done = f"{progress.get('done', 0):,} of {progress.get('total', 0):,} films are done. "
    st.warning(draw.plain(f"{done}{words or 'The same command continues it.'}"), icon=":material/pause_circle:")


@st.fragment(run_every=_EVERY)
def _watched(path: Path) -> None:
    """Progress and Cancel, until the process ends."""
    folder = RunFolder(path)
    if folder.worker() is None:
        if folder.is_run() and folder.progress().get("state") == "complete":
            st.rerun()
        if words := failure(path):
            draw.problem(words)
            return
    progress = folder.progress()
    done, total = progress.get("done", 0), progress.get("total", 0)
    left = progress.get("left")
    words = f"{done:,} of {total:,} films" if total else "Finding films and loading the models …"
    if left is not None and math.isfinite(left):
        words += f", {progress['rate']:.1f} per second, {_minutes(left)} left"
    with st.container(key="cohort busy", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(markup.progress(words, done / total if total else None))
        st.button("Cancel", key="cancel cohort", on_click=_cancel, args=(path,), icon=":material/stop:")


def _cancel(path: Path) -> None:
    try:
        stop_run(path)
    except UserError as error:
        session().problems[:] = [str(error)]


def _minutes(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )
