"""Mutated films: each is read or refused in one sentence, quickly.

All of them: `python -m tests.image.fuzz --films 100000`.

Seeds are the test files that pydicom installs and pictures made here. Each worker is a process of its own, so that a
decoder that ends the process, or hangs, is counted with its seed and number, and can be made again.
"""

import argparse
import io
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.data.data_manager import DATA_ROOT

from core.image.elements import BROKEN

SLOWEST = 10.0  # s
LARGEST = 1_500_000  # bytes of a seed
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def seeds() -> dict[str, bytes]:
    """Name -> file, in a fixed order."""
    files: dict[str, bytes] = {}
    for path in sorted((Path(DATA_ROOT) / "test_files").rglob("*")):
        if not path.is_file() or path.stat().st_size > LARGEST or path.suffix in (".zip", ".py", ".txt", ".json"):
            continue
        files[path.name] = path.read_bytes()
        try:  # most are not radiographs, and would be refused before their pixels are read
            dataset = dcmread(path)
            if "PixelData" in dataset:
                dataset.Modality = "CR"
                file = io.BytesIO()
                dataset.save_as(file)
                files[f"{path.name} as CR"] = file.getvalue()
        except BROKEN:
            continue
    grey = (np.add.outer(np.arange(96), np.arange(96)) % 256).astype(np.uint8)
    pictures = {"grey": Image.fromarray(grey), "colour": Image.fromarray(np.stack([grey, grey.T, 255 - grey], 2))}
    pictures["deep"] = Image.fromarray(grey.astype(np.uint16) * 257)
    pictures["float"] = Image.fromarray(grey.astype(np.float32))
    for kind, picture in pictures.items():
        for format in ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "AVIF", "JPEG2000"):
            file = io.BytesIO()
            try:
                picture.save(file, format)
            except (OSError, ValueError, KeyError):
                continue
            files[f"{kind} {format}"] = file.getvalue()
    return files


def mutated(data: bytes, chance: np.random.Generator) -> bytes:
    """The file with a few bytes changed, cut, doubled, swapped or filled, more often in its head than elsewhere."""
    copy = bytearray(data)
    for _ in range(int(chance.integers(1, 7))):
        size = len(copy)
        if size < 4:
            break
        reach = size if chance.random() < 0.4 else min(size, int(chance.choice([160, 700, 2500])))
        place = int(chance.integers(reach))
        kind = chance.integers(8)
        if kind <= 2:
            copy[place] = int(chance.integers(256))
        elif kind == 3:
            copy[place] = int(chance.choice(_INTERESTING))
        elif kind == 4:
            copy[place] ^= 1 << int(chance.integers(8))
        elif kind == 5:
            del copy[place : place + int(chance.integers(1, 40))]
        elif kind == 6:
            copy[place:place] = copy[place : place + int(chance.integers(1, 40))]
        else:
            width = int(chance.choice([2, 4]))
            copy[place : place + width] = int(chance.integers(2 ** (8 * width), dtype=np.uint64)).to_bytes(
                width, "little"
            )
    if chance.random() < 0.08:
        del copy[int(chance.integers(len(copy))) :]
    return bytes(copy)


def work(pipe: Connection, first: int, last: int, step: int) -> None:
    """Reads the mutated files of these numbers; tells each before it begins, and how it ended."""
    from core.errors import UnreadableFile
    from core.image.read import read

    named = list(seeds().items())
    for number in range(first, last, step):
        name, data = named[number % len(named)]
        film = mutated(data, np.random.default_rng(number))
        pipe.send(("begin", number, name))
        start = time.perf_counter()
        try:
            read(film, name="film")
            outcome = "film"
        except UnreadableFile as refusal:
            outcome = "sentence" if str(refusal).startswith("film ") and "\n" not in str(refusal) else "odd sentence"
            if "it is of an unknown kind" in str(refusal):
                outcome = f"caught {type(refusal.__cause__).__name__}"
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            outcome = f"crash {type(error).__name__}"
        pipe.send(("end", number, outcome, time.perf_counter() - start))
    pipe.send(("done",))


def run(films: int, *, first: int = 0, processes: int = 1) -> Iterator[tuple[int, str, str, float]]:
    """(number, seed, outcome, s) of each mutated film; a process that dies is begun again behind its film."""
    context = multiprocessing.get_context("spawn")
    todo = {worker: first + worker for worker in range(processes)}
    pipes: dict[int, Connection] = {}
    running: dict[int, multiprocessing.process.BaseProcess] = {}
    at: dict[int, tuple[int, str, float]] = {}

    def begin(worker: int) -> None:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(there, todo[worker], first + films, processes), daemon=True)
        process.start()
        there.close()
        pipes[worker], running[worker] = here, process

    for worker in todo:
        begin(worker)
    while running:
        for worker in list(running):
            try:
                ready = pipes[worker].poll(0.2)
                message = pipes[worker].recv() if ready else None
            except EOFError:
                message = ("dead",)
            if message is None:
                number, name, since = at.get(worker, (0, "", time.perf_counter()))
                if worker not in at or time.perf_counter() - since < 3 * SLOWEST:
                    continue
                running[worker].kill()
                yield number, name, "hang", time.perf_counter() - since
                todo[worker] = number + processes
                at.pop(worker)
                begin(worker)
            elif message[0] == "begin":
                at[worker] = (message[1], message[2], time.perf_counter())
            elif message[0] == "end":
                yield message[1], at[worker][1], message[2], message[3]
                todo[worker] = message[1] + processes
                at.pop(worker)
            elif message[0] == "dead" and worker in at:
                number, name, since = at.pop(worker)
                yield number, name, "crash of the process", time.perf_counter() - since
                todo[worker] = number + processes
                begin(worker)
            elif message[0] == "dead":
                raise RuntimeError("a worker ended before its first film, or between two")
            else:
                running.pop(worker).join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    slowest, bad = 0.0, []
    for done, (number, name, outcome, seconds) in enumerate(
        run(arguments.films, first=arguments.first, processes=arguments.processes), start=1
    ):
        counts["slow" if seconds > SLOWEST and outcome in ("film", "sentence") else outcome] += 1
        slowest = max(slowest, seconds)
        if outcome not in ("film", "sentence") or seconds > SLOWEST:
            bad.append(f"{number} {name}: {outcome}, {seconds:.1f} s")
            print(bad[-1], flush=True)
        if done % 2000 == 0:
            print(done, dict(counts), f"slowest {slowest:.2f} s", flush=True)
    print(f"{sum(counts.values())} films: {dict(counts)}; slowest {slowest:.2f} s; {len(bad)} to look at")
    raise SystemExit(1 if any(not line.split(": ")[1].startswith("caught") for line in bad) else 0)


if __name__ == "__main__":
    main()
