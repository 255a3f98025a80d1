"""Whether other shipped models give the same answer."""

from functools import lru_cache

from core.errors import BadCheckpoint, UnknownName
from core.models import checkpoints
from core.models.classifier import Classifier, load
from core.models.findings import leading, words
from core.trust.hottest_region import digits
from core.trust.measure import Figure, Question, measure, no_answer
from core.types import Checkpoint, Level

_TITLE = "Other models"
_SHARE = 0.75  # share of the models that must give the same answer


def _obstacle(question: Question) -> str:
    if reason := no_answer(question):
        return reason
    return "" if _others(question) else "No shipped model knows the same findings, so there is none to compare with."


@measure("disagreement", title=_TITLE, aspect="certainty", cost="passes", obstacle=_obstacle, decides=False)
def disagreement(question: Question) -> Figure:
    """How many of the shipped models that know the same findings call the same finding.

    Value: the largest difference of the finding's probability between this model and another one, 0 to 1. Models that
    were trained on the same films can be wrong together.
    Source: Lakshminarayanan et al. 2017, arXiv:1612.01474 (ensembles as a measure of certainty).
    """
    checkpoint, finding = question.classifier.checkpoint, question.explanation.finding
    own = leading(question.prediction, checkpoint)
    answers = {}
    for name in _others(question):
        question.work.step(0)
        model = _loaded(name)
        answers[name] = model.checkpoint, model.predict(question.radiograph, cleaning=question.cleaning)
    called = [leading(prediction, card) for card, prediction in answers.values()]
    likely = [prediction.probability(finding) for _, prediction in answers.values()]
    same, mine = sum(each == own for each in called), question.prediction.probability(finding)
    apart = max(abs(each - mine) for each in likely)
    level: Level = "ok" if same >= _SHARE * len(called) else "note" if same >= len(called) / 2 else "warning"
    verdict = {
        "ok": "They agree.",
        "note": "Some call another finding.",
        "warning": "Most call another finding.",
    }[level]
    sentence = (
        f"{same} of {len(called)} other models call {words(own)}, too; {words(finding)} is {digits(mine)} here, "
        f"{digits(min(likely))} to {digits(max(likely))} there."
    )
    return Figure("disagreement", _TITLE, level, apart, "largest difference", sentence, verdict)


def _others(question: Question) -> list[str]:
    """The other shipped models with the same findings."""
    card = question.classifier.checkpoint
    return [
        other.name
        for other in map(_card, checkpoints.names(checkpoints.SHIPPED))
        if other and other.sha256 != card.sha256 and other.multi_label == card.multi_label
        if set(other.findings) == set(card.findings)
    ]


@lru_cache(maxsize=16)
def _card(name: str) -> Checkpoint | None:
    try:
        return checkpoints.read_card(name, checkpoints.SHIPPED)
    except (BadCheckpoint, UnknownName):
        return None


@lru_cache(maxsize=8)
def _loaded(name: str) -> Classifier:
    return load(name, checkpoints.SHIPPED)
