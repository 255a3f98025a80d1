"""Requests for the Trust verdicts on an answer and its map."""

from core.trust.measure import CHEAP, Question
from core.trust.verdicts import Verdict, verdicts
from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from core.work import Work
from dashboard.cache import networks
from dashboard.cache.keys import QUEUE


@QUEUE.queued(later=True)
def trust(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    explanation: Explanation,
    cleaning: Cleaning,
    prediction: Prediction,
) -> tuple[Verdict, ...]:
    """The four verdicts on the answer and its map, by the quick measures."""
    question = Question(networks.classifier(checkpoint), radiograph, explanation, cleaning, known=prediction, work=work)
    return tuple(verdicts(question, costs=CHEAP))


_in_full: dict[tuple[str, Cleaning], tuple[Verdict, ...]] = {}  # (key of the map, cleaning) -> by all measures
_MOST_IN_FULL = 500


@QUEUE.queued(slow=True)
def trust_in_full(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    explanation: Explanation,
    cleaning: Cleaning,
    prediction: Prediction,
) -> tuple[Verdict, ...]:
    """The four verdicts by all measures: tens to hundreds of passes."""
    question = Question(networks.classifier(checkpoint), radiograph, explanation, cleaning, known=prediction, work=work)
    judged = tuple(verdicts(question))
    _in_full[explanation.key, cleaning] = judged
    while len(_in_full) > _MOST_IN_FULL:
        del _in_full[next(iter(_in_full))]
    return judged


def known_in_full(explanation: Explanation, cleaning: Cleaning) -> tuple[Verdict, ...] | None:
    """The verdicts by all measures, if already computed; never waits."""
    return _in_full.get((explanation.key, cleaning))
