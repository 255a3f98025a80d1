"""A small labelled set on disk: phantoms with their lungs, lesions and devices, and a manifest."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.image.phantom import Opacity, draw
from core.image.prepare import windowed

SIDE = 96  # px
BAR = 16  # px of black above and below, which `box` leaves out
COLUMNS = ("file", "label", "patient", "source", "age", "sex", "view", "split", "box", "lungs", "lesions", "devices")


def write(folder: Path, films: int) -> Path:
    """The manifest, films.csv, of `films` phantoms: every other one has an opacity and is labelled pneumonia.

    Two films a patient; sources a and b by turns of four; the last four are of the split val, the others of test.
    """
    lines = []
    for seed in range(films):
        ill = seed % 2 == 0
        phantom = draw(
            seed=seed, height=SIDE, width=SIDE, opacity=Opacity(x=0.32, y=0.45, radius=0.12) if ill else None
        )
        film = phantom.radiograph
        grey = (windowed(film.pixels, film.black, film.white) * 255).astype(np.uint8)
        device = np.zeros((SIDE, SIDE), bool)
        device[:20, 60:80] = True
        pictures = {"film": grey, "lungs": phantom.lungs, "lesions": phantom.opacity, "devices": device}
        for kind, picture in pictures.items():
            save(folder / f"{seed}-{kind}.png", picture)
        masks = [f"{seed}-lungs.png", f"{seed}-lesions.png" if ill else "", f"{seed}-devices.png"]
        split = "val" if seed >= films - 4 else "test"
        own = [f"p{seed // 2}", "ab"[seed // 4 % 2], str(10 + 5 * seed), "MF"[seed // 2 % 2], "PA", split]
        lines.append(
            [f"{seed}-film.png", "pneumonia" if ill else "normal", *own, f"0 {BAR} {SIDE} {SIDE + BAR}", *masks]
        )
    with (folder / "films.csv").open("w", newline="") as out:
        csv.writer(out).writerows([COLUMNS, *lines])
    return folder / "films.csv"


def save(path: Path, picture: NDArray[Any]) -> None:
    """The picture, uint8 or bool, as PNG with the bars that a set puts around its films."""
    grey = picture.astype(np.uint8) * 255 if picture.dtype == bool else picture
    Image.fromarray(np.pad(grey, ((BAR, BAR), (0, 0)))).save(path)
