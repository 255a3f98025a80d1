"""A stage's units as files: numbers to compute with, a table, and a sheet of pictures."""

import csv
import io
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from core.explain.export import origin
from core.image.prepare import upright
from core.layers.activations import Activations, ranked
from core.overlay import DRAWN, NOTICE, figure, levels, palettes, table
from core.types import Checkpoint, Radiograph

_HOW = (
    "maps (K, h, w) cover the network's square input. On the film: "
    "core.image.prepare.enlarge(maps[k], Placement(*box, turn), tuple(film))."
)
_TILE, _GAP, _LINE = 96, 8, 16  # px
_GROUND, _QUIET, _INK = (16, 16, 18), (150, 150, 156), (232, 232, 236)


def activations_npz(radiograph: Radiograph, activations: Activations, checkpoint: Checkpoint) -> bytes:
    """All maps with their placement on the film; the same film gives the same bytes.

    Holds maps (K, h, w) float32, relevance (F, K) in logits for `findings`, box and turn that place them, film (H, W).
    """
    file = io.BytesIO()
    np.savez(
        file,
        maps=activations.maps,
        findings=np.array(list(activations.relevance), np.str_),
        relevance=np.array(list(activations.relevance.values()), np.float32).reshape(-1, len(activations.maps)),
        **origin(radiograph, activations, checkpoint),
        stage=activations.stage,
        how=_HOW,
    )
    return file.getvalue()


def activations_csv(activations: Activations, *, usual: NDArray[np.float32] | None = None) -> str:
    """One row per unit: mean, minimum and maximum, the cell of the maximum, and relevance per finding.

    usual: (K,) as in `ranked`; adds the column difference.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    findings = list(activations.relevance)
    extra = [] if usual is None else ["difference"]
    rows.writerow(["channel", "mean", "least", "greatest", "row", "column", *extra, *(f"for {f}" for f in findings)])
    for channel, heat in enumerate(activations.maps):
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        mean = activations.means[channel]
        figures = [mean, heat.min(), heat.max(), int(row), int(column)]
        figures += [] if usual is None else [mean - usual[channel]]
        rows.writerow(
            [channel, *map(_cell, figures), *(_cell(activations.relevance[each][channel]) for each in findings)]
        )
    return text.getvalue()


def sheet_png(
    radiograph: Radiograph,
    activations: Activations,
    checkpoint: Checkpoint,
    *,
    channels: Sequence[int] | None = None,
    scale: Literal["common", "own"] = "common",
) -> bytes:
    """The maps side by side, each with its number and its greatest value; without the film.

    channels: in this order; None for all, by mean.
    scale:    one colour scale for all maps, or one per map.
    """
    chosen = list(ranked(activations, "mean") if channels is None else channels)
    columns = min(len(chosen), max(4, math.ceil(math.sqrt(1.6 * len(chosen)))))
    rows = math.ceil(len(chosen) / columns)
    width, height = columns * (_TILE + _GAP) + _GAP, rows * (_TILE + _LINE + _GAP) + 3 * _LINE + _GAP
    sheet = Image.new("RGB", (width, height), _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    title = f"{checkpoint.name} · {activations.stage} · {len(chosen)} of {len(activations.maps)} units · {scale} scale"
    draw.text((_GAP, 6), title, fill=_INK, font=font)
    common = max((float(np.abs(activations.maps[channel]).max()) for channel in chosen), default=0.0)
    for place, channel in enumerate(chosen):
        x = _GAP + place % columns * (_TILE + _GAP)
        y = 2 * _LINE + place // columns * (_TILE + _LINE + _GAP)
        heat = activations.maps[channel]
        end = common if scale == "common" else float(np.abs(heat).max())
        sheet.paste(_tile(activations, channel, end), (x, y))
        draw.text((x, y + _TILE + 2), str(channel), fill=_INK, font=font)
        peak = figure(float(heat.max()))
        draw.text((x + _TILE - draw.textlength(peak, font=font), y + _TILE + 2), peak, fill=_QUIET, font=font)
    foot = f"{DRAWN} {NOTICE}" if radiograph.drawn else NOTICE
    draw.text((_GAP, height - _LINE), foot, fill=_QUIET, font=font)
    note, file = PngInfo(), io.BytesIO()
    note.add_text("Description", f"{title}. {foot}")
    sheet.save(file, "PNG", pnginfo=note)
    return file.getvalue()


def _tile(activations: Activations, channel: int, end: float) -> Image.Image:
    """The map with one square per cell, upright like the film."""
    heat = upright(activations.maps[channel], activations.placement)
    level = levels(heat, signed=activations.signed, scale=end) if end > 0 else np.zeros(heat.shape, np.uint8)
    colours = table(palettes(signed=activations.signed)[0])[level]
    return Image.fromarray(colours).resize((_TILE, _TILE), Image.Resampling.NEAREST)


def _cell(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{float(value):.7g}"
