"""A run over a folder: what its tables hold, and that nothing is lost or doubled, however the run ends."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as dataset
import pytest

from core.cohort.films import films_of
from core.cohort.rows import ROWS, VERSION
from core.cohort.run import Progress, run
from core.cohort.run_folder import RunFolder
from core.cohort.settings import Settings
from core.errors import BadData, BadSetting, UnknownName
from core.explain.run import Request, explain_many
from core.image.files import read_file
from core.models.checkpoints import amend
from core.models.classifier import Classifier
from core.trust.measure import Question, measures
from core.types import Cleaning
from tests.conftest import FINDINGS

PLAIN = Settings(("untrained",), methods=("grad-cam",), checks=False, lungs=False)


def rows_of(out: Path, table: str = "rows") -> list[dict[str, Any]]:
    """The rows of a run by film, finding and method."""
    rows = dataset.dataset(out / table).to_table().to_pylist()
    return sorted(rows, key=lambda row: (row["film"], row.get("finding") or "", row.get("method") or ""))


def without_seconds(out: Path) -> list[dict[str, Any]]:
    return [{name: cell for name, cell in row.items() if name != "seconds"} for row in rows_of(out)]


def run_films(films: Path, out: Path, weights: Path, settings: Settings = PLAIN, **options: Any) -> Progress:
    return run(films_of(str(films)), out, settings, weights=weights, workers=0, **options)


@pytest.fixture(scope="module")
def complete_run(films: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run in several parts, which other runs must equal."""
    out = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.cohort.run_folder.PART", 2)
        run_films(films, out, weights)
    return out


def test_there_is_one_row_per_film_finding_and_method_and_one_for_a_bad_file(complete_run: Path) -> None:
    rows = rows_of(complete_run)

    assert list(rows[0]) == list(ROWS)
    assert len(rows) == 6 * len(FINDINGS) + 1
    (bad,) = [row for row in rows if row["error"]]
    assert bad["path"] == "b/broken.png"
    assert "plain text" in bad["error"]
    assert bad["probability"] is None
    assert {row["path"] for row in rows} == {*(f"a/{n}.png" for n in range(3)), *(f"b/{n}.png" for n in (3, 4, 5))} | {
        "b/broken.png"
    }


def test_a_row_holds_what_explain_gives_for_that_film(complete_run: Path, films: Path, classifier: Classifier) -> None:
    film = read_file(str(films / "a" / "1.png"))
    explained = explain_many(classifier, film, [Request("grad-cam", finding) for finding in FINDINGS])
    rows = {row["finding"]: row for row in rows_of(complete_run) if row["path"] == "a/1.png"}
    maps = {row["finding"]: row for row in rows_of(complete_run, "maps") if row["digest"] == film.key}

    for map_ in explained.maps:
        row, stored = rows[map_.finding], maps[map_.finding]
        assert row["probability"] == pytest.approx(explained.prediction.probability(map_.finding), abs=1e-5)
        assert row["digest"] == film.key
        assert row["map_maximum"] == pytest.approx(float(map_.heat.max()), rel=1e-3, abs=1e-6)
        heat = np.frombuffer(stored["heat"], np.float16).reshape(stored["rows"], stored["columns"])
        np.testing.assert_allclose(heat, map_.heat, atol=2e-3 * max(map_.peak, 1e-3))
        assert (stored["x1"], stored["y1"]) == (map_.placement.x1, map_.placement.y1)


def test_the_measures_checks_and_lungs_of_a_row_are_those_of_the_film(
    films: Path, weights: Path, classifier: Classifier, tmp_path: Path
) -> None:
    settings = Settings(("untrained",), measures=("edge", "lungs"), cleaning=Cleaning(anyway=True))
    run_films(films / "a", tmp_path / "run", weights, settings)

    film = read_file(str(films / "a" / "0.png"))
    map_ = explain_many(classifier, film, [Request("grad-cam", "covid")], cleaning=settings.cleaning).maps[0]
    row = next(row for row in rows_of(tmp_path / "run") if row["film"] == 0 and row["finding"] == "covid")
    for name in settings.measures:
        figure = measures[name](Question(classifier, film, map_, settings.cleaning))
        assert row[f"measure_{name}"] == (pytest.approx(figure.value, abs=1e-3) if figure.judged else None)
        assert row[f"measure_{name}_level"] == (figure.level if figure.judged else None)
    assert isinstance(row["film_warnings"], list)
    assert row["lung_share"] is None or row["lung_share"] == pytest.approx(row["measure_lungs"], abs=0.03)


def test_a_film_that_the_checks_withhold_has_the_reason_and_no_probability(weights: Path, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "films").mkdir()
    Image.new("L", (200, 200), 90).save(tmp_path / "films" / "blank.png")
    settings = Settings(("untrained",))
    run_films(tmp_path / "films", tmp_path / "run", weights, settings)

    (row,) = rows_of(tmp_path / "run")
    assert row["withheld"]
    assert row["probability"] is None
    assert row["error"] is None


def test_a_stopped_run_goes_on_where_it_was(films: Path, weights: Path, complete_run: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_films(films, tmp_path / "run", weights, tell=stop)
    begun = {file: file.stat().st_mtime_ns for file in (tmp_path / "run" / "rows").iterdir()}
    assert begun
    run_films(films, tmp_path / "run", weights)

    assert without_seconds(tmp_path / "run") == without_seconds(complete_run)
    assert begun == {file: file.stat().st_mtime_ns for file in begun}  # not written again


def test_a_run_killed_at_any_moment_loses_and_doubles_no_row(
    films: Path, weights: Path, complete_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = [str(films), "--checkpoint", "untrained", "--weights", str(weights), "--no-checks", "--no-lungs"]
    words += ["--workers", "1", "--out", str(out)]
    program = "import core.cohort.run_folder as f; f.PART = 2\nif __name__ == '__main__':\n"
    program += f"    from core.__main__ import cli; cli(['cohort', *{words!r}])"
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, str(tmp_path / "program.py")], env=environment)
    deadline = time.monotonic() + 120
    while not list(out.glob("rows/*.parquet")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert all(len(dataset.dataset(file).to_table()) for file in out.glob("rows/*.parquet"))
    run_films(films, out, weights)
    assert without_seconds(out) == without_seconds(complete_run)
    assert not list((out / "unfinished").iterdir())


def test_a_full_disk_stops_the_run_with_a_sentence_and_the_next_start_goes_on(
    films: Path, weights: Path, complete_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 14:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(BadData, match=r"is full\. What is finished is kept"):
            run_films(films, tmp_path / "run", weights)
    assert list((tmp_path / "run" / "rows").iterdir())
    run_films(films, tmp_path / "run", weights)

    assert without_seconds(tmp_path / "run") == without_seconds(complete_run)


def test_the_second_of_two_processes_says_who_is_at_work(films: Path, weights: Path, tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(BadData, match=rf"is in use by process {os.getpid()} on "),
    ):
        run_films(films, tmp_path / "run", weights)


def test_new_films_of_the_input_are_added_when_the_run_is_started_again(
    films: Path, weights: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("0.png", "1.png", "2.png"):
        (folder / name).write_bytes((films / "a" / name).read_bytes())
    run_films(folder, tmp_path / "run", weights)
    (folder / "10.png").write_bytes((films / "b" / "4.png").read_bytes())
    progress = run_films(folder, tmp_path / "run", weights)

    assert progress.done == 4
    assert [row["path"] for row in rows_of(tmp_path / "run")][:: len(FINDINGS)] == ["0.png", "1.png", "2.png", "10.png"]


def test_several_models_and_methods_each_have_their_rows(films: Path, weights: Path, tmp_path: Path) -> None:
    settings = Settings(("untrained",), methods=("saliency", "centre-gaussian"), checks=False, lungs=False)
    run_films(films / "a", tmp_path / "run", weights, settings)

    rows = rows_of(tmp_path / "run")
    assert len(rows) == 3 * 2 * len(FINDINGS)
    assert {row["method"] for row in rows} == {"saliency", "centre-gaussian"}
    assert all(row["map_maximum"] > 0 for row in rows)


def test_without_methods_there_is_one_row_per_finding(films: Path, weights: Path, tmp_path: Path) -> None:
    settings = Settings(("untrained",), methods=(), checks=False, lungs=False, thumbnails=False, features=False)
    run_films(films / "a", tmp_path / "run", weights, settings)

    assert len(rows_of(tmp_path / "run")) == 3 * len(FINDINGS)
    assert RunFolder(tmp_path / "run").tables() == ["rows"]


def test_no_name_from_outside_the_input_goes_into_a_run(complete_run: Path, films: Path) -> None:
    outside = str(films.parent).encode()

    assert not [file for file in complete_run.rglob("*") if file.is_file() and outside in file.read_bytes()]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda manifest: manifest["settings"].update(methods=["saliency"]), "has methods \\['saliency'\\], but now"),
        (lambda manifest: manifest.update(version=VERSION + 1), "another version of Lightbox"),
        (lambda manifest: manifest.update(input="other"), "is over other, not"),
        (lambda manifest: manifest["checkpoints"][0].update(digest="0"), "made with other weights of untrained"),
    ],
)
def test_another_run_in_the_folder_is_refused_and_left_alone(
    change: Any, sentence: str, complete_run: Path, films: Path, weights: Path, tmp_path: Path
) -> None:
    manifest = json.loads((complete_run / "manifest.json").read_text())
    change(manifest)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(BadData, match=sentence):
        run_films(films, tmp_path / "run", weights)
    assert json.loads((tmp_path / "run" / "manifest.json").read_text()) == manifest
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["manifest.json"]


def test_a_folder_with_other_files_is_refused(films: Path, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")

    with pytest.raises(BadData, match="holds other files and no run"):
        run_films(films, tmp_path, weights)


def test_weights_that_changed_since_are_refused(films: Path, weights: Path, tmp_path: Path, complete_run: Path) -> None:
    import shutil

    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    amend("untrained", {"temperature": 2.0}, folder)

    with pytest.raises(BadData, match="made with other weights of untrained"):
        run_films(films, complete_run, folder)


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(UnknownName, match="grad-cam"):
        Settings(("untrained",), methods=("gradcam",))
    with pytest.raises(UnknownName, match="lungs"):
        Settings(("untrained",), measures=("lung",))
    with pytest.raises(BadSetting, match="is an ensemble"):
        Settings(("a+b",))
    with pytest.raises(BadSetting, match="named twice"):
        Settings(("a", "a"))
