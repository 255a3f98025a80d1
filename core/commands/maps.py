"""Maps on their way to files: progress while they are made, names, the two files of each, and the record of it."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files
from core.commands.files import Record
from core.errors import NoLungs, Stopped

if TYPE_CHECKING:
    from core.types import Checkpoint, Explanation, Prediction, Radiograph

    Maps = tuple[Prediction, tuple[Explanation, ...]]


@dataclass(frozen=True)
class Folder:
    """Where maps are written, and how their overlays look: as in `core.overlay.overlay`.

    force: whether a file with other content is replaced.
    """

    out: Path
    force: bool
    opacity: float
    threshold: float
    colours: str | None

    def write(
        self,
        path: str,
        radiograph: "Radiograph",
        checkpoint: "Checkpoint",
        made: "Maps",
        ends: Mapping[str, float],
    ) -> Iterator[Record]:
        """Overlay and raw values of each map, and a record of it. `ends`: unit -> value at the end of its colours."""
        from core.explain.export import map_npz, overlay_png

        said, maps = made
        for map_ in maps:
            end = ends.get(map_.unit)
            overlay = overlay_png(
                radiograph, map_, opacity=self.opacity, threshold=self.threshold, colours=self.colours, scale=end
            )
            name = stem(path, map_)
            written = {
                self.out / f"{name}.png": overlay,
                self.out / f"{name}.npz": map_npz(radiograph, map_, checkpoint, said),
            }
            in_the_way = [] if self.force else [str(file) for file, data in written.items() if _differs(file, data)]
            if in_the_way:
                hint = "Choose another --out, or replace it with --force."
                yield {"path": path, "error": f"{in_the_way[0]} is there with other content. {hint}"}
                continue
            self.out.mkdir(parents=True, exist_ok=True)
            for file, data in written.items():
                file.write_bytes(data)
            yield _record(path, checkpoint, map_, said.probability(map_.finding), *written, end=end)


def each(
    names: Sequence[str],
    make: "Callable[[Radiograph], Maps]",
    write: "Callable[[str, Radiograph, Maps, Mapping[str, float]], Iterator[Record]]",
    *,
    common: bool,
    show: Callable[[Record], str] | None,
) -> None:
    """One film after the other; for a common scale all maps first, then each film is read again to be drawn on."""
    kept: dict[str, Maps] = {}
    streamed: dict[str, Radiograph] = {}  # standard input, which cannot be read twice

    def look(path: str, radiograph: "Radiograph") -> Iterator[Record]:
        try:
            made = make(radiograph)
        except (NoLungs, Stopped) as error:  # of this film; the others go on
            yield {"path": path, "error": str(error)}
            return
        if not common:
            yield from write(path, radiograph, made, {})
            return
        kept[path] = made
        if path == files.STDIN:
            streamed[path] = radiograph

    bad = False
    try:
        files.each(names, look, show=show, doing="explaining")
    except SystemExit:
        bad = True  # told already; what was good is drawn all the same
    if kept:
        ends = _ends([map_ for _, maps in kept.values() for map_ in maps])
        files.each(
            list(kept),
            lambda path, radiograph: write(path, radiograph, kept[path], ends),
            show=show,
            doing="drawing",
            open_film=lambda path: streamed.get(path) or files.read_film(path),
        )
    if bad:
        raise SystemExit(1)


@contextmanager
def bar(name: str, *, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Something to tell (done, total) passes to, where it is `shown` and somebody is looking."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit="pass", file=sys.stderr, leave=False) as line:

        def tell(done: int, total: int) -> None:
            line.total = total
            line.update(done - line.n)

        yield tell


def stem(path: str, map_: "Explanation") -> str:
    """The file's name without its ending, what the map is, and the map's key; safe on every file system."""
    file = "stdin" if path == files.STDIN else Path(click.format_filename(path)).stem
    parts = [file[:80], map_.finding, map_.method, *([map_.layer] if map_.layer else []), map_.key]
    return ".".join(re.sub(r"[^\w+-]+", "-", part).strip("-") or "film" for part in parts)


def told(record: Record) -> str:
    """The record for people."""
    path = click.format_filename(record["path"])
    if "error" in record:
        return f"{path}: {record['error']}"
    at = f" at {record['layer']}" if record["layer"] else ""
    caveat = f"\n  ! {record['caveat']}" if record["caveat"] else ""
    return (
        f"{path}: {record['finding']} {record['probability']:.3f}, {record['method']}{at}, "
        f"peak {record['peak']:.3g} {record['unit']}{caveat}\n  {record['overlay']}\n  {record['map']}"
    )


def _ends(maps: "Sequence[Explanation]") -> dict[str, float]:
    """Unit -> the value at the end of the colours of all maps in it; units of which nothing is drawn are left out."""
    from core.overlay import common_end

    units = dict.fromkeys(map_.unit for map_ in maps)
    ends = {unit: common_end([map_ for map_ in maps if map_.unit == unit]) for unit in units}
    return {unit: end for unit, end in ends.items() if end is not None}


def _record(
    path: str,
    checkpoint: "Checkpoint",
    map_: "Explanation",
    probability: float,
    overlay: Path,
    raw: Path,
    *,
    end: float | None,
) -> Record:
    from core.explain.export import precision

    return {
        "path": path,
        "checkpoint": checkpoint.name,
        "finding": map_.finding,
        "probability": round(probability, 6),
        "method": map_.method,
        "layer": map_.layer,
        "settings": dict(map_.settings),
        "signed": map_.signed,
        "precision": precision(map_),
        "caveat": map_.caveat,
        "void": map_.void,
        "peak": map_.peak,
        "scale": end,
        "unit": map_.unit,
        "passes": list(map_.passes),
        "seconds": round(map_.seconds, 4),
        "overlay": str(overlay),
        "map": str(raw),
    }


def _differs(file: Path, data: bytes) -> bool:
    return file.exists() and file.read_bytes() != data
