"""The folder of a run: its manifest, plan, lock and tables. Nothing half-written ever has its final name."""

import errno
import itertools
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import parquet

from core.cohort.films import CohortFilm
from core.cohort.rows import TABLES, VERSION, Records, arrow
from core.errors import BadData

PART = 128  # films per part; a killed run loses one part at most
_LOCKED_BYTE = 1 << 20
_BEFORE_ROWS = ("maps", "features", "thumbnails", "altered")  # rows come last: a part with rows is complete


class RunFolder:
    """A run on disk.

    manifest.json   versions, settings, digests, command
    films.parquet   the plan: the films, one row group per part
    rows/           one Parquet file per part, together one data set; maps/, features/, thumbnails/, altered/
                    likewise
    progress.json   progress, for a page or a person to read
    lock            held by the process that works on it: its pid and host
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the run's lock. Raises: BadData if another process works on it, or the folder cannot be written."""
        with _written_to(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            file = open(self.path / "lock", "a+", encoding="utf-8")  # noqa: SIM115
        with file:
            if not _locked(file):
                raise BadData(f"{self.path} is in use by {self._holder()}. Wait for it, or choose another --out.")
            with _written_to(self.path):
                file.truncate(0)
                file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
                file.flush()
            shutil.rmtree(self.path / "unfinished", ignore_errors=True)  # left by a killed process
            try:
                yield
            finally:
                file.truncate(0)

    def worker(self) -> dict[str, Any] | None:
        """Pid and host of the process that works on the run now; None if none does."""
        if not (self.path / "lock").exists():
            return None
        with open(self.path / "lock", "a+", encoding="utf-8") as file:
            if _locked(file, patience=0):
                return None
        try:
            worker: dict[str, Any] = json.loads((self.path / "lock").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return worker

    def is_run(self) -> bool:
        """Whether the folder holds a run."""
        return (self.path / "manifest.json").is_file()

    def manifest(self) -> dict[str, Any]:
        """Raises: BadData if the folder holds no run, or one of another version."""
        path = self.path / "manifest.json"
        try:
            manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadData(
                f"{self.path} holds no run: it has no manifest.json. Make one: python -m core cohort."
            ) from error
        except ValueError as error:
            raise BadData(f"{path} is damaged ({error}). Restore it, or start a new run.") from error
        found = manifest.get("version") if isinstance(manifest, dict) else None
        if found != VERSION:
            raise BadData(
                f"{self.path} was written by another version of Lightbox (tables of version {found}, this one reads "
                f"{VERSION}). Choose another --out, or use that version."
            )
        return manifest

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Raises: BadData if it cannot be written."""
        self._write("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n")

    def write_progress(self, progress: dict[str, Any]) -> None:
        """Raises: BadData if it cannot be written."""
        self._write("progress.json", json.dumps(progress).encode(), durable=False)

    def progress(self) -> dict[str, Any]:
        """The last progress written; empty if there is none."""
        try:
            progress: dict[str, Any] = json.loads((self.path / "progress.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return progress

    def plan(self, films: Iterable[CohortFilm]) -> int:
        """Adds the films that the plan does not have yet, in parts after the others; gives their number."""
        planned = set(self._planned())
        new = [film for film in films if (film.path, film.id) not in planned]
        if not new:
            return 0
        names = [field.name for field in fields(CohortFilm)]
        parts = [new[start : start + PART] for start in range(0, len(new), PART)]
        tables = [
            pa.Table.from_pylist([dict(zip(names, astuple(film), strict=True)) for film in part], schema=_FILM)
            for part in parts
        ]
        sink = pa.BufferOutputStream()
        with parquet.ParquetWriter(sink, _FILM) as writer:
            for number in range(self.parts):
                writer.write_table(self._plan_file.read_row_group(number))
            for table in tables:
                writer.write_table(table)
        self._write("films.parquet", sink.getvalue().to_pybytes())
        return len(new)

    @property
    def parts(self) -> int:
        """The number of parts of the plan."""
        return int(self._plan_file.num_row_groups) if self._has_plan else 0

    def part_ends(self) -> list[int]:
        """The number of the first film after each part of the plan."""
        if not self._has_plan:
            return []
        metadata = self._plan_file.metadata
        return list(itertools.accumulate(metadata.row_group(number).num_rows for number in range(self.parts)))

    def part_file(self, table: str, number: int) -> Path:
        """The file of a table that holds the part."""
        return self.path / table / f"part-{number:06d}.parquet"

    @property
    def films(self) -> int:
        """The number of films of the plan."""
        return int(self._plan_file.metadata.num_rows) if self._has_plan else 0

    def unfinished_parts(self) -> Iterator[tuple[int, list[tuple[int, CohortFilm]]]]:
        """The parts without rows: number, and the films with their numbers; one part in memory at a time."""
        done, file, first = self.done(), self._plan_file, 0
        for number in range(file.num_row_groups):
            size = file.metadata.row_group(number).num_rows
            if number not in done:
                rows = file.read_row_group(number).to_pylist()
                yield number, list(enumerate(map(_film, rows), start=first))
            first += size

    def film(self, number: int) -> CohortFilm:
        """The film of that number. Raises: ValueError if there is none."""
        file, first = self._plan_file, 0
        for part in range(file.num_row_groups):
            size = file.metadata.row_group(part).num_rows
            if number < first + size:
                return _film(file.read_row_group(part).slice(number - first, 1).to_pylist()[0])
            first += size
        raise ValueError(f"there is no film {number} among {first}")

    def films_done(self) -> int:
        """Films of the parts whose rows are written."""
        metadata = self._plan_file.metadata
        return sum(metadata.row_group(number).num_rows for number in self.done())

    def done(self) -> set[int]:
        """The numbers of the parts whose rows are written."""
        return {int(file.stem.removeprefix("part-")) for file in (self.path / "rows").glob("part-*.parquet")}

    def write_part(self, number: int, records: Records, measures: Sequence[str]) -> None:
        """Stores a part; its rows come last. Raises: BadData if the disk is full or cannot be written."""
        for table in (*_BEFORE_ROWS, "rows"):
            if table != "rows" and not records.get(table):
                continue
            sink = pa.BufferOutputStream()
            parquet.write_table(arrow(table, records[table], measures), sink, compression="zstd")
            self._write(str(self.part_file(table, number).relative_to(self.path)), sink.getvalue())

    def tables(self) -> list[str]:
        """The names of the tables that the run has."""
        return [table for table in TABLES if (self.path / table).is_dir()]

    def _planned(self) -> Iterator[tuple[str, str]]:
        for number in range(self.parts):
            group = self._plan_file.read_row_group(number, columns=["path", "id"])
            yield from zip(group["path"].to_pylist(), group["id"].to_pylist(), strict=True)

    @property
    def _has_plan(self) -> bool:
        return (self.path / "films.parquet").is_file()

    @property
    def _plan_file(self) -> Any:
        path = self.path / "films.parquet"
        try:
            file = parquet.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise BadData(
                f"{path} is damaged ({str(error).splitlines()[0]}). Restore it, or start a new run."
            ) from error
        if file.schema_arrow.names != _FILM.names:
            raise BadData(
                f"{path} was written by another version of Lightbox: its columns are "
                f"{', '.join(file.schema_arrow.names)}. Choose another --out, or use that version."
            )
        return file

    def _write(self, name: str, data: Any, *, durable: bool = True) -> None:
        """Writes to a temporary name, then renames: the file is there whole or not at all."""
        path = self.path / name
        temporary = self.path / "unfinished" / f"{path.name}.{os.getpid()}"
        with _written_to(self.path):
            temporary.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
            if durable:
                _sync(path.parent)

    def _holder(self) -> str:
        try:
            holder = json.loads((self.path / "lock").read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']}"
        except (OSError, ValueError, KeyError):
            return "another process"


def _film(row: dict[str, Any]) -> CohortFilm:
    return CohortFilm(**{**row, "box": tuple(row["box"] or ())})


_FILM = pa.schema(
    [pa.field(field.name, pa.list_(pa.int32()) if field.name == "box" else pa.string()) for field in fields(CohortFilm)]
)


@contextmanager
def _written_to(path: Path) -> Iterator[None]:
    """Turns a failed write into BadData with one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise BadData(
                f"The disk of {path} is full. What is finished is kept: make room and start the same command again."
            ) from error
        raise BadData(f"{path} cannot be written ({error.strerror}). Choose another --out.") from error


def _locked(file: IO[str], *, patience: int = 10) -> bool:
    """Takes the lock of the open file, which holds until the file is closed; False if the lock is not free.

    patience: tenths of a second to wait, since a page that looks up the worker holds it for a moment.
    """
    for tries in range(patience + 1):
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(_LOCKED_BYTE)  # after the content, which others must be able to read
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if tries < patience:
                time.sleep(0.1)
    return False


def _sync(folder: Path) -> None:
    """Makes a rename in the folder durable, where a folder can be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
