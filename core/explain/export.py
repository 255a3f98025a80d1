"""A map as files: the picture to look at and the numbers to compute with. Dashboard and command line write the same."""

import io
import json
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.explain.method import captum_version
from core.models.findings import words
from core.overlay import NOTICE, OPACITY, overlay
from core.types import Checkpoint, Cleaning, Explanation, Placement, Prediction, Radiograph

_HOW = (
    "heat (h, w) covers the network's square input. On the film: "
    "core.image.prepare.enlarge(heat, Placement(*box, turn), tuple(film)). By hand: turn heat by `turn` quarter turns "
    "clockwise, stretch it bilinearly over the film's pixels x0, y0, x1, y1 = box (edges, not centres); outside that "
    "box there is no heat."
)


def precision(explanation: Explanation) -> str:
    """The precision that the network computed in."""
    return "bfloat16" if explanation.bfloat16 else "float32"


def source_line(checkpoint: Checkpoint, prediction: Prediction, finding: str) -> str:
    """Model, digest of its weights, probability: "densenet121-lungs, weights 1a2b3c4d · covid 0.78"."""
    probability = prediction.probability(finding)
    return f"{checkpoint.name}, weights {checkpoint.sha256[:8]} · {words(finding)} {probability:.2f}"


def overlay_png(
    radiograph: Radiograph,
    explanation: Explanation,
    *,
    source: str = "",
    opacity: float = OPACITY,
    threshold: float = 0.0,
    colours: str | None = None,
    scale: float | None = None,
    drawing: NDArray[np.uint8] | None = None,
) -> bytes:
    """The heat over the film with its legend, as a PNG file; the options are those of `core.overlay.overlay`.

    source: the line of the legend that names model and prediction (`source_line`).
    A void map gives the bare film, and the legend says why; the legend of a map with a caveat carries its sentence.
    """
    rgb = overlay(
        radiograph,
        explanation,
        opacity=opacity,
        threshold=threshold,
        colours=colours,
        scale=scale,
        source=source,
        drawing=drawing,
    )
    note = PngInfo()
    metadata = {
        "method": explanation.method,
        "finding": explanation.finding,
        "layer": explanation.layer,
        "settings": dict(explanation.settings),
        "cleaning": asdict(explanation.cleaning),
        "precision": precision(explanation),
        "computed_by": explanation.computed_by,
        "captum": captum_version(),
        "caveat": explanation.caveat,
        "checkpoint_key": explanation.checkpoint,
        "radiograph_key": explanation.radiograph,
        "source": source,
    }
    note.add_text("Description", f"{explanation.title or explanation.method} of {explanation.finding}. {NOTICE}")
    note.add_text("Lightbox", json.dumps(metadata, sort_keys=True))
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", compress_level=3, pnginfo=note)  # 6: three times as long, no smaller
    return file.getvalue()


def map_npz(radiograph: Radiograph, explanation: Explanation, checkpoint: Checkpoint, prediction: Prediction) -> bytes:
    """The raw map and all that is needed to lay it over the film; the same map gives the same bytes.

    Holds heat (h, w) float32 in `unit`; box (x0, y0, x1, y1 in pixels of the film) and turn that place it; film
    (H, W); how it was made; the network's probability. `numpy.load` reads it without pickle.
    """
    file = io.BytesIO()
    np.savez(
        file,
        heat=explanation.heat,
        **origin(radiograph, explanation, checkpoint),
        signed=explanation.signed,
        precision=precision(explanation),
        caveat=explanation.caveat,
        void=explanation.void,
        unit=explanation.unit,
        method=explanation.method,
        settings=json.dumps(dict(explanation.settings), sort_keys=True),
        finding=explanation.finding,
        probability=prediction.probability(explanation.finding),
        layer=explanation.layer or "",
        computed_by=explanation.computed_by,
        how=_HOW,
    )
    return file.getvalue()


class Raw(Protocol):
    """Maps with their place: an Explanation, or a stage's activations."""

    @property
    def radiograph(self) -> str: ...
    @property
    def checkpoint(self) -> str: ...
    @property
    def placement(self) -> Placement: ...
    @property
    def cleaning(self) -> Cleaning: ...


def origin(radiograph: Radiograph, maps: Raw, checkpoint: Checkpoint) -> dict[str, Any]:
    """The fields of every file of raw maps: film, placement on it, network and cleaning."""
    box = maps.placement
    return {
        "box": np.array([box.x0, box.y0, box.x1, box.y1], np.float64),
        "turn": box.turn,
        "film": np.array(radiograph.pixels.shape),
        "name": radiograph.name,
        "checkpoint": checkpoint.name,
        "checkpoint_key": maps.checkpoint,
        "checkpoint_sha256": checkpoint.sha256,
        "radiograph_key": maps.radiograph,
        "cleaning": json.dumps(asdict(maps.cleaning), sort_keys=True),
        "captum": captum_version(),
        "notice": NOTICE,
    }
