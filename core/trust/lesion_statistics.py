"""How often maps of this method and model find lesions, on films where radiologists marked them."""

import math

from core.estimate import available
from core.models.summary import lesion_sentence
from core.trust.measure import Figure, Question, measure, no_map, unjudged
from core.types import Level

_TITLE = "Finds lesions elsewhere"
_CENTRE = "centre-gaussian"
_OFTEN = 0.5  # of films


@measure("lesions", title=_TITLE, aspect="reason", obstacle=no_map, decides=False)
def lesions(question: Question) -> Figure:
    """How often the maximum of this method's map lies in a lesion, on films with lesions that radiologists marked;
    measured once for each model.

    Value: share of those films, 0 to 1. It says nothing about this film.
    Source: Zhang et al. 2016, arXiv:1608.00507 (pointing game).
    """
    card, method = question.classifier.checkpoint, question.explanation.method
    sentence = lesion_sentence(card, method)
    tests = [test for test in card.metrics.lesions if method in test.methods]
    figures = max(tests, key=lambda test: test.n).methods if tests else {}
    hit = available(figures[method].hit_rate) if figures else None
    if not sentence or hit is None:
        return unjudged("lesions", _TITLE, f"Maps by this method of {card.name} were not measured on marked lesions.")
    centre = available(figures[_CENTRE].hit_rate) if _CENTRE in figures else None
    beaten = centre is None or hit.low > centre.value
    level: Level = "ok" if beaten and hit.value >= _OFTEN else "note"
    verdict = "" if beaten else "That is no better than a map that never looks at the film."
    value = hit.value if math.isfinite(hit.value) else math.nan
    return Figure("lesions", _TITLE, level, value, "of films", sentence, verdict, is_share=True)
