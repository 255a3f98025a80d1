"""Runs made on this machine, and where their films lie; stored apart from the runs, which hold no such paths."""

import json
import os
from pathlib import Path

from core.models.library import home

_FILE = "cohorts.json"
_MOST = 50


def remember(run: Path, root: Path) -> None:
    """Stores the run and the folder of its films; does nothing if the user's data folder cannot be written to."""
    known = {str(run.resolve()): str(root.resolve()), **{str(key): str(value) for key, value in recent().items()}}
    known[str(run.resolve())] = str(root.resolve())
    file = home() / _FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(dict(list(known.items())[:_MOST]), indent=1), encoding="utf-8")
        temporary.replace(file)
    except OSError:
        return


def recent() -> dict[Path, Path]:
    """Run -> folder of its films, the latest first; runs that no longer exist are left out."""
    try:
        known = json.loads((home() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {Path(run): Path(root) for run, root in known.items() if (Path(run) / "manifest.json").is_file()}
