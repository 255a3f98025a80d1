"""A small labelled set on disk for training: phantoms with their lungs, in three splits and two sources."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.image.phantom import Opacity, draw
from core.image.prepare import windowed
from core.train.recipe import Recipe

TINY = Recipe(
    architecture="small-cnn", findings=("pneumonia", "normal"), sizes=(16, 32), epochs=(1, 1), batch=4, rate=1e-3
)

SIDE = 80  # px
BAR = 24  # px of black above and below, which `box` leaves out
COLUMNS = ("id", "file", "label", "split", "patient", "source", "age", "view", "box", "lungs")
_CHESTS = 6  # drawn anew; drawing takes longer than training on them
SPLITS = {"train": 12, "val": 8, "test": 12}  # films


def write(folder: Path) -> Path:
    """The folder with cxr.csv: every other film has an opacity and is pneumonia; source a and b by turns of two."""
    lines = []
    drawn = [_drawn(seed) for seed in range(_CHESTS)]
    splits = [split for split, count in SPLITS.items() for _ in range(count)]
    for seed, split in enumerate(splits):
        grey, lungs = drawn[seed % _CHESTS]
        grey = np.clip(grey, 0, 255 - seed) + np.uint8(seed)  # exposed differently: no two films are alike
        for name, picture in ((f"{seed}.png", grey), (f"{seed}-lungs.png", lungs)):
            Image.fromarray(np.pad(picture, ((BAR, BAR), (0, 0)))).save(folder / name)
        label, source = ("pneumonia", "normal")[seed % 2], "ab"[seed // 2 % 2]
        box = f"0 {BAR} {SIDE} {SIDE + BAR}"
        own = [split, f"p{seed}", source, 40 + seed, "PA", box, f"{seed}-lungs.png"]
        lines.append([seed, f"{seed}.png", label, *own])
    with (folder / "cxr.csv").open("w", newline="") as out:
        csv.writer(out).writerows([COLUMNS, *lines])
    return folder


def _drawn(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A film and its lungs; every other one has an opacity."""
    opacity = Opacity(x=0.32, y=0.45, radius=0.12, strength=1.0) if seed % 2 == 0 else None
    phantom = draw(seed=seed, height=SIDE, width=SIDE, opacity=opacity)
    film = phantom.radiograph
    grey = (windowed(film.pixels, film.black, film.white) * 255).astype(np.uint8)
    return grey, phantom.lungs.astype(np.uint8) * 255
