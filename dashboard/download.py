"""What can be taken away from a page: bytes of a picture, bytes of numbers, and their names."""

import io
import json
import re

import numpy as np
from PIL import Image

from core.overlay import NOTICE, overlay
from core.types import Checkpoint, Explanation, Radiograph

_HOW = (
    "heat (h, w) covers the network's square input. On the film: "
    "core.image.prepare.enlarge(heat, Placement(*box, turn), tuple(film)). By hand: turn heat by `turn` quarter turns "
    "clockwise, stretch it bilinearly over the film's pixels x0, y0, x1, y1 = box (edges, not centres); outside that "
    "box there is no heat."
)


def overlay_bytes(radiograph: Radiograph, explanation: Explanation) -> bytes:
    """The heat over the film with its legend, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(overlay(radiograph, explanation)).save(file, "PNG", compress_level=3)
    return file.getvalue()


def map_bytes(radiograph: Radiograph, explanation: Explanation, checkpoint: Checkpoint) -> bytes:
    """The raw map and all it takes to lay it over the film again, as an .npz file."""
    box = explanation.placement
    file = io.BytesIO()
    np.savez_compressed(
        file,
        heat=explanation.heat,
        box=np.array([box.x0, box.y0, box.x1, box.y1], np.float64),
        turn=box.turn,
        film=np.array(radiograph.pixels.shape),
        name=radiograph.name,
        radiograph_key=explanation.radiograph,
        checkpoint=checkpoint.name,
        checkpoint_key=explanation.checkpoint,
        finding=explanation.finding,
        method=explanation.method,
        layer=explanation.layer or "",
        settings=json.dumps(dict(explanation.settings)),
        unit=explanation.unit,
        signed=explanation.signed,
        how=_HOW,
        notice=NOTICE,
    )
    return file.getvalue()


def file_name(radiograph: Radiograph, explanation: Explanation, ending: str) -> str:
    """film-finding-method-stage.ending, safe on every file system."""
    stem = radiograph.name.rsplit(".", 1)[0][:60]
    parts = [stem, explanation.finding, explanation.method, explanation.layer]
    name = "-".join(re.sub(r"[^\w]+", "_", part).strip("_") for part in parts if part)
    return f"{name}.{ending}"
