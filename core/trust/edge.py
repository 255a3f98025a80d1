"""How much of the map lies at the film's edge."""

import numpy as np

from core.trust.measure import CHANCE, Figure, Question, measure, no_area
from core.types import Level

RIM = 0.10  # of each side
_EVEN = 1 - (1 - 2 * RIM) ** 2  # an even map's share there
_TITLE = "Heat at the film's edge"


@measure("edge", title=_TITLE, aspect="reason", obstacle=no_area)
def edge(question: Question) -> Figure:
    """Share of the heat in the outer tenth of the film, where side markers, text and collimation are.

    Value: 0 to 1; an even map has 0.36.
    """
    heat = question.heat()
    rim = round(RIM * len(heat))
    inside = heat[rim:-rim, rim:-rim].sum(dtype=np.float64)
    share = max(0.0, 1 - float(inside / heat.sum(dtype=np.float64)))  # rounding may give slightly less than zero
    level: Level = "warning" if share > _EVEN + CHANCE else "note" if share > _EVEN / 2 else "ok"
    verdict = {
        "ok": "The map keeps to the inside of the film.",
        "note": "Part of the answer may come from markers, text or the frame.",
        "warning": "The answer may come from markers, text or the frame, not from the chest: more heat than by chance.",
    }[level]
    sentence = f"{share:.0%} of the heat lies in the outer tenth of the film ({_EVEN:.0%} if spread evenly)."
    return Figure("edge", _TITLE, level, share, "of the heat", sentence, verdict, is_share=True)
