"""`cohort` beside a plain loop with Captum and pandas: python -m tests.studies.captum_loop FILMS --count 500.

The loop is what a researcher writes in an afternoon: one film after the other, a pass per finding, a row each, maps as
.npy. It reads films by the same functions, so that the maps can be compared. Prints processor time of both, the
lines of the loop's code and the largest difference of a map, as a share of its range.
"""

import argparse
import inspect
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import torch
from captum.attr import LayerGradCam

from core.cohort.films import CohortInput, films_of
from core.cohort.run import run
from core.cohort.settings import Settings
from core.cohort.table import CohortTable, Selection
from core.image.files import read_file
from core.image.prepare import prepare
from core.models.classifier import load


def plain_loop(films: Path, name: str, out: Path) -> None:
    """Predictions and Grad-CAM of all findings by Captum, one film after the other."""
    classifier = load(name)
    card, rows = classifier.checkpoint, []
    with torch.inference_mode(False), classifier.alone() as network:
        method = LayerGradCam(network, network.stage_module(network.last_stage))
        for number, path in enumerate(sorted(films.iterdir())):
            image = prepare(read_file(str(path)), card.input).image[None].clone().requires_grad_()
            probabilities = torch.softmax(network(image) / card.temperature, dim=1)[0]
            for place, finding in enumerate(card.findings):
                heat = method.attribute(image, target=place, relu_attributions=True)[0, 0].detach().numpy()
                np.save(out / f"{number}-{finding}.npy", heat.astype(np.float16))
                rows.append({"path": path.name, "finding": finding, "probability": float(probabilities[place])})
    pd.DataFrame(rows).to_parquet(out / "rows.parquet")


def cohort(source: CohortInput, name: str, out: Path) -> None:
    """The same by `cohort`, in this process alone."""
    run(source, out, Settings((name,), checks=False, lungs=False, features=False, thumbnails=False), workers=0)


def largest_difference(loop: Path, table: CohortTable, name: str, findings: list[str], count: int) -> float:
    """Between the maps of both, as a share of the map's range."""
    worst = 0.0
    for finding in findings:
        stored = table.maps(Selection(name, finding, "grad-cam"), range(count))
        for number, row in stored.items():
            ours, theirs = row["heat"].clip(min=0), np.load(loop / f"{number}-{finding}.npy").astype(np.float32)
            worst = max(worst, float(abs(ours - theirs).max() / max(theirs.max(), 1e-6)))
    return worst


def lines_of(function: Callable[..., object]) -> int:
    """Lines of code, without the signature's docstring and blank lines."""
    lines = [line for line in inspect.getsource(function).splitlines() if line.strip()]
    return len(lines) - 1


def main() -> None:
    """Prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--checkpoint", default="efficientnet-lite0")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        links, loop, out = (Path(folder) / each for each in ("films", "loop", "run"))
        links.mkdir()
        loop.mkdir()
        files = sorted(given.films.iterdir())
        for file in itertools.islice(files, given.count):
            (links / file.name).symlink_to(file.resolve())
        source = films_of(str(links))
        seconds = {}
        for label, call in (
            ("loop", lambda: plain_loop(links, given.checkpoint, loop)),
            ("cohort", lambda: cohort(source, given.checkpoint, out)),
        ):
            start, begun = time.process_time(), time.monotonic()
            call()  # type: ignore[no-untyped-call]
            seconds[label] = time.process_time() - start
            seconds[f"{label}, wall"] = time.monotonic() - begun
        table = CohortTable(out)
        findings, count = table.manifest["checkpoints"][0]["findings"], len(source.films)
        record = {
            "films": count,
            "ms of processor time per film": {label: round(1000 * each / count, 1) for label, each in seconds.items()},
            "cohort / loop": round(seconds["cohort"] / seconds["loop"], 3),
            "lines of the loop": lines_of(plain_loop),
            "largest difference of a map": largest_difference(loop, table, given.checkpoint, findings, count),
        }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
