"""Heat over radiograph as plain RGB: the colour maps, the one blending rule, and the static picture with its legend.

The viewer in the browser (`dashboard/viewer/heat.js`) follows the same rule, and a browser test holds the two together:

    level   where a value lies in the colour map, 0 to 255; of a signed map zero is 128, exactly in the middle
    share   the value's share of the scale, 0 to 1, without its sign
    alpha   opacity × min(1, 2 × share), and 0 where the share is below the threshold

so that weak heat leaves the film visible, and everything from half of the scale up shows at full opacity.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from core.errors import BadSetting
from core.image import arrangement
from core.image.prepare import enlarge
from core.lettering import GROUND, INK, QUIET, colour_bar, paragraphs
from core.types import FUSED, Explanation, Heat, Placement, Radiograph

Rgb = NDArray[np.uint8]

OPACITY = 0.45
SEQUENTIAL = ("inferno", "viridis", "cividis", "magma")
# Dark in the middle, so that they read over a dark film; blue or green against, orange, red or purple for the finding.
DIVERGING = ("managua_r", "berlin", "vanimo_r")
# Tol's light scheme (Paul Tol 2021, SRON/EPS/TN/09-002), without its grey: safe for colour-blind people. A region is no
# finding, so no finding has one of these colours (dashboard.markup.colour).
REGIONS = ("#ee8866", "#99ddff", "#eedd88", "#ffaabb", "#44bb99", "#bbcc33", "#77aadd", "#aaaa00")
NOTICE = "For research and teaching. Not for diagnosis."
DRAWN = "Drawn phantom, not a person's film."

_REGION = 0.55  # opacity of a region where its part is strongest
_COARSE = 64  # cells per side up to which the colour map ends at the map's peak
_BAND = 128  # film rows blended at once: bounds the memory for a 15-megapixel film, and fits the cache
_LEAST_WIDTH = 480  # px: a legend below a narrower film would be illegible
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def palettes(*, signed: bool) -> tuple[str, ...]:
    """The suitable colour maps, the default first: diverging for signed maps, perceptually uniform for the rest."""
    return DIVERGING if signed else SEQUENTIAL


@cache
def table(colours: str) -> Rgb:
    """The colour map as (256, 3) uint8; of a diverging map entry 128 is zero and 1 and 255 are the ends.

    Raises: BadSetting if there is no such colour map.
    Source: matplotlib; its diverging maps after Crameri 2018, doi:10.5281/zenodo.1243862.
    """
    from matplotlib import colormaps  # late: it is slow to import, and reading a film does not need it

    if colours in SEQUENTIAL:
        positions = np.arange(256) / 255
    elif colours in DIVERGING:
        positions = np.clip(0.5 + (np.arange(256) - 128) / 254, 0, 1)
    else:
        raise BadSetting(f"There is no colour map {colours!r}. Known: {', '.join(SEQUENTIAL + DIVERGING)}.")
    rgb = np.floor(colormaps[colours](positions)[:, :3] * 255 + 0.5).astype(np.uint8)
    rgb.flags.writeable = False
    return rgb


@cache
def table_text(colours: str) -> str:
    """`table` in base64, for the viewer."""
    return base64.b64encode(table(colours).tobytes()).decode()


def shares(*, signed: bool) -> NDArray[np.float64]:
    """The share of the scale for each of the 256 levels, without its sign."""
    levels = np.arange(256)
    return np.minimum(np.abs(levels - 128) / 127, 1.0) if signed else levels / 255


def alphas(*, signed: bool, opacity: float, threshold: float) -> NDArray[np.float64]:
    """The opacity of each of the 256 levels, 0 to 1."""
    share = shares(signed=signed)
    return np.where(share >= threshold, opacity * np.minimum(1.0, 2.0 * share), 0.0)


def levels(heat: Heat, *, signed: bool, scale: float) -> NDArray[np.uint8]:
    """The level of each value in the colour map; values beyond the scale are at its end, NaN is at zero."""
    share = np.nan_to_num(heat / scale, nan=0.0)
    place = 128 + 127 * np.clip(share, -1, 1) if signed else 255 * np.clip(share, 0, 1)
    return cast(NDArray[np.uint8], np.floor(place + 0.5).astype(np.uint8))


def display(radiograph: Radiograph) -> NDArray[np.uint8]:
    """The film through its own black and white levels.

    Returns:   (H, W) uint8.
    """
    return radiograph.grey


def absence(explanation: Explanation) -> str | None:
    """Why no heat can be drawn, in one sentence; None if it can."""
    if explanation.void and explanation.caveat:
        return explanation.caveat
    if math.isnan(explanation.peak):
        return "The map holds values that are not numbers, so no heat is drawn."
    if explanation.peak == 0:
        return "The map is zero everywhere, so no heat is drawn."
    if not explanation.signed and explanation.heat.max() <= 0:
        return "Nothing in the map supports the finding, so no heat is drawn."
    return None


def end(explanation: Explanation) -> float:
    """The value at the end of the colour map: the peak, or in fine maps the 99.5th percentile.

    In a map with one value per pixel a few specks are many times stronger than the rest and would leave it colourless.
    """
    peak = explanation.peak
    if min(explanation.heat.shape) <= _COARSE or not peak or math.isnan(peak):
        return peak
    return float(np.percentile(np.abs(explanation.heat), 99.5)) or peak


def common_end(explanations: Sequence[Explanation]) -> float | None:
    """The value at the end of one colour map for several maps of one unit: the largest `end` of those that are drawn.

    None if none is drawn.

    Raises: ValueError if the units differ, since no scale fits them both.
    """
    drawn = [explanation for explanation in explanations if absence(explanation) is None]
    units = {explanation.unit for explanation in drawn}
    if len(units) > 1:
        raise ValueError(f"maps in {', '.join(sorted(units))} have no common scale")
    return max((end(explanation) for explanation in drawn), default=None)


def caption(explanation: Explanation) -> str:
    """The caption of the map: "covid · Grad-CAM · stage 4 · rectified · 7 × 7, enlarged".

    It names the sign, the stages of a fused map, and every setting that differs from the method's default.
    """
    height, width = explanation.heat.shape
    box = explanation.placement
    wide, tall = abs(box.x1 - box.x0), box.y1 - box.y0
    across, down = (tall, wide) if box.turn % 2 else (wide, tall)
    size = f"{height} × {width}" + (", enlarged" if width < across and height < down else "")
    if explanation.regions:
        size = f"{explanation.regions} regions"
    if end(explanation) < explanation.peak:
        size += ", top 0.5 % clipped"
    stages = (explanation.layer or "").split(FUSED)
    where = f"fused from {', '.join(stages[:-1])} and {stages[-1]}" if len(stages) > 1 else stages[0]
    side = "signed" if explanation.signed else "rectified" if "signed" in explanation.settings else ""
    set_by_hand = [setting_words(name, value) for name, value in explanation.changed.items() if name != "signed"]
    name = explanation.title or explanation.method
    half = "in bfloat16" if explanation.bfloat16 else ""
    parts = [
        explanation.finding.replace("_", " "),
        name,
        where,
        side,
        *set_by_hand,
        half,
        size,
        arrangement.words(explanation.cleaning),
    ]
    return " · ".join(part for part in parts if part)


def legend_lines(radiograph: Radiograph, explanation: Explanation | None, source: str = "") -> tuple[str, ...]:
    """The lines below an exported picture, the notice last: absence or caveat, caption, source, film.

    explanation: None for the bare film.
    source:      names model and prediction (`core.explain.export.source_line`); empty for none.
    """
    map_ = () if explanation is None else (absence(explanation) or explanation.caveat, caption(explanation))
    lines = (*map_, source, radiograph.name, DRAWN if radiograph.drawn else "", NOTICE)
    return tuple(line for line in lines if line)


def setting_words(setting: str, value: object) -> str:
    """A setting in words: "steps 64", "squared off"."""
    text = (
        {True: "on", False: "off"}[value]
        if isinstance(value, bool)
        else figure(value)
        if isinstance(value, float)
        else value
    )
    return f"{setting.replace('_', ' ')} {text}"


def figure(value: float) -> str:
    """A number of the colour bar in three digits: 0, 3.14, −0.02, 1.2 × 10⁻⁵."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{float(f'{value:.3g}'):g}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}".replace("-", "−")


def palette(name: str | None, *, signed: bool) -> str:
    """The named colours, or the default. Raises: BadSetting if they do not suit the map."""
    fitting = palettes(signed=signed)
    if name is not None and name not in fitting:
        kind = "a signed" if signed else "an unsigned"
        raise BadSetting(f"{name!r} does not suit {kind} map. Choose one of: {', '.join(fitting)}.")
    return name or fitting[0]


def overlay(
    radiograph: Radiograph,
    explanation: Explanation,
    *,
    opacity: float = OPACITY,
    colours: str | None = None,
    threshold: float = 0.0,
    scale: float | None = None,
    legend: bool = True,
    source: str = "",
    drawing: NDArray[np.uint8] | None = None,
) -> Rgb:
    """The heat over the radiograph at the film's own resolution, and below it a legend.

    The film is mirrored, turned, inverted and windowed as for the network.

    opacity:   0 to 1, where the heat is strongest.
    colours:   one of `palettes`; None for the default.
    threshold: share of the scale, 0 to 1, below which nothing is drawn.
    scale:     the value, in the map's unit, at the end of the colour map; None for `end`.
    source:    line of the legend that names model and prediction; empty for none.
    drawing:   (H, W, 4) pixels laid over the displayed film, such as measurements; None for none.
    Returns:   (H', W', 3) uint8; without the legend exactly (H, W, 3), or (W, H, 3) if the film is turned; with it
               at least 480 px wide.
    Raises:    ValueError if the map is not of this radiograph; BadSetting if the colours do not fit the map.
    """
    if explanation.radiograph != radiograph.key:
        raise ValueError(f"the map is of radiograph {explanation.radiograph}, not of {radiograph.key}")
    colours = palette(colours, signed=explanation.signed)
    missing = absence(explanation)
    scale = scale or end(explanation)
    grey = display(arrangement.through(radiograph, explanation.cleaning.window))
    if explanation.cleaning.invert:
        grey = 255 - grey
    if missing:
        picture = np.repeat(grey[:, :, None], 3, axis=2)
    else:
        blend = _blend(colours, signed=explanation.signed, opacity=opacity, threshold=threshold)
        heat = enlarge(explanation.heat, explanation.placement, grey.shape)
        picture = np.empty((*grey.shape, 3), dtype=np.uint8)
        for top in range(0, grey.shape[0], _BAND):
            band = slice(top, top + _BAND)
            level = levels(heat[band], signed=explanation.signed, scale=scale)
            np.take(blend, level.astype(np.intp) * 256 + grey[band], axis=0, out=picture[band])
    picture = arrangement.turned(picture, explanation.cleaning)
    if drawing is not None:
        base = Image.fromarray(picture).convert("RGBA")
        picture = np.asarray(Image.alpha_composite(base, Image.fromarray(drawing)).convert("RGB"))
    if not legend:
        return picture
    bar = None if missing else (scale, colours, threshold)
    return _with_legend(picture, radiograph, explanation, bar=bar, source=source)


def regions(
    radiograph: Radiograph,
    maps: NDArray[np.float32],
    placement: Placement,
    *,
    words: Sequence[str] = (),
    title: str = "",
    longest: int | None = None,
) -> Rgb:
    """Parts as coloured regions over the radiograph: each pixel has the colour of its strongest part, as opaque as that
    part is strong there relative to its maximum. With words, a legend is below.

    maps:    (P, h, w), 0 or more, of 8 parts at most.
    words:   one per part; none for no legend.
    longest: px, the picture's long side where the film is larger.
    Returns: (H', W', 3) uint8.
    Raises:  ValueError for more parts than colours, or not one word per part.
    """
    if len(maps) > len(REGIONS) or (words and len(words) != len(maps)):
        raise ValueError(f"there are {len(maps)} parts, {len(REGIONS)} colours and {len(words)} words")
    grey = display(radiograph)
    height, width = grey.shape
    shrunk = min(1.0, (longest or max(grey.shape)) / max(grey.shape))
    if shrunk < 1:
        size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
        across, down = size[0] / width, size[1] / height
        placement = replace(
            placement,
            x0=placement.x0 * across,
            x1=placement.x1 * across,
            y0=placement.y0 * down,
            y1=placement.y1 * down,
        )
    best, part = np.zeros(grey.shape, np.float32), np.zeros(grey.shape, np.intp)
    for number, heat in enumerate(maps):
        there = np.nan_to_num(enlarge(heat, placement, (grey.shape[0], grey.shape[1])), nan=0.0)
        wins = there > best
        best[wins], part[wins] = there[wins], number
    peaks = np.maximum(maps.max(axis=(1, 2)), np.finfo(np.float32).tiny)
    alpha = (_REGION * np.sqrt(np.clip(best / peaks[part], 0, 1)))[:, :, None]
    colours = np.array([ImageColor.getrgb(each) for each in REGIONS], np.float32)
    picture = np.floor(grey[:, :, None] * (1 - alpha) + colours[part] * alpha + 0.5).astype(np.uint8)
    return _with_regions(picture, radiograph, words, title) if words else picture


def _with_regions(picture: Rgb, radiograph: Radiograph, words: Sequence[str], title: str) -> Rgb:
    """The picture on black, with one line per part below it, in the part's colour."""
    height, width = picture.shape[:2]
    total = max(width, _LEAST_WIDTH)
    letter = max(12, round(total / 56))
    lines = [(title, INK)]
    for text, colour in zip(words, REGIONS, strict=False):
        red, green, blue = ImageColor.getrgb(colour)[:3]
        lines.append((f"■ {text}", (red, green, blue)))
    lines += [(radiograph.name, QUIET)] + ([(DRAWN, INK)] if radiograph.drawn else []) + [(NOTICE, QUIET)]
    below = paragraphs(lines, width=total, letter=letter)
    whole = np.zeros((height + below.height, total, 3), np.uint8)
    left = (total - width) // 2
    whole[:height, left : left + width] = picture
    whole[height:] = np.asarray(below)
    return whole


def legend_bar(
    explanation: Explanation,
    *,
    scale: float,
    width: int,
    letter: int,
    colours: str | None = None,
    threshold: float = 0.0,
) -> Image.Image:
    """The colour bar of a map with its ends, and for signed maps its middle, in numbers with the unit.

    Levels below the threshold are dimmed.

    width, letter: px.
    """
    rgb = table(palette(colours, signed=explanation.signed))
    visible = shares(signed=explanation.signed) >= threshold
    bar = np.where(visible[:, None], rgb, rgb // 4).astype(np.uint8)
    ends: tuple[str, ...] = ("0", figure(scale))
    if explanation.signed:
        bar[0] = bar[1]
        ends = (figure(-scale), "0", figure(scale))
    return colour_bar(bar[None], ends, explanation.unit, width=width, letter=letter)


def _blend(colours: str, *, signed: bool, opacity: float, threshold: float) -> Rgb:
    """(65536, 3): the colour of every level (times 256) over every grey; a table is exact and fast for two bytes."""
    alpha = alphas(signed=signed, opacity=opacity, threshold=threshold)[:, None, None]
    blend = np.arange(256)[None, :, None] * (1 - alpha) + table(colours)[:, None, :] * alpha
    return cast(Rgb, np.floor(blend + 0.5).astype(np.uint8).reshape(65536, 3))


def _with_legend(
    picture: Rgb,
    radiograph: Radiograph,
    explanation: Explanation,
    *,
    bar: tuple[float, str, float] | None,
    source: str,
) -> Rgb:
    """The picture on black with bar, caption, name and notice below, in letters that grow with the film.

    bar: scale, colours and threshold of the colour bar; None for none.
    """
    height, width = picture.shape[:2]
    total = max(width, _LEAST_WIDTH)
    letter = max(12, round(total / 56))
    quiet = (radiograph.name, NOTICE)
    lines = legend_lines(radiograph, explanation, source)
    words = paragraphs([(line, QUIET if line in quiet else INK) for line in lines], width=total, letter=letter)
    above = Image.new("RGB", (total, letter), GROUND)
    if bar is not None:
        scale, colours, threshold = bar
        above = legend_bar(explanation, scale=scale, width=total, letter=letter, colours=colours, threshold=threshold)
    whole = np.zeros((height + above.height + words.height, total, 3), dtype=np.uint8)
    left = (total - width) // 2
    whole[:height, left : left + width] = picture
    whole[height : height + above.height] = np.asarray(above)
    whole[height + above.height :] = np.asarray(words)
    return whole
