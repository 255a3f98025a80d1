"""A labelled set of films as one array, small enough to stay in memory."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core import lung_network
from core.errors import BadData
from core.evaluate import chestxray14, manifest
from core.evaluate.manifest import Row, row_radiograph
from core.evaluate.rereads import FILE, correct_labels, read_rereads
from core.image.prepare import prepare
from core.models.checkpoints import SHIPPED
from core.models.device import fast
from core.train.augment import standardised
from core.types import Input, Placement, digest

_NOWHERE = np.zeros((0, 0), np.uint8)
_SPLITS = ("train", "val", "test")
STORED_SIDE = 256  # px; enough for 224 px inputs with random crops
UNLABELLED = -1  # label of a film that only the teachers label
LUNGS_SIDE = 128  # px; enough for a soft outline


@dataclass(frozen=True, eq=False)
class Films:
    """Films of one split.

    images: (N, S, S) uint8, cropped and fitted as in the card's input.
    labels: (N,) int64, index into the findings, or UNLABELLED; (N, F) int64, 0 or 1, if a film may have several.
    rows:   the table's rows in the same order.
    lungs:  (N, s, s) uint8, 255 for lung, in the same square as the images; None if not requested.
    """

    images: Tensor
    labels: Tensor
    rows: tuple[Row, ...]
    lungs: Tensor | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, rows: Sequence[Row]) -> "Films":
        """The films of the rows, by id; their splits may differ from here."""
        places = {row.id: place for place, row in enumerate(self.rows)}
        chosen = torch.tensor([places[row.id] for row in rows])
        lungs = None if self.lungs is None else self.lungs[chosen]
        return Films(self.images[chosen], self.labels[chosen], tuple(rows), lungs)

    def column(self, name: str) -> NDArray[np.str_]:
        """(N,) the rows' values of one column, as text."""
        return np.array([str(getattr(row, name)) for row in self.rows])


def tables(*folders: Path) -> list[list[Row]]:
    """The films of each set: a folder with cxr.csv or films.csv, a manifest with the columns split (train, val, test)
    and patient, or the folder of ChestX-ray14 as its authors distribute it.

    Raises: BadData as core.evaluate.manifest.read_manifest; if a set has no splits, one of them is empty, or has
            another name; if two sets share an id, or a patient in different splits.
    """
    sets = [_one_table(folder) for folder in folders]
    if len(sets) > 1:
        _refuse_clashes([row for rows in sets for row in rows], folders)
    return sets


def table(*folders: Path) -> list[Row]:
    """The films of all sets together. Raises: BadData as `tables`."""
    return [row for rows in tables(*folders) for row in rows]


def _one_table(folder: Path) -> list[Row]:
    if folder.is_dir() and chestxray14.lies_in(folder):
        return chestxray14.table(folder)
    rows = manifest.read_manifest(folder)
    splits = {row.split for row in rows}
    strange = sorted(splits - {*_SPLITS, ""})
    if strange:
        films = sum(row.split in strange for row in rows)
        raise BadData(
            f"{films} {'film' if films == 1 else 'films'} of {folder} {'is' if films == 1 else 'are'} in split "
            f"{', '.join(map(repr, strange[:5]))}; a split is train, val or test. Correct it, or leave it empty to "
            "take no part."
        )
    lacking = [split for split in _SPLITS if split not in splits]
    if lacking:
        raise BadData(
            f"{folder} has no film in split {', '.join(lacking)}. Training needs a column `split` that says train, val "
            "or test for each film."
        )
    return rows


def corrected(rows: list[Row], folders: Sequence[Path]) -> list[Row]:
    """The rows with the labels of the sets' second readings, in training and validation.

    Test films keep their labels, so that figures stay comparable.
    """
    beside = [(folder if folder.is_dir() else folder.parent) / FILE for folder in folders]
    readings = [reading for path in beside if path.is_file() for reading in read_rereads(path)]
    return correct_labels(rows, readings, splits=("train", "val"))


def _refuse_clashes(rows: Sequence[Row], folders: Sequence[Path]) -> None:
    sets = ", ".join(str(folder) for folder in folders)
    twice = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise BadData(f"{len(twice)} ids are in more than one set of {sets}, {twice[0]} first. An id names one film.")
    manifest.refuse_split_patients(rows)


def load_films(
    rows: Sequence[Row],
    split: str | None,
    findings: Sequence[str],
    input: Input,
    *,
    lungs: bool = False,
    multi_label: bool = False,
    cache: Path | None = None,
    unlabelled: bool = False,
) -> Films:
    """The films of one split, or of all with None, prepared for `input`, as 8-bit grey.

    lungs:       whether to include lungs: the outline in the table, else the lung network's.
    unlabelled:  whether to keep films with other labels as UNLABELLED.
    cache:       folder for the outlines of these films.
    multi_label: a film may have any number of the findings, including none. Films with other labels are left out.
    Raises:      BadData if no film remains, or one has several labels and multi_label is False.
    """
    labelled = manifest.known(rows, findings, multi_label=multi_label)
    chosen = tuple(row for row in (rows if unlabelled else labelled) if split is None or row.split == split)
    if not chosen:
        where = "" if split is None else f" in split {split!r}"
        raise BadData(f"The table has no film{where} with a finding of {', '.join(findings)}.")

    def read(row: Row) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        prepared = prepare(row_radiograph(row), input)
        return prepared.picture, _outline(row, prepared.placement) if lungs else _NOWHERE

    with ThreadPoolExecutor() as pool:
        pairs = list(tqdm(pool.map(read, chosen), total=len(chosen), desc=f"reading {split or 'films'}", unit="film"))
    images = torch.from_numpy(np.stack([picture for picture, _ in pairs]))
    outlines = torch.from_numpy(np.stack([outline for _, outline in pairs])) if lungs else None
    if outlines is not None:
        outlines = _remembered(images, outlines, chosen, cache) if cache else _completed(images, outlines, chosen)
    return Films(images, _labels(chosen, labelled, findings, multi_label=multi_label), chosen, outlines)


def _labels(chosen: Sequence[Row], labelled: Sequence[Row], findings: Sequence[str], *, multi_label: bool) -> Tensor:
    present = manifest.truth(labelled, findings, multi_label=multi_label)
    if multi_label:
        return torch.from_numpy(manifest.truth(chosen, findings, multi_label=True)).long()
    index = {row.id: int(place) for row, place in zip(labelled, present.argmax(axis=1), strict=True)}
    return torch.tensor([index.get(row.id, UNLABELLED) for row in chosen])


def _outline(row: Row, placement: Placement) -> NDArray[np.uint8]:
    """(s, s) the table's lungs in the network's square; all 0 without an outline."""
    lungs = manifest.mask(row, "lungs")
    if lungs is None:
        return np.zeros((LUNGS_SIDE, LUNGS_SIDE), np.uint8)
    x0, y0, x1, y1 = (round(edge) for edge in (placement.x0, placement.y0, placement.x1, placement.y1))
    cut = lungs[y0:y1, x0:x1].astype(np.uint8) * 255
    return np.asarray(cv2.resize(cut, (LUNGS_SIDE, LUNGS_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _remembered(images: Tensor, outlines: Tensor, rows: Sequence[Row], cache: Path) -> Tensor:
    """The completed outlines, from the cache if it has the same films and lung network."""
    weights = (SHIPPED / f"{lung_network.NAME}.safetensors").read_bytes()
    path = cache / f"lungs-{digest(images.numpy(), outlines.numpy(), weights)}.npz"
    if path.exists():
        with np.load(path) as stored:
            return torch.from_numpy(stored["outlines"])
    outlines = _completed(images, outlines, rows)
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, outlines=outlines.numpy())
    part.replace(path)
    return outlines


def _completed(images: Tensor, outlines: Tensor, rows: Sequence[Row]) -> Tensor:
    """The outlines, completed by the lung network; all 255 if it finds no lungs."""
    lacking = [index for index, row in enumerate(rows) if row.lungs is None]
    if not lacking:
        return outlines
    network = lung_network.network()
    side = lung_network.INPUT.size
    for batch in tqdm(torch.split(torch.tensor(lacking), 32), desc="finding lungs"):
        films = resized(images[batch], side)
        with fast(films.device):
            outlined = lung_network.look(network, standardised(films))
        for index, (lungs, reason) in zip(batch.tolist(), outlined, strict=True):
            outline = np.full_like(lungs, 255) if reason else (lungs > 0) * np.float32(255)
            outlines[index] = torch.from_numpy(
                cv2.resize(outline, (LUNGS_SIDE, LUNGS_SIDE), interpolation=cv2.INTER_AREA)
            ).to(torch.uint8)
    return outlines


def resized(images: Tensor, side: int) -> Tensor:
    """(N, S, S) uint8 to (N, 1, side, side) float32, 0 to 1."""
    films = images[:, None].float() / 255
    if films.shape[-1] == side:
        return films
    return torch.nn.functional.interpolate(
        films, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
