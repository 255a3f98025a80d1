"""Weights (safetensors) and their JSON card: reading, writing, listing."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file
from torch import Tensor, nn

from core.codec import dump, parse
from core.errors import BadCheckpoint
from core.models.architecture import Network, known, shapes_only
from core.registry import unknown
from core.types import Checkpoint, Input

SHIPPED = Path(__file__).parents[2] / "weights"
OTHERS = {"lungs-unet", "devices-unet"}  # networks of other kinds in the same folder


def names(folder: Path = SHIPPED) -> list[str]:
    """The classifiers in the folder, by name: each .safetensors with a card beside it, without the lung network."""
    cards = (card for card in folder.glob("*.json") if card.with_suffix(".safetensors").exists())
    return sorted(card.stem for card in cards if card.stem not in OTHERS)


def read_card(name: str, folder: Path = SHIPPED) -> Checkpoint:
    """The card of one checkpoint, without its weights.

    Raises: UnknownName for an unknown name; BadCheckpoint if a field of the card is missing or invalid.
    """
    if name not in names(folder):
        raise unknown("checkpoint", name, names(folder))
    path = folder / f"{name}.json"
    try:
        return _parsed(json.loads(path.read_text(encoding="utf-8")), name)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadCheckpoint(f"The card {path.name} is not JSON ({error}). Restore it or train again.") from error
    except ValueError as error:
        raise BadCheckpoint(f"The card {path.name} is wrong at {error}. Restore it or train again.") from error


def read_network(checkpoint: Checkpoint, folder: Path = SHIPPED) -> Network:
    """The network in float32, in evaluation mode; only safetensors is ever read, so nothing in the file can run.

    Raises: BadCheckpoint if file, card and architecture do not fit each other.
    """
    path = folder / f"{checkpoint.name}.safetensors"
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != checkpoint.sha256:
        raise BadCheckpoint(
            f"{path.name} has SHA-256 {digest[:12]}…, its card says {checkpoint.sha256[:12]}…: "
            "the file was changed or cut short. Fetch both again."
        )
    with shapes_only():  # the weights come from the file
        network = known(checkpoint.architecture).build(len(checkpoint.findings), checkpoint.input.channels)
    fill(network, data, f"{path.name} does not hold a {checkpoint.architecture}")
    return network.eval().requires_grad_(False)


def fill(network: nn.Module, data: bytes, otherwise: str) -> None:
    """Loads the bytes of a safetensors file into the network, in float32.

    Raises: BadCheckpoint with the sentence `otherwise` and the reason if they do not fit.
    """
    try:
        tensors = {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in load_tensors(data).items()
        }
        network.load_state_dict(tensors, assign=True)
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BadCheckpoint(f"{otherwise} ({reason}).") from error


def write(
    network: Network, card: Checkpoint | Mapping[str, Any], name: str, folder: Path = SHIPPED, *, exact: bool = False
) -> Checkpoint:
    """Stores the weights in float16 with their card; returns the card as read back.

    card:  its name and sha256 are ignored; as a mapping, the JSON of a Checkpoint with any further fields.
    exact: store float32 instead: for weights that others trained, which may exceed float16 (variances of films in
           the range of thousands do) and whose outputs must not change.
    """
    fields = dict(card) if isinstance(card, Mapping) else card_json(card)
    _parsed({**fields, "sha256": ""}, name)  # checked before anything is written
    store(network, fields, name, folder, exact=exact)
    return read_card(name, folder)


def store(network: nn.Module, card: dict[str, Any], name: str, folder: Path = SHIPPED, *, exact: bool = False) -> None:
    """Stores a network's weights, in float16 unless `exact`, with a card beside them; files are written atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file(stored(network) if exact else half(network), path.with_suffix(".part"))
    sha256 = hashlib.sha256(path.with_suffix(".part").read_bytes()).hexdigest()
    path.with_suffix(".part").replace(path)
    _write_card(path.with_suffix(".json"), {**card, "name": name, "sha256": sha256})


def complete(name: str, fields: dict[str, Any], folder: Path = SHIPPED) -> Checkpoint:
    """Sets fields of a classifier's stored card; the weights stay as they are. Raises: ValueError for a wrong field."""
    card = _parsed(dump(read_card(name, folder)) | fields, name)
    _write_card(folder / f"{name}.json", dump(card))
    return read_card(name, folder)


def amend(name: str, fields: dict[str, Any], folder: Path = SHIPPED) -> dict[str, Any]:
    """Sets fields of any stored card; returns the whole card."""
    path = folder / f"{name}.json"
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) | fields
    _write_card(path, card)
    return card


def _write_card(path: Path, card: dict[str, Any]) -> None:
    path.with_suffix(".card").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    path.with_suffix(".card").replace(path)


def half(network: nn.Module) -> dict[str, Tensor]:
    """The state dict for storing: floating-point tensors in float16, on the CPU."""
    return {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in stored(network).items()
    }


def stored(network: nn.Module) -> dict[str, Tensor]:
    """The unchanged state dict, on the CPU."""
    return {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}


def card_json(card: Checkpoint) -> dict[str, Any]:
    """The card as JSON; temperature and operating points are always included."""
    fields: dict[str, Any] = dump(card)
    return fields | {"temperature": card.temperature, "thresholds": dict(card.thresholds)}


def input_card(input: Input) -> dict[str, Any]:
    """The preprocessing in the card's format."""
    return dataclasses.asdict(input)


def _parsed(card: dict[str, Any], name: str) -> Checkpoint:
    """Raises: ValueError naming the first field that is missing or has another type."""
    if "temperature" not in card:  # a default of 1 would look calibrated
        raise ValueError("`temperature`, which is missing")
    return replace(parse(Checkpoint, {"name": name, **card}), name=name)
