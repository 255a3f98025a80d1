"""Films and maps whose figures are known by hand."""

from typing import Any

import numpy as np

from core.compare.tile import Tile
from core.types import Checkpoint, Explanation, Input, Origin, Placement, Prediction, Radiograph


def film(height: int = 256, width: int = 256, **given: Any) -> Radiograph:
    """An empty film."""
    pixels = np.zeros((height, width), np.uint8)
    return Radiograph(pixels, "planted", 0, 255, Origin("PNG", "L", 8), **given)


def heat_map(
    radiograph: Radiograph,
    heat: Any,
    *,
    placement: Placement | None = None,
    signed: bool = False,
    unit: str = "logits per cell",
    **given: Any,
) -> Explanation:
    """A map of the film; by default it covers all of it."""
    height, width = radiograph.pixels.shape
    return Explanation(
        radiograph=radiograph.key,
        checkpoint=given.pop("checkpoint", "checkpoint"),
        heat=np.asarray(heat, np.float32),
        placement=placement or Placement(0, 0, width, height),
        signed=signed,
        unit=unit,
        method=given.pop("method", "grad-cam"),
        finding=given.pop("finding", "covid"),
        layer=given.pop("layer", "stage 4"),
        settings={},
        seconds=0.0,
        passes=(1, 0),
        title="Grad-CAM",
        **given,
    )


def spot(radiograph: Radiograph, rows: slice, columns: slice, **given: Any) -> Explanation:
    """A map of the film's own size, 1 in those rows and columns and 0 elsewhere."""
    heat = np.zeros(radiograph.pixels.shape, np.float32)
    heat[rows, columns] = 1
    return heat_map(radiograph, heat, **given)


def tile(
    name: str,
    explanation: Explanation,
    probabilities: dict[str, float],
    *,
    checkpoint: str | None = None,
    multi_label: bool = False,
    thresholds: dict[str, float] | None = None,
) -> Tile:
    """A tile of a network that says just that; by default each tile's network is another one."""
    card = Checkpoint(
        checkpoint or name,
        "by hand",
        tuple(probabilities),
        multi_label,
        Input(size=64),
        sha256=checkpoint or name,
        thresholds=thresholds or {},
    )
    likely = np.array(list(probabilities.values()), np.float32)
    prediction = Prediction(explanation.radiograph, card.key, card.findings, np.log(likely), likely, 1.0, 0.0)
    return Tile(name, card, prediction, explanation)
