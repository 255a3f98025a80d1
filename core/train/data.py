"""A labelled set of films as one array, small enough to stay in memory."""

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from core.errors import BadData
from core.image.prepare import prepare
from core.types import Input, Origin, Radiograph

_NEEDED = ("id", "file", "label", "split", "patient")
STORED_SIDE = 256  # px; enough for 224 px inputs with room for random crops


@dataclass(frozen=True)
class Row:
    """One film of the table; `source`, `age` and `view` are empty where the table does not say."""

    id: str
    file: Path
    label: str
    split: str
    patient: str
    source: str
    age: str
    view: str
    box: tuple[int, int, int, int] | None


@dataclass(frozen=True, eq=False)
class Films:
    """Films of one split.

    images: (N, S, S) uint8, cut to the film and fitted as the card's input says.
    labels: (N,) int64, index into the findings.
    rows:   the table's rows in the same order.
    """

    images: Tensor
    labels: Tensor
    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> NDArray[np.str_]:
        """(N,) the rows' values of one column, as text."""
        return np.array([str(getattr(row, name)) for row in self.rows])


def table(folder: Path) -> list[Row]:
    """The rows of `cxr.csv`: id, file, label, split (train, val, test), patient; source, age, view, box where known.

    Raises: BadData if the table or a column is missing, or a patient is in two splits.
    """
    path = folder / "cxr.csv"
    if not path.is_file():
        raise BadData(f"There is no cxr.csv in {folder}. Give the folder that holds the table and the images.")
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise BadData(f"{path} lacks the column {', '.join(missing)}; it needs {', '.join(_NEEDED)}.")
        rows = [_row(folder, line) for line in reader]
    homes: dict[str, str] = {}
    for row in rows:
        if homes.setdefault(row.patient, row.split) != row.split:
            raise BadData(
                f"Patient {row.patient} is in {homes[row.patient]} and in {row.split}. "
                "A patient may be in one split only, or the figures mean nothing."
            )
    return rows


def load(rows: Sequence[Row], split: str, findings: Sequence[str], input: Input) -> Films:
    """The films of one split, prepared as `input` says, as 8-bit grey."""
    chosen = tuple(row for row in rows if row.split == split and row.label in findings)
    if not chosen:
        raise BadData(f"The table has no film in split {split!r} with a finding of {', '.join(findings)}.")
    with ThreadPoolExecutor() as pool:
        squares = tqdm(
            pool.map(lambda row: prepare(radiograph(row), input).picture, chosen),
            total=len(chosen),
            desc=f"reading {split}",
        )
        images = torch.from_numpy(np.stack(list(squares)))
    labels = torch.tensor([list(findings).index(row.label) for row in chosen])
    return Films(images, labels, chosen)


def radiograph(row: Row) -> Radiograph:
    """The film of one row without the black bars that its set put around it."""
    with Image.open(row.file) as image:
        pixels = np.asarray(image.convert("L"))
        origin = Origin(format=image.format or "", mode=image.mode, bits=8, lossy=True)
    if row.box:
        x0, y0, x1, y1 = row.box
        pixels = pixels[y0:y1, x0:x1]
    return Radiograph(pixels=pixels, name=row.id, black=0, white=255, origin=origin)


def _row(folder: Path, line: dict[str, str]) -> Row:
    box = line.get("box", "").split()
    return Row(
        id=line["id"],
        file=folder / line["file"],
        label=line["label"],
        split=line["split"],
        patient=line["patient"],
        source=line.get("source", ""),
        age=line.get("age", ""),
        view=line.get("view", ""),
        box=(int(box[0]), int(box[1]), int(box[2]), int(box[3])) if len(box) == 4 else None,
    )
