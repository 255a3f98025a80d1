"""The manifest, a table of films: labels, patients and masks."""

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from core.errors import BadData, UnreadableFile
from core.image.read import read
from core.types import Radiograph

NEEDED = ("file", "label")
OPTIONAL = ("id", "patient", "source", "subtype", "age", "sex", "view", "split", "box", "lungs", "lesions", "devices")
PARQUET = ".parquet"  # any other table is CSV
NOTHING = "No Finding"  # the label of a film without findings; an empty label means the same
_CORNERS = ("x0", "y0", "x1", "y1")
_BOXES = "boxes.csv"  # table of lesion boxes beside a manifest
_TABLES = ("cxr.csv", "films.csv")  # table of a folder: the first of these that exists

Box = tuple[int, int, int, int]
LesionBox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Row:
    """One film of a manifest; "" or None where the manifest has nothing.

    file:         the film, in any format of core.image.read; it exists.
    label:        findings, `|` between several; "" or "No Finding" for none.
    id:           its name in tables and messages; by default the path in the manifest.
    patient:      id of the patient, whose films are not independent; by default the film's id.
    subtype:      details of the label, in the set's own words.
    age:          years, or a range of years ("40-45").
    box:          x0, y0, x1, y1 of the film within the picture, in its pixels; the rest is bars.
    lungs, lesions, devices: masks of the whole picture, at its own size, before `box` is cut out.
    lesion_boxes: x0, y0, x1, y1 of lesions in the whole picture, in pixels; they replace a mask of lesions.
    """

    file: Path
    label: str
    id: str = ""
    patient: str = ""
    source: str = ""
    subtype: str = ""
    age: str = ""
    sex: str = ""
    view: str = ""
    split: str = ""
    box: Box | None = None
    lungs: Path | None = None
    lesions: Path | None = None
    devices: Path | None = None
    lesion_boxes: tuple[LesionBox, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The findings of the label, each once; "No Finding" stays one of them."""
        return tuple(dict.fromkeys(part.strip() for part in self.label.split("|") if part.strip()))

    @property
    def by_radiologist(self) -> bool:
        """Whether a radiologist read the film for its label, by the subtype (tier A of cxr-adults)."""
        return self.subtype.startswith("A ")

    @property
    def years(self) -> float:
        """Age in years, the first number of a range; NaN if unknown."""
        digits = self.age.split("-")[0].strip()
        return float(digits) if digits.replace(".", "", 1).isdigit() else float("nan")


def read_manifest(path: Path, *, findings: Sequence[str] | None = None) -> list[Row]:
    """The rows of a manifest: a CSV or Parquet table with the columns `file` and `label`, others optional.

    path:     the table, or a folder with cxr.csv or films.csv. Its paths are relative to it and stay below it. A
              column `mask` is another name for `lungs`.
    findings: those a network knows; None takes any label.
    Raises:   BadData if the table, a column or a file is missing, a path is absolute or leads out, there is no row,
              a patient is in two splits, or a label is not among the findings.
    """
    path = _table(path)
    columns, lines = _parquet_lines(path) if path.suffix.lower() == PARQUET else _csv_lines(path)
    missing = [name for name in NEEDED if name not in columns]
    if missing and ";" in next(iter(columns), ""):
        raise BadData(f"{path} has semicolons between its columns. Save it with commas.")
    if missing:
        raise BadData(
            f"{path} lacks the column {' and '.join(missing)}; it needs {', '.join(NEEDED)} "
            f"and may have {', '.join(OPTIONAL)}."
        )
    rows = [_row(path, number, line) for number, line in enumerate(lines, start=2)]
    if not rows:
        raise BadData(f"{path} has a header but no rows. Add one row per film.")
    rows = _with_boxes(rows, path.parent / _BOXES)
    refuse_split_patients(rows)
    if findings is not None:
        check(rows, findings)
    return rows


def _csv_lines(path: Path) -> tuple[Sequence[str], list[dict[str, str | None]]]:
    """The columns and lines of a CSV table. Raises: BadData."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            return reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} is not a CSV table in UTF-8 ({error}). Export it again as one.") from error


def _parquet_lines(path: Path) -> tuple[Sequence[str], list[dict[str, str | None]]]:
    """The columns and lines of a Parquet table, values as text. Raises: BadData."""
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise BadData(f"{path} is not a Parquet table ({str(error).splitlines()[0]}). Export it again.") from error
    lines = ({name: None if cell is None else str(cell) for name, cell in row.items()} for row in table.to_pylist())
    return table.column_names, list(lines)


def _with_boxes(rows: list[Row], path: Path) -> list[Row]:
    """The rows with the boxes of a table beside theirs: id, x0, y0, x1, y1. Raises: BadData."""
    if not path.is_file():
        return rows
    boxes: dict[str, list[LesionBox]] = {}
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in ("id", *_CORNERS) if name not in (reader.fieldnames or ())]
        if missing:
            raise BadData(f"{path} lacks the column {' and '.join(missing)}; it needs id, {', '.join(_CORNERS)}.")
        for number, line in enumerate(reader, start=2):
            try:
                x0, y0, x1, y1 = (float(line[name]) for name in _CORNERS)
            except (TypeError, ValueError) as error:
                raise BadData(f"{path.name} line {number}: the box of {line['id']} is not four numbers.") from error
            if not (0 <= x0 < x1 and 0 <= y0 < y1):
                raise BadData(
                    f"{path.name} line {number}: the box {x0:g} {y0:g} {x1:g} {y1:g} of {line['id']} is empty or "
                    "begins outside its film. Give x0 y0 x1 y1 within the picture."
                )
            boxes.setdefault(line["id"], []).append((x0, y0, x1, y1))
    return [replace(row, lesion_boxes=tuple(boxes.get(row.id, ()))) for row in rows]


def _table(path: Path) -> Path:
    """The path of the table, for a folder of the one in it. Raises: BadData if there is none."""
    places = [path / name for name in _TABLES] if path.is_dir() else [path]
    for place in places:
        if place.is_file():
            return place
    if not path.exists() and not (path.suffix and path.parent.is_dir()):
        missing = path if path.parent.is_dir() else path.parent
        raise BadData(f"There is no folder {missing}. Give a CSV table, or a folder that holds {' or '.join(_TABLES)}.")
    raise BadData(
        f"There is no {' or '.join(place.name for place in places)} in {places[0].parent}. "
        f"Give a CSV table with the columns file and label, or a folder that holds {' or '.join(_TABLES)}."
    )


def check(rows: Sequence[Row], findings: Sequence[str]) -> None:
    """Raises: BadData if a label of the rows is not among the findings."""
    strange = sorted({label for row in rows for label in row.labels} - {*findings, NOTHING})
    if strange:
        films = sum(bool(set(row.labels) & set(strange)) for row in rows)
        raise BadData(
            f"{films} {'film has' if films == 1 else 'films have'} a label that the card does not know: "
            f"{', '.join(map(repr, strange[:5]))}{', …' if len(strange) > 5 else ''}; it knows {', '.join(findings)}. "
            "Rename the labels, or leave those films out with --only-known."
        )


def known(rows: Sequence[Row], findings: Sequence[str], *, multi_label: bool) -> list[Row]:
    """The rows whose labels are all among the findings; films without any only count for a multi-label network."""
    allowed = {*findings, NOTHING} if multi_label else set(findings)
    return [row for row in rows if set(row.labels) <= allowed and (row.labels or multi_label)]


def truth(rows: Sequence[Row], findings: Sequence[str], *, multi_label: bool) -> NDArray[np.bool_]:
    """(N, F) whether the film has the finding.

    Raises:   BadData if a label is unknown, or a single-label network meets a film with none or several.
    """
    check(rows, findings)
    present = np.array([[finding in row.labels for finding in findings] for row in rows]).reshape(-1, len(findings))
    off = np.flatnonzero(present.sum(axis=1) != 1)
    if not multi_label and len(off):
        row = rows[off[0]]
        raise BadData(
            f"{row.id} is labelled {row.label!r}, but this network gives each film exactly one of "
            f"{', '.join(findings)}. Give the film one label, or leave it out."
        )
    return present


def row_radiograph(row: Row) -> Radiograph:
    """The film of one row, cropped to its box.

    Raises:   BadData if the file is no radiograph we can read, or the box lies outside it.
    """
    film = _picture(row.file, row.id)
    return replace(film, pixels=film.pixels[_inside(row, film.pixels.shape)]) if row.box else film


def mask(row: Row, kind: str) -> NDArray[np.bool_] | None:
    """(H, W) bool, the "lungs", "lesions" or "devices" of the film, cropped as in `row_radiograph`; None without one.
    Without a lesion mask the boxes are used.

    A pixel is in the mask if it is above half of the mask's largest value, so 0/1, 0/255 and grey ones all work.
    Raises:   BadData if the mask cannot be read or is not of the picture's size.
    """
    path: Path | None = {"lungs": row.lungs, "lesions": row.lesions, "devices": row.devices}[kind]
    if path is None:
        return _boxed(row) if kind == "lesions" and row.lesion_boxes else None
    drawn = _picture(path, path.name).pixels
    shape = _picture(row.file, row.id).pixels.shape
    if drawn.shape != shape:
        raise BadData(
            f"The {kind} mask {path.name} is {drawn.shape[1]} x {drawn.shape[0]} px, its film {row.id} "
            f"{shape[1]} x {shape[0]} px. A mask must have the size of the whole picture."
        )
    return np.asarray(drawn > drawn.max() / 2)[_inside(row, shape)]


def _boxed(row: Row) -> NDArray[np.bool_]:
    """(H, W) bool, True within a lesion box, cropped as in `row_radiograph`. Raises: BadData for one beyond it."""
    shape = _picture(row.file, row.id).pixels.shape
    marked = np.zeros(shape, dtype=np.bool_)
    for x0, y0, x1, y1 in row.lesion_boxes:
        if x1 > shape[1] + 1 or y1 > shape[0] + 1:
            raise BadData(
                f"The lesion box {x0:g} {y0:g} {x1:g} {y1:g} of {row.id} does not lie in its {shape[1]} x {shape[0]} "
                "px. Give x0 y0 x1 y1 within the picture."
            )
        marked[round(y0) : max(round(y1), round(y0) + 1), round(x0) : max(round(x1), round(x0) + 1)] = True
    return marked[_inside(row, shape)]


def refuse_split_patients(rows: Sequence[Row]) -> None:
    """Raises: BadData if a patient is in two splits."""
    homes: dict[str, str] = {}
    for row in rows:
        if homes.setdefault(row.patient, row.split) != row.split:
            raise BadData(
                f"Patient {row.patient} is in {homes[row.patient]} and in {row.split}. "
                "A patient may be in one split only, otherwise the figures are meaningless."
            )


def _row(table: Path, number: int, line: dict[str, str | None]) -> Row:
    cells = {name: (value or "").strip() for name, value in line.items() if isinstance(value, str) and name}
    where = f"{table.name} line {number}"
    if not cells.get("file"):
        raise BadData(f"{where} names no file. Fill it in, or remove the line.")
    file = _below(table.parent, cells["file"], where)
    cells.setdefault("lungs", cells.get("mask", ""))
    lungs, lesions, devices = (
        _below(table.parent, cells[name], where) if cells.get(name) else None for name in OPTIONAL[-3:]
    )
    name = cells.get("id") or cells["file"]
    return Row(
        file=file,
        label=cells.get("label", ""),
        id=name,
        patient=cells.get("patient") or name,
        source=cells.get("source", ""),
        subtype=cells.get("subtype", ""),
        age=cells.get("age", ""),
        sex=cells.get("sex", ""),
        view=cells.get("view", ""),
        split=cells.get("split", ""),
        box=_box(cells.get("box", ""), where),
        lungs=lungs,
        lesions=lesions,
        devices=devices,
    )


def _below(folder: Path, text: str, where: str) -> Path:
    """The file, which must exist below the folder, links resolved."""
    windows = PureWindowsPath(text)  # POSIX systems refuse both kinds of slash as well
    if windows.is_absolute() or windows.drive or windows.root:
        raise BadData(f"{where}: {text} is absolute. Paths are relative to the manifest, so that a set can move.")
    path = folder / text
    real = _real(path.parent) / path.name
    real = real.resolve() if real.is_symlink() else real
    if ".." in windows.parts or not real.is_relative_to(_real(folder)):
        raise BadData(f"{where}: {text} is outside the manifest's folder. Move the file into it.")
    if not path.is_file():
        raise BadData(f"{where}: there is no file {text} beside the manifest. Restore it, or remove the line.")
    return path


@functools.lru_cache(maxsize=64)
def _real(folder: Path) -> Path:
    """The folder with links resolved; cached, because a hundred thousand films share a few folders."""
    return folder.resolve()


def _box(text: str, where: str) -> Box | None:
    parts = text.split()
    if not parts:
        return None
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        raise BadData(f"{where}: box is {text!r}; it must be x0 y0 x1 y1 in whole pixels, or empty.")
    x0, y0, x1, y1 = map(int, parts)
    return x0, y0, x1, y1


def _picture(path: Path, name: str) -> Radiograph:
    try:
        return read(path.read_bytes(), name=name)
    except UnreadableFile as error:
        raise BadData(f"{path}: {error}") from error
    except OSError as error:
        raise BadData(f"{path} cannot be opened: {error.strerror}.") from error


def _inside(row: Row, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a picture inside the box; all of them without a box."""
    x0, y0, x1, y1 = row.box or (0, 0, shape[1], shape[0])
    if not (0 <= x0 < x1 <= shape[1] and 0 <= y0 < y1 <= shape[0]):
        raise BadData(
            f"The box {x0} {y0} {x1} {y1} of {row.id} does not lie in its {shape[1]} x {shape[0]} px. "
            "Give x0 y0 x1 y1 within the picture, or leave it empty."
        )
    return slice(y0, y1), slice(x0, x1)
