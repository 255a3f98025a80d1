"""Small networks that are quickly made and asked, and the Compare page with them."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from core.models.architecture import Network, architectures
from core.models.checkpoints import input_card, write
from core.types import Input
from dashboard.cache import model_files
from tests.conftest import FINDINGS
from tests.dashboard.conftest import Desk

PAGE = "views/compare.py"


def small(seed: int, findings: int = len(FINDINGS)) -> Network:
    """An untrained small network whose batch norms have seen noise."""
    torch.manual_seed(seed)
    fresh = architectures["small-cnn"].build(findings, 1)
    with torch.no_grad():
        fresh.train()(torch.randn(8, 1, 64, 64))
    return fresh.eval().requires_grad_(False)


def put(folder: Path, seeds: Mapping[str, int], findings: tuple[str, ...] = FINDINGS, *, size: int = 64) -> None:
    """Checkpoints of these names in the folder; size: of their input, in px."""
    for name, seed in seeds.items():
        card = {
            "architecture": "small-cnn",
            "findings": list(findings),
            "multi_label": False,
            "input": input_card(Input(size=size)),
            "temperature": 1.0,
        }
        write(small(seed, len(findings)), card, name, folder)


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(model_files, "WEIGHTS", folder)
    monkeypatch.setenv("LIGHTBOX_HOME", str(folder / "nobody"))
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    desk = Desk()
    desk.app.switch_page(PAGE)
    return desk.run().press("Phantom")
