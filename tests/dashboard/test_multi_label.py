"""A network of ChestX-ray14's findings and covid on the Read page: each finding judged by itself."""

from pathlib import Path

import pytest
import torch
from torch import nn

from core.models.architecture import architectures
from core.models.checkpoints import input_card, write
from core.models.findings import SETS
from core.overlay import REGIONS
from core.types import Input
from dashboard import finding_colours
from dashboard.cache import model_files
from tests.dashboard.conftest import Desk

FINDINGS = SETS["chestxray15"]
_EXPECTED = {"Hernia": 0.2, "Pleural_Thickening": 0.8, "Infiltration": 0.4}  # probability; 0.05 for the others


def _write(folder: Path, thresholds: dict[str, float]) -> None:
    """A network that says the same of every film, but for a trace that gives it maps."""
    torch.manual_seed(0)
    network = architectures["small-cnn"].build(len(FINDINGS), 1)
    last = network.head.get_submodule("linear")
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.mul_(1e-3)
        last.bias.copy_(torch.logit(torch.tensor([_EXPECTED.get(finding, 0.05) for finding in FINDINGS])))
    card = {
        "architecture": "small-cnn",
        "findings": list(FINDINGS),
        "multi_label": True,
        "input": input_card(Input(size=64)),
        "temperature": 1.0,
        "thresholds": thresholds,
    }
    write(network, card, "many", folder)


@pytest.fixture
def points() -> dict[str, float]:
    """Hernia and Pleural Thickening reach theirs, Infiltration and the others do not."""
    return dict.fromkeys(FINDINGS, 0.5) | {"Hernia": 0.1}


@pytest.fixture
def desk(points: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    _write(tmp_path, points)
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)
    return Desk().run().press("Opacity, right lung")


def _bars(html: str) -> list[str]:
    """What the bars say aloud, from top to bottom."""
    return [part.split('"')[0] for part in html.split('role="img" aria-label="')[1:]]


def test_every_finding_has_a_bar_and_those_present_stand_first(desk: Desk) -> None:
    bars = _bars(desk.html)

    assert len(bars) == 15
    assert bars[0] == "pleural thickening 0.80, operating point 0.50, above operating point"
    assert bars[1] == "hernia 0.20, operating point 0.10, above operating point"
    assert bars[2] == "infiltration 0.40, operating point 0.50, below operating point"
    assert "At or above the operating point (2)" in desk.html
    assert "Below it (13)" in desk.html
    assert "several may be present, or none" in desk.html


def test_the_map_is_of_the_likeliest_present_until_another_is_chosen(desk: Desk) -> None:
    assert desk.menu("Finding").value == "Pleural_Thickening"
    assert "Grad-CAM for pleural thickening" in desk.html

    desk.choose("Finding", "Mass")

    assert 'lb-explained" role="img" aria-label="mass 0.05' in desk.html


def test_the_strip_names_the_first_and_counts_the_others(desk: Desk) -> None:
    assert [(film["words"], film["more"]) for film in desk.strip] == [("pleural thickening", 1)]


@pytest.mark.parametrize("points", [dict.fromkeys(FINDINGS, 0.9)], ids=["out of reach"])
def test_nothing_found_is_an_answer(desk: Desk) -> None:
    assert "the model reports none" in desk.html
    assert [film["note"] for film in desk.strip] == ["no finding"]
    assert desk.menu("Finding").value == "Pleural_Thickening"  # the most likely one: some finding must be shown


def test_every_finding_has_a_colour_of_its_own_that_no_region_has() -> None:
    hues = [finding_colours.colour(finding) for finding in (*FINDINGS, "normal", "tuberculosis", "silicosis")]

    assert len(set(hues)) == len(hues)
    assert not set(hues) & set(REGIONS)
    assert len(set(REGIONS)) == 8
    assert finding_colours.colour("Pneumonia") == finding_colours.colour("pneumonia")
