"""Whether the map covers what was drawn into a film, whose truth is known."""

import numpy as np

from core.evaluate.heat import hits, inside_ratio
from core.image.prepare import enlarge
from core.trust.measure import CHANCE, Figure, Question, measure, no_area
from core.types import Level, Plane, Radiograph

_TITLE = "Heat on the drawn opacity"
_NO_FINDING = "normal"  # a map of it has no reason to lie on an opacity


def _is_known(radiograph: Radiograph) -> bool:
    return any(plane.is_truth for plane in radiograph.planes)


@measure("truth", title=_TITLE, aspect="reason", obstacle=no_area, films=_is_known)
def truth(question: Question) -> Figure:
    """Share of the heat on the drawn opacity, beside the share of the film that it covers, and whether the maximum
    hits it.

    Value: 0 to 1; an even map has the share that the opacity covers.
    Source: as lesions are measured in core.evaluate.heat (pointing game, inside-total ratio).
    """
    drawn = [plane for plane in question.radiograph.planes if plane.is_truth]
    explanation = question.explanation
    heat = enlarge(explanation.heat, explanation.placement, question.radiograph.pixels.shape)
    heat = np.nan_to_num(heat, nan=0.0).clip(min=0)
    inside = np.logical_or.reduce([plane.shape for plane in drawn])
    share, area, hit = inside_ratio(heat, inside), float(inside.mean()), hits(heat, inside)
    sentence = (
        f"{_names(drawn)}: {share:.0%} of the heat lies on it, and it covers {area:.1%} of the film; the maximum "
        f"{'hits' if hit else 'misses'} it."
    )
    if explanation.finding == _NO_FINDING:
        return Figure("truth", _TITLE, "note", share, "of the heat", sentence, is_share=True, judged=False)
    level: Level = "warning" if not hit else "ok" if share > area + CHANCE else "note"
    verdict = {
        "ok": "The map finds what was drawn.",
        "note": "The map points at it but lies mostly elsewhere.",
        "warning": "The map misses the drawn opacity: whatever the other measures say, the answer has another reason.",
    }[level]
    return Figure("truth", _TITLE, level, share, "of the heat", sentence, verdict, is_share=True)


def _names(drawn: list[Plane]) -> str:
    return " and ".join(plane.name for plane in drawn)
