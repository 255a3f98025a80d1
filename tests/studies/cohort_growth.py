"""Memory and time of a run against its number of films: python -m tests.studies.cohort_growth FILMS --counts 500,20000.

The run of each count reads links to the files of FILMS, over and over, in a process of its own with its decoders.
Resident memory of all its processes is read every half second; shared pages count once (PSS).
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core.cohort.run_folder import RunFolder

_BETWEEN = 0.5  # s
_TICK = 100  # per s: the unit of processor time in /proc/PID/stat, everywhere on Linux


def descendants(pid: int) -> Iterator[int]:
    """The process and all below it that exist now."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from descendants(int(child))


def memory_and_time(pid: int) -> tuple[int, float]:
    """Bytes in memory and seconds of processor time of a process and all below it."""
    total, seconds = 0, 0.0
    for each in descendants(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended meanwhile
            continue
        total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        seconds += (int(fields[11]) + int(fields[12])) / _TICK
    return total, seconds


def figures(films: Path, count: int, folder: Path, options: list[str]) -> dict[str, object]:
    """Peak memory, processor time per film, and the time of each tenth of the films as a share of the mean tenth."""
    links = folder / f"films-{count}"
    links.mkdir()
    files = itertools.cycle(sorted(path for path in films.iterdir() if path.is_file())[:500])
    for number, file in zip(range(count), files, strict=False):
        (links / f"{number:06d}{file.suffix}").symlink_to(file.resolve())
    out = folder / f"run-{count}"
    command = [sys.executable, "-m", "core", "cohort", str(links), "--out", str(out), *options]
    peak, marks, start = 0, [(0, 0.0)], time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory, seconds = memory_and_time(process.pid)
            peak = max(peak, memory)
            done = int(RunFolder(out).progress().get("done", 0))
            if done - marks[-1][0] >= count / 10:
                marks.append((done, seconds))
            time.sleep(_BETWEEN)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    rates = [(later[1] - sooner[1]) / (later[0] - sooner[0]) for sooner, later in itertools.pairwise(marks[1:])]
    mean = sum(rates) / max(1, len(rates))
    return {
        "films": count,
        "peak memory, MB": round(peak / 1e6),
        "seconds": round(time.monotonic() - start),
        "processor ms per film": round(1000 * mean, 1),
        "tenths": [round(rate / mean, 3) for rate in rates],
    }


def main() -> None:
    """Prints one line of JSON per count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path)
    parser.add_argument("--counts", default="500,20000")
    parser.add_argument("--options", default="--checkpoint small-cnn --no-checks --no-lungs", help="of `cohort`")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, given.counts.split(",")):
            print(json.dumps(figures(given.films, count, Path(folder), given.options.split())), flush=True)


if __name__ == "__main__":
    main()
