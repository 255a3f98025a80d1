"""Text and colour bars below the film in exported pictures."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Ink = tuple[int, int, int]

GROUND: Ink = (16, 16, 18)
QUIET: Ink = (150, 150, 156)
INK: Ink = (232, 232, 236)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, included in matplotlib: Pillow's own font lacks ×, − and accents."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """The text in lines no wider than `width` px; a word that alone is wider is cut with an ellipsis."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            while font.getlength(word) > width and len(word) > 2:
                word = word[:-2].rstrip("…") + "…"
            lines.append(word)
    return lines


def paragraphs(lines: Sequence[tuple[str, Ink]], *, width: int, letter: int) -> Image.Image:
    """The lines one below the other, wrapped, each in its ink; `letter` px high, half of that between them."""
    gap = letter // 2
    wrapped = [(part, ink) for text, ink in lines for part in wrap(text, font(letter), width - 4 * gap)]
    strip = Image.new("RGB", (width, len(wrapped) * (letter + gap) + gap), GROUND)
    draw = ImageDraw.Draw(strip)
    for number, (text, ink) in enumerate(wrapped):
        draw.text((2 * gap, number * (letter + gap)), text, fill=ink, font=font(letter))
    return strip


def colour_bar(colours: NDArray[np.uint8], ends: Sequence[str], unit: str, *, width: int, letter: int) -> Image.Image:
    """The colours (1, 256, 3) as a bar with a number at each end, or at either end and in the middle (at entry 128).

    unit:    after the last number, or on its own line if it would touch another.
    Returns: an image of the width, four letters high, or five and a half.
    """
    long = min(width - 2 * letter, 26 * letter)
    room = long * 127 / 255 - letter if len(ends) > 2 else long - font(letter).getlength(ends[0]) - letter
    last = f"{ends[-1]} {unit}"
    apart = font(letter).getlength(last) > room
    strip = Image.new("RGB", (width, 4 * letter + (3 * letter // 2 if apart else 0)), GROUND)
    draw = ImageDraw.Draw(strip)
    strip.paste(Image.fromarray(colours).resize((long, letter)), (letter, letter))
    below = 2 * letter + letter // 4
    draw.text((letter, below), ends[0], fill=INK, font=font(letter))
    if len(ends) > 2:
        draw.text((letter + long * 128 / 255, below), ends[1], fill=INK, font=font(letter), anchor="ma")
    draw.text((letter + long, below), ends[-1] if apart else last, fill=INK, font=font(letter), anchor="ra")
    if apart:
        draw.text((letter + long, below + 3 * letter // 2), unit, fill=INK, font=font(letter), anchor="ra")
    return strip
