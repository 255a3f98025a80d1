"""How much of the map lies on burnt-in marks."""

from collections.abc import Mapping

import numpy as np

from core.image import marks as film_marks
from core.image.arrangement import arranged
from core.image.prepare import enlarge
from core.image.small_film import Look
from core.trust.measure import Figure, Question, heat_on, measure, no_area
from core.types import Cleaning, Level, Radiograph

_TITLE = "Heat on burnt-in marks"
_VERDICTS: Mapping[Level, str] = {
    "ok": "The map does not single out the marks.",
    "note": "Part of the answer may come from the marks.",
    "warning": "The answer may come from the marks, which can reveal the hospital or the label.",
}
_AROUND = 0.02  # of the film's sides: a rim around each mark, since maps are coarse
_COLOUR = 48  # of 255: a coloured mark is at least this much more colourful than the film


@measure("marks", title=_TITLE, aspect="reason", obstacle=no_area)
def marks(question: Question) -> Figure:
    """Share of the heat on letters, text, arrows and coloured marks that are burnt into the film, beside the share of
    the film that they cover with a narrow rim.

    Value: 0 to 1; an even map has the share that they cover.
    """
    explanation = question.explanation
    inside = marked(question.radiograph, question.cleaning)
    if not inside.any():
        sentence = "The film checks find no burnt-in letters, text, arrows or colours."
        verdict = "Marks are not the reason."
        return Figure("marks", _TITLE, "ok", 0.0, "of the heat", sentence, verdict, is_share=True)
    heat = enlarge(explanation.heat, explanation.placement, question.radiograph.pixels.shape)
    heat = np.nan_to_num(heat, nan=0.0).clip(min=0)
    return heat_on("marks", _TITLE, heat, inside, what="burnt-in marks", verdicts=_VERDICTS)


def marked(radiograph: Radiograph, cleaning: Cleaning) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """(H, W) where the stored film has marks, with a rim around them."""
    height, width = radiograph.pixels.shape
    inside = np.zeros((height, width), bool)
    down, across = round(_AROUND * height), round(_AROUND * width)
    upright = Cleaning(window=cleaning.window)  # marks are found on the stored film, where the heat is placed
    for mark in film_marks.marks(Look(arranged(radiograph, upright)).whole):
        top, bottom = int(mark.y0 * height) - down, int(np.ceil(mark.y1 * height)) + down
        left, right = int(mark.x0 * width) - across, int(np.ceil(mark.x1 * width)) + across
        inside[max(0, top) : bottom, max(0, left) : right] = True
    chroma = radiograph.origin.chroma
    if chroma is not None and chroma.shape == inside.shape:
        inside |= chroma.astype(np.float32) > float(np.median(chroma)) + _COLOUR
    return inside
