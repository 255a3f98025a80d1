"""Maps as files: progress, file names, the overlay and raw values of each map, and its record."""

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

    Results = tuple[Prediction, tuple[Explanation, ...]]


@dataclass(frozen=True)
class Folder:
    """The folder that maps are written to, and how their overlays look (as in `core.overlay.overlay`).

    force: whether a file with different content is overwritten.
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
        results: "Results",
        ends: Mapping[str, float],
    ) -> Iterator[Record]:
        """Writes overlay and raw values of each map; gives its record.

        ends: unit -> value at the end of the colours.
        """
        from core.explain.export import map_npz, overlay_png, source_line

        prediction, maps = results
        for map_ in maps:
            end = ends.get(map_.unit)
            overlay = overlay_png(
                radiograph,
                map_,
                source=source_line(checkpoint, prediction, map_.finding),
                opacity=self.opacity,
                threshold=self.threshold,
                colours=self.colours,
                scale=end,
            )
            name = stem(path, map_)
            written = {
                self.out / f"{name}.png": overlay,
                self.out / f"{name}.npz": map_npz(radiograph, map_, checkpoint, prediction),
            }
            conflicts = [] if self.force else [str(file) for file, data in written.items() if _differs(file, data)]
            if conflicts:
                hint = "Choose another --out, or overwrite it with --force."
                yield {"path": path, "error": f"{conflicts[0]} exists with different content. {hint}"}
                continue
            self.out.mkdir(parents=True, exist_ok=True)
            for file, data in written.items():
                file.write_bytes(data)
            yield _record(path, checkpoint, map_, prediction.probability(map_.finding), *written, end=end)


def each(
    names: Sequence[str],
    make: "Callable[[Radiograph], Results]",
    write: "Callable[[str, Radiograph, Results, Mapping[str, float]], Iterator[Record]]",
    *,
    common: bool,
    show: Callable[[Record], str] | None,
    open_film: "Callable[[str], Radiograph]" = files.read_film,
) -> None:
    """One film after the other; for a common scale all maps first, then each film is read again to draw on it."""
    computed: dict[str, Results] = {}
    streamed: dict[str, Radiograph] = {}  # standard input cannot be read twice

    def look(path: str, radiograph: "Radiograph") -> Iterator[Record]:
        try:
            results = make(radiograph)
        except (NoLungs, Stopped) as error:  # affects this film only; the others continue
            yield {"path": path, "error": str(error)}
            return
        if not common:
            yield from write(path, radiograph, results, {})
            return
        computed[path] = results
        if path == files.STDIN:
            streamed[path] = radiograph

    bad = False
    try:
        files.each(names, look, show=show, doing="explaining", open_film=open_film)
    except SystemExit:
        bad = True  # already reported; the good films are still drawn
    if computed:
        ends = _ends([map_ for _, maps in computed.values() for map_ in maps])
        files.each(
            list(computed),
            lambda path, radiograph: write(path, radiograph, computed[path], ends),
            show=show,
            doing="drawing",
            open_film=lambda path: streamed.get(path) or open_film(path),
        )
    if bad:
        raise SystemExit(1)


@contextmanager
def bar(name: str, *, visible: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A function for (done, total) passes that moves a bar on stderr; None if not `visible` or no terminal."""
    if not (visible and sys.stderr.isatty()):
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=name, unit="pass", file=sys.stderr, leave=False) as line:

        def tell(done: int, total: int) -> None:
            line.total = total
            line.update(done - line.n)

        yield tell


def stem(path: str, map_: "Explanation") -> str:
    """The file name without its ending, what the map shows, and the key of the map; safe on every file system."""
    file = "stdin" if path == files.STDIN else Path(click.format_filename(path)).stem
    parts = [file[:80], map_.finding, map_.method, *([map_.layer] if map_.layer else []), map_.key]
    return ".".join(re.sub(r"[^\w+-]+", "-", part).strip("-") or "film" for part in parts)


def text(record: Record) -> str:
    """The record as text."""
    path = click.format_filename(record["path"])
    if "error" in record:
        return f"{path}: {record['error']}"
    if "withheld" in record:
        return f"{path}: withheld. {record['withheld']} Use --anyway for the map."
    at = f" at {record['layer']}" if record["layer"] else ""
    caveat = f"\n  ! {record['caveat']}" if record["caveat"] else ""
    return (
        f"{path}: {record['finding']} {record['probability']:.3f}, {record['method']}{at}, "
        f"peak {record['peak']:.3g} {record['unit']}{caveat}\n  {record['overlay']}\n  {record['map']}"
    )


def _ends(maps: "Sequence[Explanation]") -> dict[str, float]:
    """Unit -> value at the end of the colours of all maps in it; units in which nothing is drawn are left out."""
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
