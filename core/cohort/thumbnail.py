"""A small picture of a film with its map."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from core.image.prepare import enlarge
from core.overlay import palettes, table
from core.types import Placement

_OPACITY = 0.55  # of the hottest place


def thumbnail_picture(jpeg: bytes, row: Mapping[str, Any], map_row: Mapping[str, Any] | None) -> bytes:
    """The film of a row as WebP, with the positive heat of its map over it if there is one.

    map_row: of `maps`, with `heat` as an array.
    """
    grey = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.float64)
    if map_row is not None and map_row["heat"].max() > 0:
        scale_y, scale_x = grey.shape[0] / row["height"], grey.shape[1] / row["width"]
        place = Placement(
            map_row["x0"] * scale_x,
            map_row["y0"] * scale_y,
            map_row["x1"] * scale_x,
            map_row["y1"] * scale_y,
            map_row["turn"],
        )
        heat = map_row["heat"].clip(min=0)
        shares = np.nan_to_num(enlarge(heat / heat.max(), place, (grey.shape[0], grey.shape[1])), nan=0.0)
        colours = table(palettes(signed=False)[0])[(shares * 255).round().astype(np.uint8)]
        alpha = (_OPACITY * np.sqrt(shares))[..., None]
        picture = picture * (1 - alpha) + colours * alpha
    file = io.BytesIO()
    Image.fromarray(picture.round().astype(np.uint8)).save(file, "WEBP", quality=80)
    return file.getvalue()
