import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.codec import dump
from core.errors import BadCheckpoint, UnknownName
from core.models.architecture import Network
from core.models.checkpoints import SHIPPED, complete, names, read_card, read_network


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
    assert checkpoint.metrics.test is not None
    for finding, area in checkpoint.metrics.test.auc.items():
        assert finding in checkpoint.findings
        assert area.low > 0.5, f"{finding} does not clearly beat chance"


@pytest.mark.parametrize("name", names(SHIPPED))
def test_a_shipped_card_is_parsed_and_written_byte_for_byte(name: str) -> None:
    text = (SHIPPED / f"{name}.json").read_text(encoding="utf-8")

    assert json.dumps(dump(read_card(name)), indent=1, ensure_ascii=False) + "\n" == text


def test_a_further_field_anywhere_in_a_card_survives_a_change_of_another(copy: Path) -> None:
    figure = {"value": 0.9, "low": None, "high": None, "n": 12, "resamples": 100}
    test = {"n": 12, "macro_auc": figure, "groups": [{"by": "sex", "name": "F", "n": 7, "ece": figure}], "later": {}}
    complete("untrained", {"metrics": {"test": test, "hospitals": [1]}, "doi": "10.1/1"}, copy)

    card = complete("untrained", {"temperature": 1.5}, copy)

    stored = json.loads((copy / "untrained.json").read_text())
    assert stored == dump(card)
    assert (stored["metrics"], stored["doi"]) == ({"test": test, "hospitals": [1]}, "10.1/1")
    assert card.temperature == 1.5


def test_a_field_of_the_wrong_type_is_named_and_nothing_is_written(copy: Path) -> None:
    before = (copy / "untrained.json").read_bytes()

    with pytest.raises(ValueError, match=r"`metrics\.test\.macro_auc\.n`, which is missing"):
        complete("untrained", {"metrics": {"test": {"macro_auc": {"value": 1, "low": 1, "high": 1}}}}, copy)
    assert (copy / "untrained.json").read_bytes() == before


def test_a_card_with_an_unknown_way_of_preprocessing_is_refused(copy: Path) -> None:
    card = json.loads((copy / "untrained.json").read_text())
    (copy / "untrained.json").write_text(json.dumps(card | {"input": card["input"] | {"gamma": 2}}))

    with pytest.raises(BadCheckpoint, match=r"`input\.gamma`, which this version does not know"):
        read_card("untrained", copy)


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


@pytest.mark.parametrize(
    "card",
    [SHIPPED / f"{name}.json" for name in (*names(SHIPPED), "lungs-unet", "devices-unet")],
    ids=lambda card: card.stem,
)
def test_each_figure_of_a_shipped_card_lies_in_its_interval(card: Path) -> None:
    items = list(_estimates(json.loads(card.read_text())))

    assert items
    assert [each for each in items if not each["low"] <= each["value"] <= each["high"]] == []
