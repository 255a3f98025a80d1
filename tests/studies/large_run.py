"""The Cohort page on an artificial run of a million rows: python -m tests.studies.large_run --films 333334 --browser.

The run has parts, findings, thumbnails and maps as a real one, with random content; only the first films have features.
Prints processor time and wall time of each query in this process; with --browser the waiting times on the page
instead, on a real server in Chromium: from a filter to the page as it then stays, with the server's processor time, and
the frames of the map of cases.
"""

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from core.chromium import ARGUMENTS, chromium_path, served
from core.cohort.films import CohortFilm
from core.cohort.projection import projection
from core.cohort.recent import remember
from core.cohort.rows import TABLES, VERSION
from core.cohort.run_folder import PART, RunFolder
from core.cohort.similar import neighbour_precision, similar_films
from core.cohort.table import CohortTable, Selection
from core.image.phantom import draw
from tests.studies.cohort_growth import memory_and_time

if TYPE_CHECKING:
    from playwright.sync_api import Page

_FINDINGS = ("covid", "pneumonia", "normal")
_WIDTH = 1024  # features
_SIDE = 7  # cells of a map
_FILTER = "age > 60 AND view = 'PA' AND lung_share < 0.4"
_ROUNDS = 5
CHOSEN = Selection("a", "covid", "grad-cam")


def write_run(path: Path, films: int, with_features: int) -> None:
    """A run of random rows, one per film and finding; the features know the label."""
    folder, chance = RunFolder(path), np.random.default_rng(0)
    cards = [{"name": "a", "digest": "", "findings": _FINDINGS, "multi_label": False, "thresholds": {}}]
    columns: dict[str, Any] = {"rows": {name: {} for name in TABLES["rows"]}}
    path.mkdir()
    folder.write_manifest(
        {"version": VERSION, "columns": columns, "checkpoints": cards, "settings": {"methods": ["grad-cam"]}}
    )
    folder.write_progress({"done": films, "total": films, "state": "complete"})
    folder.plan([CohortFilm(f"{number}.png", f"{number}.png") for number in range(films)])
    jpeg = _thumbnail()
    for part, first in enumerate(range(0, films, PART)):
        count = min(PART, films - first)
        numbers = np.arange(first, first + count, dtype=np.int32)
        known = {"film": numbers, "digest": numbers.astype(str)}
        truth = chance.integers(len(_FINDINGS), size=count)
        answers = {"checkpoint": "a", "method": "grad-cam"}
        rows = _rows_of(known | answers, truth, chance)
        _write(folder, "rows", part, rows)
        heat = chance.random((len(rows["film"]), _SIDE, _SIDE)).astype(np.float16)
        maps = {name: rows[name] for name in ("film", "digest", "checkpoint", "finding", "method")}
        edges = {"x0": 0.0, "y0": 0.0, "x1": 256.0, "y1": 256.0, "turn": 0, "rows": _SIDE, "columns": _SIDE}
        _write(folder, "maps", part, maps | edges | {"heat": [each.tobytes() for each in heat]})
        _write(folder, "thumbnails", part, known | {"jpeg": [jpeg] * count})
        if first < with_features:
            values = chance.normal(0, 1, (count, _WIDTH)).astype(np.float32) + 0.3 * (truth == 0)[:, None]
            _write(folder, "features", part, known | {"checkpoint": "a", "features": list(values.astype(np.float32))})


def _rows_of(known: dict[str, Any], truth: NDArray[np.int64], chance: np.random.Generator) -> dict[str, Any]:
    """The columns of the rows of some films: a row per film and finding."""
    count, kinds = len(truth), len(_FINDINGS)
    of_film = {
        **known,
        "path": [f"{number}.png" for number in known["film"]],
        "age": chance.integers(1, 95, count),
        "sex": np.where(chance.random(count) < 0.5, "F", "M"),
        "source": chance.choice(["north", "south", "west"], count),
        "view": np.where(chance.random(count) < 0.7, "PA", "AP"),
        "height": 256,
        "width": 256,
        "lung_x0": 0.2,
        "lung_y0": 0.2,
        "lung_x1": 0.8,
        "lung_y1": 0.8,
    }
    rows = {name: value if np.isscalar(value) else np.repeat(value, kinds) for name, value in of_film.items()}
    label = np.eye(kinds, dtype=bool)[truth].ravel()
    return rows | {
        "finding": _FINDINGS * count,
        "label": label,
        "probability": np.clip(chance.normal(0.3 + 0.3 * label, 0.15), 0, 1),
        "lung_share": chance.random(count * kinds),
    }


def _write(folder: RunFolder, table: str, part: int, columns: dict[str, Any]) -> None:
    """Writes a part; single values are repeated, missing columns are null."""
    count = len(columns["film"])
    arrays = {}
    for name, (kind, _) in TABLES[table].items():
        value = columns.get(name)
        arrays[name] = pa.array([value] * count if value is None or np.isscalar(value) else value, kind)
    file = folder.part_file(table, part)
    file.parent.mkdir(exist_ok=True)
    parquet.write_table(pa.table(arrays), file)


def _thumbnail() -> bytes:
    file = io.BytesIO()
    film = draw(seed=0, height=128, width=128).radiograph
    Image.fromarray((film.pixels >> 4).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def timed(call: Callable[[], object]) -> dict[str, int]:
    """Milliseconds of the second of two calls."""
    call()
    start, begun = time.process_time(), time.monotonic()
    call()
    return {
        "processor ms": round(1000 * (time.process_time() - start)),
        "wall ms": round(1000 * (time.monotonic() - begun)),
    }


def queries(run: Path, tsne: int) -> None:
    """Prints one line of JSON per question."""
    begun = time.monotonic()
    table = CohortTable(run)
    print(json.dumps({"question": "opening the run", "wall s": round(time.monotonic() - begun, 1)}), flush=True)
    filtered = Selection("a", "covid", "grad-cam", text=_FILTER)
    number, features = table.features(CHOSEN, [7])
    questions: dict[str, Callable[[], object]] = {
        "filter and count": lambda: table.count(filtered),
        "counts behind the curves": lambda: table.scores(filtered),
        "a page of the gallery, worst mistakes first": lambda: table.films(
            filtered, order="Worst mistakes first", first=0, most=24
        ),
        "thumbnails of a page": lambda: table.thumbnails(range(0, 24 * 997, 997)),
        "maps of a page": lambda: table.maps(CHOSEN, range(0, 24 * 997, 997)),
        "sample of 100,000 for the map": lambda: table.sample(CHOSEN, "label", 100_000),
        "similar films": lambda: similar_films(table, CHOSEN, features[0], digest=str(number[0])),
        "precision of the five nearest": lambda: neighbour_precision(table, CHOSEN),
    }
    for name, call in questions.items():
        print(json.dumps({"question": name, **timed(call)}), flush=True)
    _, features = table.features(CHOSEN, range(tsne))
    for name in ("PCA", "t-SNE", "Self-organising map"):
        start, begun = time.process_time(), time.monotonic()
        result = projection(features, name)  # type: ignore[arg-type]
        seconds = {"processor s": round(time.process_time() - start, 1), "wall s": round(time.monotonic() - begun, 1)}
        question = f"{name} of {features.shape[0]:,} x {features.shape[1]:,}"
        print(json.dumps({"question": question, **seconds, "trust": round(result.trustworthiness, 3)}), flush=True)


def waits(address: str, films: int, server: int) -> None:
    """Prints the waiting times on the page as JSON."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(180_000)
        page.goto(f"{address}/cohort")
        page.get_by_text(f"{films:,} films").first.wait_for()
        _idle(page)
        before = memory_and_time(server)[1]
        seconds = [_filter_seconds(page, f"{_FILTER} AND age < {90 + turn}") for turn in range(_ROUNDS)]
        spent = round((memory_and_time(server)[1] - before) / _ROUNDS, 2)
        print(json.dumps({"question": "filter to redraw", "wall s": seconds, "server, processor s": spent}), flush=True)
        page.get_by_role("textbox", name="Filter").fill("")
        page.get_by_role("textbox", name="Filter").press("Enter")
        _idle(page)
        begun = time.monotonic()
        page.get_by_text("Map of cases", exact=True).click()
        page.get_by_text("Trustworthiness").wait_for()
        page.locator(".js-plotly-plot canvas").first.wait_for()
        _idle(page)
        drawn = round(time.monotonic() - begun, 2)
        begun = time.monotonic()
        page.get_by_role("combobox", name="Colour").click()
        page.get_by_role("option", name="source", exact=True).click()
        page.get_by_text("share the source").wait_for()
        _idle(page)
        coloured = round(time.monotonic() - begun, 2)
        print(
            json.dumps(
                {
                    "question": "map of cases by PCA",
                    "drawn, wall s": drawn,
                    "another colour, wall s": coloured,
                    **_frames(page),
                }
            ),
            flush=True,
        )
        page.screenshot(path="build/large_run.png")
        chromium.close()


def _filter_seconds(page: "Page", text: str) -> float:
    """From the key that sends the filter until the page shows its result and rests."""
    field = page.get_by_role("textbox", name="Filter")
    field.fill(text)
    begun = time.monotonic()
    field.press("Enter")
    page.get_by_text(text).first.wait_for()
    _idle(page)
    return round(time.monotonic() - begun, 2)


def _idle(page: "Page") -> None:
    """Waits until the server's run is over and drawn."""
    page.wait_for_timeout(50)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _frames(page: "Page") -> dict[str, float]:
    """Milliseconds per frame while the mouse draws a lasso over the map, and until the chosen films are listed."""
    box: Any = page.locator(".js-plotly-plot").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    page.evaluate("() => { window.frames_ = []; const next = (now) => { window.frames_.push(now);"
                  " requestAnimationFrame(next); }; requestAnimationFrame(next); }")  # fmt: skip
    for step in range(60):
        angle = 2 * np.pi * step / 60
        page.mouse.move(x + 80 * np.sin(angle), y - 80 * np.cos(angle))
    times = np.diff(page.evaluate("window.frames_"))
    begun = time.monotonic()
    page.mouse.up()
    page.get_by_text("chosen on the map").first.wait_for()
    _idle(page)
    return {
        "lasso, median ms a frame": round(float(np.median(times)), 1),
        "lasso, slowest frame, ms": round(float(times.max()), 1),
        "lasso to films, wall s": round(time.monotonic() - begun, 2),
    }


def main() -> None:
    """Prints one line of JSON per question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=333_334, help="three rows each")
    parser.add_argument("--features", type=int, default=100_000, help="films with features")
    parser.add_argument("--tsne", type=int, default=5_000)
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--run", type=Path, help="folder to keep the run in, or an earlier one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or Path(folder) / "run"
        if not run.exists():
            write_run(run, given.films, given.features)
        if not given.browser:
            queries(run, given.tsne)
            return
        os.environ["LIGHTBOX_HOME"] = str(Path(folder) / "home")
        remember(run, run)
        with served() as (server, address):
            waits(address, given.films, server.pid)


if __name__ == "__main__":
    main()
