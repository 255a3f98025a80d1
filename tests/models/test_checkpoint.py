import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import BadCheckpoint, UnknownName
from core.models.architecture import Network
from core.models.checkpoint import SHIPPED, names, read_card, read_network


@pytest.fixture
def copy(weights: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(weights, tmp_path / "weights"))


def test_what_is_written_is_read_again_in_half_precision(network: Network, weights: Path) -> None:
    checkpoint = read_card("untrained", weights)
    again = read_network(checkpoint, weights)

    assert checkpoint.findings == ("covid", "pneumonia", "normal")
    assert checkpoint.input.size == 64
    assert not again.training
    for name, value in network.state_dict().items():
        stored = again.state_dict()[name]
        assert stored.dtype in (torch.float32, torch.int64)
        assert torch.allclose(stored.double(), value.double(), rtol=1e-3, atol=1e-6), name


def test_an_unknown_name_lists_the_known(weights: Path) -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'untrained'\?"):
        read_card("untraned", weights)


def test_changed_weights_are_noticed(copy: Path) -> None:
    path = copy / "untrained.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(BadCheckpoint, match="SHA-256"):
        read_network(read_card("untrained", copy), copy)


def test_a_card_without_a_field_names_it(copy: Path) -> None:
    card = json.loads((copy / "untrained.json").read_text())
    del card["findings"]
    (copy / "untrained.json").write_text(json.dumps(card))

    with pytest.raises(BadCheckpoint, match="findings"):
        read_card("untrained", copy)


def test_a_card_of_another_number_of_findings_is_refused(copy: Path) -> None:
    card = json.loads((copy / "untrained.json").read_text())
    card["findings"].append("effusion")
    (copy / "untrained.json").write_text(json.dumps(card))

    with pytest.raises(BadCheckpoint, match="does not hold a densenet121"):
        read_network(read_card("untrained", copy), copy)


def test_weights_that_would_run_code_are_never_opened(copy: Path) -> None:
    """A pickle under the safetensors name is refused unread, even if its digest is in the card."""
    path = copy / "untrained.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    card = json.loads((copy / "untrained.json").read_text())
    import hashlib

    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (copy / "untrained.json").write_text(json.dumps(card))

    with pytest.raises(BadCheckpoint, match="does not hold"):
        read_network(read_card("untrained", copy), copy)


@pytest.mark.parametrize("name", names(SHIPPED))
def test_shipped_checkpoints_load_and_beat_chance(name: str) -> None:
    checkpoint = read_card(name)
    network = read_network(checkpoint)

    assert sum(weights.numel() for weights in network.parameters()) > 1e4
    assert checkpoint.temperature > 0
    assert set(checkpoint.thresholds) == set(checkpoint.findings)
    for finding, area in checkpoint.metrics["test"]["auc"].items():
        assert finding in checkpoint.findings
        assert area["low"] > 0.5, f"{finding} does not clearly beat chance"


def _estimates(part: Any) -> Iterator[dict[str, Any]]:
    """Every figure with an interval in a card."""
    if isinstance(part, dict):
        if {"value", "low", "high"} <= set(part) and part["low"] is not None:
            yield part
        for each in part.values():
            yield from _estimates(each)
    elif isinstance(part, list):
        for each in part:
            yield from _estimates(each)


@pytest.mark.parametrize("card", sorted(SHIPPED.glob("*.json")), ids=lambda card: card.stem)
def test_each_figure_of_a_shipped_card_lies_in_its_interval(card: Path) -> None:
    found = list(_estimates(json.loads(card.read_text())))

    assert found
    assert [each for each in found if not each["low"] <= each["value"] <= each["high"]] == []
