"""The one line above a film: what the model calls, where it looks, and whether the map holds up."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.compare.anatomical_regions import HeatLocation
from core.estimate import Estimate, available
from core.explain.method import methods
from core.models.findings import EVEN, leading, present, words
from core.trust.verdicts import Verdict
from core.types import Checkpoint, Explanation, Level, Prediction

CLEAR = 2.0  # times the probability of the next finding: below that the call is uncertain
_MOST = 1 / 3  # of the heat: with less, the first place merely has the largest share


@dataclass(frozen=True)
class Call:
    """The answer of a model to one film, as one call.

    finding:  the called one, or the most likely one if none reaches its operating point.
    reached:  whether it reaches its operating point.
    clear:    False if the answer is uncertain.
    others:   further findings that reach theirs.
    point:    its operating point; None if the card has none.
    sensitivity, specificity: of that operating point on the test films, if the card has them.
    """

    finding: str
    probability: float
    reached: bool
    clear: bool
    others: tuple[str, ...]
    point: float | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    multi_label: bool

    @property
    def sentence(self) -> str:
        """ "Covid 0.50, uncertain." """
        name = words(self.finding)
        figure = f"{name[:1].upper()}{name[1:]} {self.probability:.2f}"
        if not self.reached:
            return self._undecided(name)
        if self.multi_label:
            more = len(self.others)
            return f"{figure}, and {more} more finding{'s' if more > 1 else ''}." if more else f"{figure}."
        return f"{figure}." if self.clear else f"{figure}, uncertain."

    def _undecided(self, name: str) -> str:
        likely = f"{name} is the most likely ({self.probability:.2f})"
        if self.multi_label:
            return f"No finding: {likely}."
        below = ", below its operating point" if self.point is not None else ""
        others = " and ".join(map(words, self.others))
        reach = f"; {others} {'reach theirs' if len(self.others) > 1 else 'reaches its own'}" if others else ""
        return f"Undecided: {likely}{below}{reach}."

    @property
    def operating_point(self) -> str:
        """ "Operating point 0.18: sensitivity 0.90, specificity 0.93"; empty without one."""
        if self.point is None:
            return ""
        rates = [
            f"{name} {rate.value:.2f}"
            for name, rate in (("sensitivity", self.sensitivity), ("specificity", self.specificity))
            if rate
        ]
        return f"Operating point {self.point:.2f}" + (f": {', '.join(rates)}" if rates else "")


@dataclass(frozen=True)
class VerdictLine:
    """Call, place of the heat, and the map, one sentence each; level: the worst judged one."""

    call: str
    looks: str = ""
    map: str = ""
    level: Level = "ok"

    @property
    def text(self) -> str:
        """The whole line."""
        return " ".join(part for part in (self.call, self.looks, self.map) if part)


def call(prediction: Prediction, checkpoint: Checkpoint) -> Call:
    """One call, also where a single-label model has several findings above their operating points.

    It is uncertain where another finding reaches its operating point as well, or is more than half as likely.
    """
    finding = leading(prediction, checkpoint)
    reached = present(prediction, checkpoint)
    others = tuple(each for each in reached if each != finding)
    rest = [prediction.probability(each) for each in prediction.findings if each != finding]
    probability, test = prediction.probability(finding), checkpoint.metrics.test
    return Call(
        finding,
        probability,
        reached=finding in reached,
        clear=not others and probability >= CLEAR * max(rest, default=0.0),
        others=others,
        point=checkpoint.thresholds.get(finding, EVEN if checkpoint.multi_label else None),
        sensitivity=available(test.sensitivity.get(finding)) if test else None,
        specificity=available(test.specificity.get(finding)) if test else None,
        multi_label=checkpoint.multi_label,
    )


def verdict_line(
    call: Call, explanation: Explanation, location: HeatLocation, verdicts: Sequence[Verdict], *, quick: bool = False
) -> VerdictLine:
    """The line for a map.

    verdicts: those of `core.trust.verdicts` on it.
    quick:    whether only the cheap measures were computed, so that a good map has passed no others.
    """
    named = {verdict.aspect: verdict for verdict in verdicts}
    of_other = "" if explanation.finding == call.finding else words(explanation.finding)
    first = call.sentence
    if call.reached and call.clear and named["certainty"].word in ("doubtful", "fails"):
        first = f"{first.removesuffix('.')}, uncertain."
    if named["domain"].word == "fails":
        reason = "The model should not be asked about this film."
        return VerdictLine(first, _looks(location, of_other), reason, "warning")
    sentence, level = _map(explanation, [named["faithfulness"], named["reason"]], quick=quick)
    return VerdictLine(first, _looks(location, of_other), sentence, level)


def _looks(location: HeatLocation, of_other: str) -> str:
    """ "Looks at the left middle lung."; of_other: the finding of the map, if it is not the called one."""
    if not location.places:
        return f"The map for {of_other} shows nothing." if of_other else "The map shows nothing."
    looks = f"For {of_other} it looks" if of_other else "Looks"
    if location.even:
        return f"{looks} everywhere equally."
    at = "most at" if location.share < _MOST else "at"
    if location.mark:
        return f"{looks} {at} {location.place}, where {location.mark} is burnt in."
    return f"{looks} {at} {location.place}{', outside the lungs' if location.place in location.outside else ''}."


def _map(explanation: Explanation, verdicts: Sequence[Verdict], *, quick: bool) -> tuple[str, Level]:
    """Whether the map holds up, and if not, why: the worst judged figure in short."""
    if explanation.method in methods and not methods[explanation.method].specific:
        return "This map is the same for every finding: it explains none.", "note"
    judged = [verdict for verdict in verdicts if verdict.word != "unjudged"]
    if not judged:
        return "The map cannot be judged.", "note"
    if all(verdict.word == "holds" for verdict in judged):
        good = "passes the quick checks" if quick else "holds up"
        if len(judged) < len(verdicts):
            return f"What can be judged {good}.", "note"
        return f"The map {good}.", "ok"
    worst = max(judged, key=lambda verdict: ("holds", "doubtful", "fails").index(verdict.word))
    deciding = next(figure for figure in worst.figures if figure.judged and worst.sentence.startswith(figure.text))
    reason = deciding.verdict.split(":")[0].removesuffix(".")
    reason = f"it {reason[8:]}" if reason.startswith("The map ") else reason[:1].lower() + reason[1:]
    how = "does not hold up" if worst.word == "fails" else "holds up in part"
    level: Level = "warning" if worst.word == "fails" else "note"
    return f"The map {how}: {reason}." if reason else f"The map {how}.", level
