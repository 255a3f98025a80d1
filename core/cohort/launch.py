"""Starts and stops a run in a process of its own, which continues when the user leaves the page that started it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.cohort.run_folder import RunFolder
from core.errors import BadSetting
from core.models.library import home

_REPOSITORY = Path(__file__).parents[2]
_ERROR = "Error: "  # before the sentence of a command that failed
_NAME = re.compile(r"[\w][\w. -]{0,63}")


def run_path(name: str) -> Path:
    """The folder of a run of that name, in the user's data folder. Raises: BadSetting for an invalid name."""
    if not _NAME.fullmatch(name):
        raise BadSetting(f"The run is called {name!r}. Use letters, digits, spaces, dots and dashes, 64 at most.")
    return home() / "cohorts" / name


def start_run(name: str, given: str, *, checkpoints: Sequence[str], methods: Sequence[str]) -> Path:
    """Starts or resumes the run; gives its folder."""
    path = run_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "core", "cohort", given, "--methods", ",".join(methods), "--out", str(path)]
    for checkpoint in checkpoints:
        words += ["--checkpoint", checkpoint]
    with open(_log(path), "wb") as log:
        subprocess.Popen(
            words, cwd=_REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return path


def failure(path: Path) -> str:
    """The error message of the run's process; empty if it did not fail, or was stopped."""
    try:
        lines = _log(path).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.removeprefix(_ERROR) for line in reversed(lines) if line.startswith(_ERROR)), "")


def stop_run(path: Path) -> None:
    """Ends the process that works on the run; finished parts are kept. Raises: BadSetting if it is elsewhere."""
    worker = RunFolder(path).worker()
    if not worker:
        return
    if worker.get("host") != socket.gethostname():
        raise BadSetting(f"The run is in progress on {worker.get('host')}. Stop it there.")
    os.kill(int(worker["pid"]), signal.SIGTERM)


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.log")
