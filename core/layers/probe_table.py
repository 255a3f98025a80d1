"""Linear probes computed in advance, in a file beside the weights: NAME.probes.npz."""

import io
import json
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BadData
from core.estimate import Estimate
from core.layers.linear_classifier import LinearProbe
from core.layers.linear_probes import Probe, Probes
from core.types import Checkpoint

_FIGURES = ("balanced", "auc", "accuracy", "behind", "agrees")


def file_of(card: Checkpoint, folder: Path) -> Path:
    """The path of this checkpoint's probes."""
    return folder / f"{card.name}.probes.npz"


def write_probes(probes: Probes, card: Checkpoint, folder: Path) -> Path:
    """Writes the probes beside the weights; films are named only by the digest of their content.

    Raises: ValueError for the probes of another checkpoint.
    """
    if probes.checkpoint != card.key:
        raise ValueError(f"the probes are of checkpoint {probes.checkpoint}, not of {card.key}")
    held = sorted(probes.held)
    about = {
        name: getattr(probes, name)
        for name in ("checkpoint", "exclusive", "description", "drawn", "divided", "films", "patients", "skipped")
    }
    about |= {"chance": probes.chance, "majority": probes.majority, "classes": list(probes.classes)}
    about |= {"learned": sorted(probes.learned), "held": held}
    about["network"] = {name: _numbers(figure) for name, figure in probes.network.items()}
    about["stages"] = [
        {"stage": each.stage, "units": each.units} | {name: _numbers(getattr(each, name)) for name in _FIGURES}
        for each in probes.stages
    ]
    arrays: dict[str, Any] = {"about": json.dumps(about)}
    for place, each in enumerate(probes.stages):
        arrays |= {f"weights {place}": each.line.weights, f"bias {place}": each.line.bias}
    if held:
        arrays["held"] = np.stack([probes.held[key] for key in held])
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    file = file_of(card, folder)
    file.write_bytes(data.getvalue())
    return file


def read_probes(card: Checkpoint, folder: Path) -> Probes | None:
    """The probes beside the weights; None if there are none, or they belong to other weights.

    Raises: BadData if the file cannot be read.
    """
    file = file_of(card, folder)
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            if about.pop("checkpoint") != card.key:
                return None
            return _probes(card, about, {name: stored[name] for name in stored.files if name != "about"})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        again = "Make it again with `python -m core layers probes`."
        raise BadData(f"{file.name} cannot be read ({error}). {again}") from None


def _probes(card: Checkpoint, about: dict[str, Any], arrays: dict[str, Any]) -> Probes:
    held = about.pop("held")
    stages = tuple(
        Probe(
            each["stage"],
            each["units"],
            line=LinearProbe(arrays[f"weights {place}"], arrays[f"bias {place}"], about["exclusive"]),
            **{name: _figure(each[name]) for name in _FIGURES},  # type: ignore[arg-type]
        )
        for place, each in enumerate(about.pop("stages"))
    )
    network = {name: Estimate(*numbers) for name, numbers in about.pop("network").items()}
    return Probes(
        checkpoint=card.key,
        classes=tuple(about.pop("classes")),
        learned=frozenset(about.pop("learned")),
        held=dict(zip(held, arrays.get("held", ()), strict=True)),
        stages=stages,
        network=network,
        **about,
    )


def _numbers(figure: Estimate | None) -> list[float] | None:
    return None if figure is None else [getattr(figure, each.name) for each in fields(Estimate)[:4]]


def _figure(numbers: list[Any] | None) -> Estimate | None:
    return None if numbers is None else Estimate(*numbers)
