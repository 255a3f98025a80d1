"""The lungs painted black: a network that reads only them falls to chance, one that reads the corner does not."""

from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from core import lung_network
from core.errors import NoLungs
from core.evaluate.blackout import _black, blackout
from core.evaluate.manifest import Row, row_radiograph
from core.lung_network import MARGIN
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Cleaning, Input, Radiograph

SIDE = 64


def _row(folder: Path, index: int, *, lungs: int, corner: int) -> Row:
    """A grey film with bright or dark lungs (rows 16 to 48) and a bright or dark corner."""
    pixels = np.full((SIDE, SIDE), 100, np.uint8)
    pixels[16:48, 10:54] = lungs
    pixels[:12, :12] = corner
    Image.fromarray(pixels).save(folder / f"{index}.png")
    label = ("normal", "pneumonia")[index % 2]
    return Row(folder / f"{index}.png", label, id=str(index), patient=str(index), source="drawn", split="test")


@pytest.fixture
def known_lungs(monkeypatch: pytest.MonkeyPatch) -> None:
    def segment(film: Radiograph, cleaning: Cleaning | None = None) -> NDArray[np.bool_]:
        lungs = np.zeros(film.pixels.shape, bool)
        lungs[20:44, 14:50] = True
        return lungs

    monkeypatch.setattr(lung_network, "segment", segment)


def _reader(rows: slice, columns: slice) -> Classifier:
    """Says pneumonia the surer, the brighter this part of the film is."""
    window = torch.zeros(1, 1, SIDE, SIDE)
    window[..., rows, columns] = 1
    convolution = nn.Conv2d(1, 1, SIDE, bias=False)
    linear = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(window / window.sum())
        linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=linear))
    network = Network(nn.Sequential(OrderedDict(look=convolution)), {"only": "look"}, head)
    card = Checkpoint(
        "reader", "none", ("pneumonia", "normal"), False, Input(size=SIDE, mean=(0.0,), std=(1.0,)), sha256=""
    )
    return Classifier(card, network.eval())


@pytest.mark.usefixtures("known_lungs")
def test_a_reader_of_the_lungs_falls_to_chance_and_a_reader_of_the_corner_does_not(tmp_path: Path) -> None:
    rows = [
        _row(tmp_path, index, lungs=(60, 180)[index % 2] + index, corner=(60, 180)[index % 2] + index)
        for index in range(12)
    ]
    honest = blackout(_reader(slice(24, 40), slice(18, 46)), rows, repeats=10)
    cheating = blackout(_reader(slice(0, 12), slice(0, 12)), rows, repeats=10)

    assert [result["whole"]["macro_auc"]["value"] for result in (honest, cheating)] == [1.0, 1.0]
    assert honest["lungs_out"]["macro_auc"]["value"] == 0.5
    assert honest["lungs_only"]["macro_auc"]["value"] == 1.0
    assert cheating["lungs_out"]["macro_auc"]["value"] == 1.0
    assert cheating["lungs_only"]["macro_auc"]["value"] == 0.5
    assert honest["lungs_out"]["certainty"]["value"] < 0.51 < honest["whole"]["certainty"]["value"]
    assert honest["refused"] == 0
    assert honest["whole"]["n"] == 12


def test_films_without_lungs_are_counted_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(film: Radiograph, cleaning: Cleaning | None = None) -> NDArray[np.bool_]:
        raise NoLungs(f"No lungs found on {film.name}.")

    monkeypatch.setattr(lung_network, "segment", refuse)
    rows = [_row(tmp_path, index, lungs=100, corner=50) for index in range(2)]

    assert blackout(_reader(slice(0, 4), slice(0, 4)), rows, repeats=10) == {"refused": 2}


@pytest.mark.usefixtures("known_lungs")
def test_the_margin_around_the_lungs_is_black_too(tmp_path: Path) -> None:
    row = _row(tmp_path, 1, lungs=150, corner=50)
    film = row_radiograph(row)
    inside = lung_network.dilated(lung_network.segment(film), MARGIN)
    black = _black(film, inside).pixels

    assert (black[20:44, 14:50] == 0).all()
    assert black[18, 30] == 0  # 4 % of 64 px are 3 px
    assert black[15, 30] == film.pixels[15, 30] != 0
    assert cv2.countNonZero((black != film.pixels).astype(np.uint8)) == int(inside.sum())
