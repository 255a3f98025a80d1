"""A run over many films: planned, computed, stored; resumable at any moment."""

import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core import lung_network
from core.cohort.films import CohortInput
from core.cohort.local import parts_of
from core.cohort.recent import remember
from core.cohort.rows import TABLES, VERSION, Records, measure_columns
from core.cohort.run_folder import RunFolder
from core.cohort.settings import Settings
from core.cohort.task import load_task
from core.errors import BadData
from core.film_stream import reading_processes
from core.models import checkpoints, library
from core.types import Checkpoint

_LIBRARIES = ("torch", "torchvision", "captum", "numpy", "opencv-python-headless", "pillow", "pydicom", "pyarrow")
_BETWEEN = 1.0  # s between two entries in progress.json

RunParts = Iterator[tuple[int, int, Records | None]]


@dataclass(frozen=True)
class Progress:
    """The progress of a run. rate: films per second of this process; left: seconds, NaN before the first film."""

    done: int
    total: int
    rate: float
    left: float


def run(
    source: CohortInput,
    out: Path,
    settings: Settings,
    *,
    weights: Path | None = None,
    workers: int | None = None,
    ray: str | None = None,
    command: Sequence[str] = (),
    tell: Callable[[Progress], None] | None = None,
) -> Progress:
    """Computes the missing parts of the run in `out`, or all of them; existing rows are never rewritten.

    weights: folder of checkpoints; None for the shipped ones and the user's own.
    workers: processes that decode, 0 for this one; None for as many as `reading_processes`.
    ray:     address of the cluster to run on; None for this machine.
    command: the command line, for the manifest.
    tell:    called after each batch.
    Raises:  BadData if the folder holds another run, another process works on it, or the disk is full.
    """
    folder = RunFolder(out)
    if out.exists() and any(out.iterdir()) and not folder.is_run() and not (out / "lock").exists():
        raise BadData(f"{out} holds other files and no run. Choose a new folder for --out.")
    cards = [checkpoints.read_card(name, weights or library.place(name)) for name in settings.checkpoints]
    if folder.is_run():
        _refuse_other(folder.manifest(), source, settings, cards, out)
    with folder.locked():
        if not folder.is_run():
            folder.write_manifest(_manifest(source, settings, cards, command))
        _refuse_other(folder.manifest(), source, settings, cards, out)  # it may have been written meanwhile
        folder.plan(source.films)
        remember(out, source.root)
        done, total = folder.films_done(), folder.films
        progress = Progress(done, total, 0.0, float("nan"))
        if done < total:
            task = load_task(settings, weights)
            if ray:
                from core.cohort.cluster import parts_on_cluster

                parts = parts_on_cluster(task, source.root, folder.unfinished_parts(), address=ray, weights=weights)
            else:
                workers = reading_processes(total - done) if workers is None else workers
                parts = parts_of(task, source.root, folder.unfinished_parts(), workers=workers)
            progress = _stored(folder, parts, progress, settings, tell)
        folder.write_progress({"done": progress.done, "total": total, "state": "complete"})
    return progress


def _stored(
    folder: RunFolder, parts: RunParts, progress: Progress, settings: Settings, tell: Callable[[Progress], None] | None
) -> Progress:
    """Writes each part as it is computed."""
    begun, start, entered = progress.done, time.monotonic(), 0.0
    for part, films, records in parts:
        if records is not None:
            folder.write_part(part, records, settings.measures)
        done, seconds = progress.done + films, time.monotonic() - start
        rate = (done - begun) / seconds
        progress = Progress(done, progress.total, rate, (progress.total - done) / rate)
        if time.monotonic() - entered >= _BETWEEN:
            entered = time.monotonic()
            folder.write_progress(
                {"done": done, "total": progress.total, "rate": rate, "left": progress.left, "state": "running"}
            )
        if tell:
            tell(progress)
    return progress


def _manifest(
    source: CohortInput, settings: Settings, cards: Sequence[Checkpoint], command: Sequence[str]
) -> dict[str, Any]:
    columns = {**TABLES, "rows": {**TABLES["rows"], **measure_columns(settings.measures)}}
    return {
        "version": VERSION,
        "note": "For research and teaching. Not for diagnosis.",
        "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "input": source.root.resolve().name,
        "settings": settings.card(),
        "checkpoints": [
            {
                "name": card.name,
                "digest": card.key,
                "sha256": card.sha256,
                "architecture": card.architecture,
                "findings": list(card.findings),
                "multi_label": card.multi_label,
                "temperature": card.temperature,
                "thresholds": dict(card.thresholds),
            }
            for card in cards
        ],
        "lungs": _lung_network() if settings.lungs or settings.checks else None,
        "command": list(command),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "columns": {
            table: {name: {"type": str(kind), "meaning": words} for name, (kind, words) in each.items()}
            for table, each in columns.items()
        },
    }


def _lung_network() -> str:
    """The digest of the weights that find the lungs."""
    card = json.loads((checkpoints.SHIPPED / f"{lung_network.NAME}.json").read_text(encoding="utf-8"))
    return str(card["sha256"])


def _refuse_other(
    manifest: dict[str, Any], source: CohortInput, settings: Settings, cards: Sequence[Checkpoint], out: Path
) -> None:
    """Raises: BadData if the manifest is not of this run."""
    other = "Choose another --out, or give the command that the run was made with."
    for card in cards:
        for known in manifest["checkpoints"]:
            if known["name"] == card.name and known["digest"] != card.key:
                raise BadData(
                    f"The run in {out} was made with other weights of {card.name} (digest {known['digest']}, now "
                    f"{card.key}). Choose another --out, or restore those weights."
                )
    given, mine = manifest["settings"], json.loads(json.dumps(settings.card()))
    differing = sorted(name for name in {*mine, *given} if mine.get(name) != given.get(name))
    if differing:
        name = differing[0]
        raise BadData(f"The run in {out} has {name} {given.get(name)}, but now it would be {mine.get(name)}. {other}")
    if manifest["input"] != source.root.resolve().name:
        raise BadData(f"The run in {out} is over {manifest['input']}, not {source.root.resolve().name}. {other}")
