"""How much of the map lies in the lungs."""

from core import lung_network
from core.errors import NoLungs
from core.trust.measure import CHANCE, Figure, Question, measure, no_area, unjudged
from core.types import Level

_MOST = 0.80  # share of the heat that a network trained on the lungs reaches
_TITLE = "Heat in the lungs"


@measure("lungs", title=_TITLE, aspect="reason", obstacle=no_area)
def lungs(question: Question) -> Figure:
    """Share of the heat in the lungs and a rim around them, beside the share of the film that they cover.

    Value: 0 to 1; an even map has the share that they cover.
    Source: Kohlbrenner et al. 2020, arXiv:1910.09840 (inside-total ratio); outlines by core.lung_network.
    """
    try:
        outline, placement = lung_network.outline(question.radiograph, question.cleaning)
    except NoLungs as error:
        return unjudged("lungs", _TITLE, str(error))
    heat, outline_there = question.beside(outline, placement)
    inside = lung_network.dilated(outline_there > 0.5)
    share, area = float(heat[inside].sum() / heat.sum()), float(inside.mean())
    level: Level = "ok" if share >= _MOST else "note" if share > area + CHANCE else "warning"
    verdict = {
        "ok": "The map keeps to the lungs.",
        "note": "Much of the answer comes from elsewhere: heart, bones, soft tissue, markers or the frame.",
        "warning": "The map does not single out the lungs: hardly more than chance.",
    }[level]
    sentence = f"{share:.0%} of the heat lies in the lungs and a rim around them, which cover {area:.0%} of the film."
    return Figure("lungs", _TITLE, level, share, "of the heat", sentence, verdict, is_share=True)
