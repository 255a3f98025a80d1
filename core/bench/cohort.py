"""The cost of a run over many files, compared with bare forward passes of the same network in batches."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from core.cohort.decode import decode
from core.cohort.films import CohortInput, films_of
from core.cohort.local import parts_of
from core.cohort.run_folder import RunFolder
from core.cohort.settings import Settings
from core.cohort.task import BATCH, Task
from core.image.phantom import draw
from core.models.classifier import Classifier

AT_LEAST = 0.80  # of the bare passes' rate, with files of 256 px
_FILMS = 2 * BATCH
_SIDES = (256, 2000)  # px of the files


def cohort_figures(classifier: Classifier, *, rounds: int) -> dict[str, Any]:
    """For each file size: the rate of prediction and Grad-CAM of all findings, from files on disk to Parquet, as a
    share of the rate of bare passes, by CPU time of all threads; medians of alternating rounds. Also the decoder's
    share of that time.
    """
    return {
        "films": _FILMS,
        "target at 256 px": AT_LEAST,
        **{f"{side} px": _figures(classifier, side, rounds) for side in _SIDES},
    }


def _figures(classifier: Classifier, side: int, rounds: int) -> dict[str, float]:
    settings = Settings((classifier.checkpoint.name,), checks=False, lungs=False)
    task = Task(settings, [classifier])
    size, channels = classifier.checkpoint.input.size, classifier.checkpoint.input.channels
    images = torch.randn(BATCH, channels, size, size)
    with tempfile.TemporaryDirectory() as folder:
        source = _files(Path(folder) / "films", side)
        shares, decoding, whole = [], [], []
        for number in range(rounds + 1):  # the first one warms up
            bare = _cpu(lambda: [classifier.logits(images) for _ in range(_FILMS // BATCH)])
            run = RunFolder(Path(folder) / f"run-{number}")
            full = _cpu(lambda run=run: _run(task, source, run))  # type: ignore[misc]
            reading = _cpu(lambda: [decode(source.root, film, settings, task.inputs) for film in source.films])
            shares.append(bare / full)
            decoding.append(reading / full)
            whole.append(1000 * full / _FILMS)
    return {
        "share of bare passes": round(statistics.median(shares[1:]), 3),
        "decoder's share": round(statistics.median(decoding[1:]), 3),
        "CPU ms per film": round(statistics.median(whole[1:]), 1),
    }


def _run(task: Task, source: CohortInput, folder: RunFolder) -> None:
    folder.plan(source.films)
    for part, _, records in parts_of(task, source.root, folder.unfinished_parts(), workers=0):
        if records is not None:
            folder.write_part(part, records, task.settings.measures)


def _files(folder: Path, side: int) -> CohortInput:
    """Drawn films as 8-bit PNG files: one drawing, shifted by a few pixels in each so that no two are the same."""
    folder.mkdir()
    film = (draw(height=side, width=side).radiograph.pixels >> 4).astype("uint8")
    for number in range(_FILMS):
        Image.fromarray(film[number:, : side - number]).save(folder / f"{number:03d}.png", compress_level=1)
    return films_of(str(folder))


def _cpu(call: Callable[[], Sequence[object] | None]) -> float:
    """Seconds of processor time of all threads."""
    start = time.process_time()
    call()
    return time.process_time() - start
