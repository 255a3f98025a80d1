"""Queries of the Cohort page on an artificial run: python -m tests.studies.large_run --films 1000000 --features 100000.

Processor time and wall time of each question, in ms, of this process alone; nothing here is drawn in a browser.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from core.cohort.projection import projection
from core.cohort.rows import FEATURES, ROWS, TABLES, VERSION
from core.cohort.run_folder import RunFolder
from core.cohort.similar import similar_films
from core.cohort.table import CohortTable, Selection

_PART = 50_000  # rows
_WIDTH = 1024  # features
CHOSEN = Selection("a", "covid", "grad-cam")


def write_run(folder: Path, films: int, with_features: int) -> None:
    """A run of random rows, one per film; the first ones have features that know the label."""
    chance = np.random.default_rng(0)
    RunFolder(folder).write_manifest(
        {
            "version": VERSION,
            "columns": {"rows": {name: {} for name in TABLES["rows"]}},
            "checkpoints": [{"name": "a", "digest": "", "findings": ["covid"], "thresholds": {}}],
            "settings": {"methods": ["grad-cam"]},
        }
    )
    for table in ("rows", "features"):
        (folder / table).mkdir()
    for part, first in enumerate(range(0, films, _PART)):
        count = min(_PART, films - first)
        label = chance.random(count) < 0.3
        known: dict[str, object] = {
            "film": np.arange(first, first + count, dtype=np.int32),
            "path": [f"{number}.png" for number in range(first, first + count)],
            "digest": [str(number) for number in range(first, first + count)],
            "checkpoint": ["a"] * count,
            "finding": ["covid"] * count,
            "method": ["grad-cam"] * count,
            "probability": np.clip(chance.normal(0.3 + 0.3 * label, 0.15), 0, 1).astype(np.float32),
            "label": label,
            "age": chance.integers(1, 95, count).astype(np.float32),
            "sex": np.where(chance.random(count) < 0.5, "F", "M"),
            "source": chance.choice(["north", "south", "west"], count),
            "view": np.where(chance.random(count) < 0.7, "PA", "AP"),
            "lung_share": chance.random(count).astype(np.float32),
        }
        columns = {name: pa.array(known[name], kind) if name in known else pa.nulls(count, kind) for name, (kind, _) in
                   ROWS.items()}  # fmt: skip
        parquet.write_table(pa.table(columns), folder / "rows" / f"part-{part:06d}.parquet")
        count = max(0, min(_PART, with_features - first))
        if count:
            values = chance.normal(0, 1, (count, _WIDTH)).astype(np.float32) + 0.3 * label[:count, None]
            listed = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), _WIDTH).cast(FEATURES["features"][0])
            features = {"film": known["film"][:count], "digest": known["digest"][:count], "checkpoint": ["a"] * count}  # type: ignore[index]
            parquet.write_table(
                pa.table(features | {"features": listed, "stage": pa.nulls(count, pa.string())}),
                folder / "features" / f"part-{part:06d}.parquet",
            )


def timed(call: Callable[[], object]) -> dict[str, int]:
    """Milliseconds of the second of two calls."""
    call()
    start, begun = time.process_time(), time.monotonic()
    call()
    return {
        "processor ms": round(1000 * (time.process_time() - start)),
        "wall ms": round(1000 * (time.monotonic() - begun)),
    }


def main() -> None:
    """Prints one line of JSON per question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=100_000)
    parser.add_argument("--tsne", type=int, default=5_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        write_run(run, given.films, given.features)
        table = CohortTable(run)
        filtered = Selection("a", "covid", "grad-cam", text="age > 60 AND view = 'PA' AND lung_share < 0.4")
        number, features = table.features(CHOSEN, [7])
        questions: dict[str, Callable[[], object]] = {
            "filter and count": lambda: table.count(filtered),
            "counts behind the curves": lambda: table.scores(filtered),
            "a page of the gallery, worst mistakes first": lambda: table.films(
                filtered, order="Worst mistakes first", first=0, most=12
            ),
            "sample of 100,000 for the map": lambda: table.sample(CHOSEN, "label", 100_000),
            "similar films": lambda: similar_films(table, CHOSEN, features[0], digest=str(number[0])),
        }
        for name, call in questions.items():
            print(json.dumps({"question": name, **timed(call)}), flush=True)
        _, features = table.features(CHOSEN, range(given.tsne))
        start, begun = time.process_time(), time.monotonic()
        result = projection(features, "t-SNE")
        seconds = {"processor s": round(time.process_time() - start), "wall s": round(time.monotonic() - begun)}
        print(json.dumps({"question": f"t-SNE of {len(features)}", **seconds, "trust": result.trustworthiness}))


if __name__ == "__main__":
    main()
