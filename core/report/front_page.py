"""The first page: what was asked, what the model says, where it looked, whether to believe it."""

from math import isnan

from core.estimate import available, quantity
from core.explain.method import methods
from core.image.film_checks import Check
from core.models.findings import leading, present, words
from core.overlay import absence
from core.report.blocks import Answer, Bar, Bars, Remark, RemarkKind, Remarks
from core.report.case import CaseRecord
from core.trust.measure import Figure
from core.trust.verdicts import Word, label, word
from core.types import Level

_MARKS: dict[Word, RemarkKind] = {"holds": "ok", "doubtful": "note", "fails": "warning", "unjudged": "unjudged"}
_GRAVITY: tuple[RemarkKind, ...] = ("ok", "unjudged", "note", "warning")
_OBJECTION: dict[Level, str] = {"ok": "no objection", "note": "note", "warning": "objection"}


def answers(case: CaseRecord, remarks: Remarks) -> tuple[Answer, ...]:
    """A lay reader's four questions, with their answers."""
    return _question(case), _says(case), _looked(case), _belief(remarks)


def bars(case: CaseRecord) -> Bars:
    """The probabilities in the order of the findings; if there are many, the eight most likely."""
    findings = case.prediction.findings
    if len(findings) > 8:
        findings = tuple(sorted(findings, key=lambda finding: -case.prediction.probability(finding))[:8])
    return Bars(
        tuple(
            Bar(
                words(finding),
                case.prediction.probability(finding),
                percent(case.prediction.probability(finding)),
                case.checkpoint.thresholds.get(finding),
                finding == case.finding,
            )
            for finding in findings
        )
    )


def remarks(case: CaseRecord) -> Remarks:
    """The four verdicts."""
    return Remarks(
        tuple(Remark(_MARKS[each.word], each.label, each.title, "", each.sentence) for each in case.verdicts)
    )


def figure_remark(figure: Figure) -> Remark:
    """A trust measure as a block."""
    kind = word(figure)
    return Remark(_MARKS[kind], label(figure), figure.title, figure.quantity, figure.text)


def check_remark(check: Check) -> Remark:
    """A film check as a block."""
    figure = quantity(check.figure, check.unit)
    return Remark(check.level, _OBJECTION[check.level], check.title, figure, check.sentence)


def belief(remarks: Remarks) -> RemarkKind:
    """The worst of the marks."""
    return max((each.mark for each in remarks.remarks), key=_GRAVITY.index, default="unjudged")


def _question(case: CaseRecord) -> Answer:
    names = [words(finding) for finding in case.prediction.findings]
    listed = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
    if len(names) > 6:
        question = f"Which of {len(names)} findings does this chest X-ray show?"
    elif case.checkpoint.multi_label:
        question = f"Does this chest X-ray show {listed}?"
    else:
        question = f"Which fits this chest X-ray best: {listed}?"
    return Answer(
        "What was asked?",
        question,
        f"The computer model {case.checkpoint.name} answered. It knows no other finding, and nothing about the patient "
        "but this picture.",
    )


def _says(case: CaseRecord) -> Answer:
    prediction, card = case.prediction, case.checkpoint
    first = leading(prediction, card)
    sure = prediction.probability(first)
    if card.multi_label and card.thresholds:
        calls = [f"{words(each)} {percent(prediction.probability(each))}" for each in present(prediction, card)[:4]]
        answer = f"{', '.join(calls).capitalize()}." if calls else "None of them."
    else:
        answer = f"{words(first).capitalize()}, {percent(sure)} sure."
    sentences = [] if card.multi_label else _operating_points(case, first)
    test = card.metrics.test
    off = available(test.ece) if test else None
    right = available(test.accuracy) if test else None
    if right and not card.multi_label:
        sentences.append(f"On {right.n} test films its most likely answer was right for {right.value:.0%}.")
    if off:
        sentences.append(f"Its percentages were off by {_points(off.value)} on average.")
    if not test:
        sentences.append("How often it is right has not been measured, so the percentage proves nothing.")
    return Answer("What does the model say, and how sure is it?", answer, " ".join(sentences))


def _operating_points(case: CaseRecord, first: str) -> list[str]:
    """What the operating points add to the most likely finding, in a sentence."""
    points, prediction = case.checkpoint.thresholds, case.prediction
    if not points:
        return []
    reached = present(prediction, case.checkpoint)
    others = [f"{words(each)} ({percent(prediction.probability(each))})" for each in reached if each != first]
    if not reached:
        return ["No finding reaches its operating point, so the model is undecided."]
    if first not in reached:
        return [
            f"But only {' and '.join(others)} {'reach' if len(others) > 1 else 'reaches'} the operating point, from "
            "which the model counts a finding as present: it is undecided."
        ]
    return [f"It also counts as present: {', '.join(others)}, so the answer is not clear-cut."] if others else []


def _looked(case: CaseRecord) -> Answer:
    question, missing = "Where did it look?", absence(case.map)
    if missing:
        return Answer(question, "Nowhere in particular.", missing)
    location = case.location
    if not location.places:
        return Answer(question, "Nothing on the film supports this answer.", case.map.caveat)
    if location.even:
        answer = "All over the film: it singles out no place."
    elif isnan(location.share):
        answer = f"At {location.place}."
    else:
        answer = f"Most at {location.place} ({location.share:.0%} of the heat)."
    lungs = "" if isnan(location.lungs) else f"{location.lungs:.0%} of the heat lies in the lungs."
    mark = f"There is {location.mark} there, burnt into the picture." if location.mark else ""
    other = leading(case.prediction, case.checkpoint) != case.finding
    mine = f"This map is of {words(case.finding)}, not of the model's first answer." if other else ""
    how = f"Bright colours mark what supported {words(case.finding)}, by {methods[case.map.method].title}."
    return Answer(question, answer, " ".join(part for part in (mine, lungs, mark, how, case.map.caveat) if part))


def _belief(remarks: Remarks) -> Answer:
    marks = [each.mark for each in remarks.remarks]
    failed, unsure = marks.count("warning"), len(marks) - marks.count("ok")
    if failed:
        answer = f"Not without a second look: {failed} of {len(marks)} verdicts fail{'s' if failed == 1 else ''}."
    elif unsure:
        answer = f"With reservations: {unsure} of {len(marks)} verdicts {'does' if unsure == 1 else 'do'} not hold."
    else:
        answer = "Nothing speaks against it."
    return Answer(
        "Should you believe it?", answer, "The verdicts judge the film and the map. They do not make the answer right."
    )


def percent(share: float) -> str:
    """A probability for the first page: 53%, under 1%, over 99%."""
    if share >= 0.995:
        return "over 99%"
    return "under 1%" if share < 0.005 else f"{share:.0%}"


def _points(share: float) -> str:
    points = round(100 * share)
    return f"{points} percentage point{'' if points == 1 else 's'}"
