"""A network in which one unit alone knows the finding, and films that have it or not.

Unit 2 of stage 1 answers to bright squares of 4 px; stage 2 passes the units on; unit 2 there speaks for "square" and
no other unit speaks for or against anything.
"""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Origin, Radiograph

SIDE = 32  # px
UNIT = 2
UNITS = 5
WEIGHT = 4000.0  # one square fills a quarter of one of 256 cells
FINDINGS = ("square", "nothing")


def network() -> Network:
    """Stage 1: 5 units of 16 × 16 cells; stage 2: the same, averaged to 8 × 8."""
    torch.manual_seed(0)
    first = nn.Conv2d(1, UNITS, kernel_size=4, stride=2, padding=1)
    second = nn.Conv2d(UNITS, UNITS, kernel_size=1, bias=False)
    linear = nn.Linear(UNITS, 2)
    with torch.no_grad():
        first.weight.normal_(0, 0.02).abs_().neg_()  # the others answer to what is dark, most of the film
        first.weight[UNIT] = 1 / 16
        bias = torch.full((UNITS,), 0.2)
        bias[UNIT] = -0.75  # only a square that fills most of the window gets through
        first.bias = nn.Parameter(bias)
        second.weight.copy_(torch.eye(UNITS)[:, :, None, None])
        linear.weight.zero_()
        linear.weight[0, UNIT] = WEIGHT
        linear.bias.copy_(torch.tensor([-1.0, 1.0]))
    features = OrderedDict(conv1=first, relu1=nn.ReLU(), pool=nn.AvgPool2d(2), conv2=second, relu2=nn.ReLU())
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=linear))
    whole = Network(nn.Sequential(features), {"stage 1": "relu1", "stage 2": "relu2"}, head)
    return whole.eval().requires_grad_(False)


def classifier() -> Classifier:
    raw = Input(size=SIDE, mean=(0.0,), std=(1.0,))
    return Classifier(Checkpoint("planted", "by hand", FINDINGS, False, raw, sha256="planted"), network())


def film(number: int, *, squares: Sequence[tuple[int, int]] = ()) -> Radiograph:
    """Faint noise, darker than half, with white squares of 4 px whose upper left corners are (row, column)."""
    pixels = np.random.default_rng(number).integers(40, 80, (SIDE, SIDE)).astype(np.uint8)
    for row, column in squares:
        pixels[row : row + 4, column : column + 4] = 255
    return Radiograph(pixels, f"film {number}", 0, 255, Origin("PNG", "L", 8))
