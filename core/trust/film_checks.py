"""Whether the film checks allow the model to be asked."""

import math

from core.image.film_checks import withheld
from core.lung_network import inspect_film
from core.trust.measure import Figure, Question, measure

_TITLE = "Film checks"
_DRAWN_LABEL = "drawn, not a film"
_DRAWN = (
    "A drawn phantom, not a patient's film: the model learned from none, so its figures do not apply. "
    "The answer is shown because the truth is known."
)


@measure("film-checks", title=_TITLE, aspect="domain")
def film_checks(question: Question) -> Figure:
    """Whether the film is an upright frontal chest of usable quality, by the film checks and the file's header.

    Value: number of checks that warn.
    """
    checks = inspect_film(question.radiograph, question.cleaning)
    warnings = [check for check in checks if check.level == "warning" and check.name != "spacing"]
    unit = "warning" if len(warnings) == 1 else "warnings"
    if reason := withheld(checks):
        return Figure("film-checks", _TITLE, "warning", len(warnings), unit, reason)
    if question.radiograph.drawn:
        return Figure("film-checks", _TITLE, "note", math.nan, "", _DRAWN, label=_DRAWN_LABEL)
    if warnings:
        sentence = " ".join(check.sentence for check in warnings[:2])
        return Figure("film-checks", _TITLE, "note", len(warnings), unit, sentence)
    sentence = "An upright frontal chest film of usable quality, by all film checks."
    return Figure("film-checks", _TITLE, "ok", 0, unit, sentence)
