"""An artificial copy of ChestX-ray14: the table with the bracketed columns, both lists, phantoms for films."""

from pathlib import Path

import numpy as np
from PIL import Image

from core.evaluate.chestxray14 import LISTS
from core.image.phantom import draw

_HEAD = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
LINES = {  # film -> labels, patient, age, sex, view; as in the table of 2017
    "00000001_000.png": "Cardiomegaly,0,1,058Y,M,PA",
    "00000001_001.png": "Cardiomegaly|Emphysema,1,1,058Y,M,AP",
    "00000002_000.png": "No Finding,0,2,411Y,F,PA",
    "00000003_000.png": "Hernia,0,3,009M,F,PA",
    "00000004_000.png": "Pleural_Thickening|Mass|Effusion,0,4,077Y,F,PA",
    "00000005_000.png": "Effusion,0,5,031Y,M,PA",
}
TRAIN = list(LINES)[:4]
TEST = list(LINES)[4:]


def write(folder: Path) -> Path:
    """Six films of five patients: three for training and validation, two for the test; films in two folders.

    All six are the same 8-bit phantom, 64 px wide and 72 high.
    """
    lines = [f"{name},{rest},2682,2749,0.143,0.143," for name, rest in LINES.items()]
    (folder / "Data_Entry_2017.csv").write_text("\n".join([_HEAD, *lines]) + "\n")
    (folder / LISTS[0]).write_text("\n".join(TRAIN))
    (folder / LISTS[1]).write_text("\r\n".join(TEST))
    film = Image.fromarray((draw(seed=1, height=72, width=64).radiograph.pixels >> 4).astype(np.uint8))
    for place, name in enumerate(LINES):
        part = folder / ("images_001" if place < 3 else "images_012") / "images"
        part.mkdir(parents=True, exist_ok=True)
        film.save(part / name)
    return folder
