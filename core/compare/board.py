"""Several maps of one film as one picture."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.compare.grid import one_film
from core.compare.map_agreement import METHOD
from core.compare.tile import Tile
from core.lettering import GROUND, INK, QUIET, paragraphs
from core.models.findings import words as plain_words
from core.overlay import DRAWN, NOTICE, OPACITY, absence, caption, common_end, end, legend_bar, overlay
from core.types import Explanation, Radiograph

PANE = 480  # px, width of a tile
_LETTER = 14  # px
_GAP = 12  # px between tiles
_TALLEST = 1.5  # of a tile's width: longer films are drawn narrower
_LIKELIEST = 4  # most findings listed per network
_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}


@dataclass(frozen=True, eq=False)
class Board:
    """Maps of one film side by side; a notebook draws them.

    words: where the models agree and where they do not, in sentences; may be empty.
    """

    radiograph: Radiograph
    tiles: tuple[Tile, ...]
    words: str = ""

    def _repr_png_(self) -> bytes:
        """The board in a notebook."""
        return board_png(self.radiograph, self.tiles, words=self.words)


def board_png(
    radiograph: Radiograph,
    tiles: Sequence[Tile],
    *,
    difference: Explanation | None = None,
    words: str = "",
    common: bool = False,
    opacity: float = OPACITY,
    columns: int | None = None,
) -> bytes:
    """The board as a PNG file: each tile's map over the film with title, colour bar, probabilities and caveats.

    difference: of two of the tiles, drawn after them.
    words:      the disagreement in sentences, below the tiles.
    common:     colours up to the largest value of all maps in one unit, not up to each map's own.
    columns:    tiles side by side; by default as many as fit a screen.
    Raises:     BadData if a map is not of this film; ValueError without a tile.
    """
    if not tiles:
        raise ValueError("there is no tile")
    maps = [tile.explanation for tile in tiles]
    one_film(radiograph, [*maps, *([difference] if difference else [])])
    ends = common_ends(maps) if common else {}
    panes = [
        _pane(radiograph, tile.explanation, _lines(tile), scale=ends.get(tile.explanation.unit), opacity=opacity)
        for tile in tiles
    ]
    if difference:
        panes.append(_pane(radiograph, difference, [("Difference", INK)], scale=None, opacity=opacity))
    across = columns or _COLUMNS.get(len(panes), 4)
    lines = [(words, INK)] if words else []
    if ends:
        lines += [("Colours are common to all maps in one unit.", QUIET)]
    lines += [(radiograph.name, QUIET)] + ([(DRAWN, INK)] if radiograph.drawn else []) + [(NOTICE, QUIET)]
    rows = [panes[start : start + across] for start in range(0, len(panes), across)]
    width = min(across, len(panes)) * (PANE + _GAP) + _GAP
    foot = paragraphs(lines, width=width, letter=_LETTER)
    heights = [max(pane.height for pane in row) for row in rows]
    whole = Image.new("RGB", (width, sum(heights) + _GAP * (len(rows) + 1) + foot.height), GROUND)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for place, pane in enumerate(row):
            whole.paste(pane, (_GAP + place * (PANE + _GAP), top))
        top += height + _GAP
    whole.paste(foot, (0, top))
    return _saved(whole, radiograph, tiles, difference)


def common_ends(maps: Sequence[Explanation]) -> Mapping[str, float]:
    """Unit -> the end of its maps' colour scale; units without a drawn map are left out."""
    units = dict.fromkeys(map_.unit for map_ in maps)
    ends = {unit: common_end([map_ for map_ in maps if map_.unit == unit]) for unit in units}
    return {unit: value for unit, value in ends.items() if value is not None}


def _lines(tile: Tile) -> list[tuple[str, tuple[int, int, int]]]:
    """Title and probabilities."""
    likely = sorted(
        zip(tile.prediction.findings, tile.prediction.probabilities.tolist(), strict=True), key=lambda pair: -pair[1]
    )
    probabilities = " · ".join(f"{plain_words(name)} {value:.2f}" for name, value in likely[:_LIKELIEST])
    title = tile.title if tile.name == tile.checkpoint.name else f"{tile.name} · {tile.title}"
    return [(title, INK), (probabilities, INK)]


def _pane(
    radiograph: Radiograph,
    map_: Explanation,
    lines: list[tuple[str, tuple[int, int, int]]],
    *,
    scale: float | None,
    opacity: float,
) -> Image.Image:
    """One tile, PANE px wide: title, film with map, colour bar, further lines, caveat."""
    missing = absence(map_)
    scale = scale or end(map_)
    picture = Image.fromarray(overlay(radiograph, map_, opacity=opacity, scale=scale or None, legend=False))
    shrink = min(PANE / picture.width, _TALLEST * PANE / picture.height)
    size = (max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink)))
    picture = picture.resize(size, Image.Resampling.BOX if shrink < 1 else Image.Resampling.BICUBIC)
    black = Image.new("RGB", (PANE, picture.height))
    black.paste(picture, ((PANE - picture.width) // 2, 0))
    caveat = missing or map_.caveat
    below = [*lines[1:], (caption(map_), QUIET), *([(caveat, INK)] if caveat else [])]
    parts = [paragraphs(lines[:1], width=PANE, letter=_LETTER), black]
    if not missing:
        parts.append(legend_bar(map_, scale=scale, width=PANE, letter=_LETTER))
    parts.append(paragraphs(below, width=PANE, letter=_LETTER))
    return Image.fromarray(np.concatenate([np.asarray(part) for part in parts]))


def _saved(whole: Image.Image, radiograph: Radiograph, tiles: Sequence[Tile], difference: Explanation | None) -> bytes:
    metadata = {
        "radiograph_key": radiograph.key,
        "tiles": [
            {
                "name": tile.name,
                "checkpoint": tile.checkpoint.name,
                "checkpoint_key": tile.explanation.checkpoint,
                "method": tile.explanation.method,
                "finding": tile.explanation.finding,
                "layer": tile.explanation.layer,
                "settings": dict(tile.explanation.settings),
                "caveat": tile.explanation.caveat,
            }
            for tile in tiles
        ],
        METHOD: difference.title if difference else None,
    }
    note = PngInfo()
    note.add_text("Description", f"Maps of {radiograph.name} side by side. {NOTICE}")
    note.add_text("Lightbox", json.dumps(metadata, sort_keys=True))
    file = io.BytesIO()
    whole.save(file, "PNG", compress_level=3, pnginfo=note)
    return file.getvalue()
