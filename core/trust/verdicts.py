"""Four verdicts on an answer and its map: on the film, the certainty, the map, and the place of the heat."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from core.trust.measure import ASPECTS, COSTS, Aspect, Figure, MeasureCost, Question, evaluated, selected_measures
from core.types import Level

Word = Literal["holds", "doubtful", "fails", "unjudged"]
Weight = Literal["alone", "counts", "shown"]
WORDS: dict[Word, str] = {
    "holds": "holds",
    "doubtful": "doubtful",
    "fails": "fails",
    "unjudged": "cannot be judged",
}
_WORD: dict[Level, Word] = {"ok": "holds", "note": "doubtful", "warning": "fails"}  # from best to worst
_MEANING: dict[Aspect, str] = {  # of "holds": what it does not say
    "domain": "It says nothing about the answer.",
    "certainty": "A sure answer can be wrong.",
    "faithfulness": "That does not make the answer right.",
    "reason": "A good place is no proof of the finding.",
}
_NONE: dict[Aspect, str] = {
    "domain": "No measure could judge whether the model knows such films.",
    "certainty": "No measure could judge how sure the model is.",
    "faithfulness": "No measure could judge the map.",
    "reason": "No measure could judge the place of the heat.",
}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one of the four questions.

    sentence: the result of the figure that decided, and what it means.
    figures:  of all measures of this question, in the order of `selected_measures`.
    """

    aspect: Aspect
    word: Word
    sentence: str
    figures: tuple[Figure, ...]

    @property
    def title(self) -> str:
        """The question."""
        return ASPECTS[self.aspect]

    @property
    def label(self) -> str:
        """The verdict in words; a drawn phantom has its own."""
        return next((figure.label for figure in self.figures if figure.label), WORDS[self.word])

    def _repr_html_(self) -> str:
        """The verdict in a notebook, with the measures behind it."""
        rows = "".join(
            f"<tr><td>{escape(each.title)}</td><td>{escape(each.quantity)}</td><td>{escape(label(each))}</td>"
            f"<td style='text-align: left'>{escape(each.text)}</td></tr>"
            for each in self.figures
        )
        return (
            f"<p><b>{escape(self.title)}</b> {escape(self.label)}. {escape(self.sentence)}</p>"
            f"<table><tr><th>Measure</th><th>Value</th><th>Result</th><th>Explanation</th></tr>{rows}</table>"
        )


def verdicts(question: Question, *, costs: Collection[MeasureCost] = tuple(COSTS)) -> list[Verdict]:
    """The four verdicts in the order of ASPECTS, from the measures of these costs.

    If the film checks or the gate withhold the answer, the other three are not judged, unless the cleaning
    overrides that.
    Raises: Stopped by the question's `work`.
    """
    results: list[Verdict] = []
    for aspect in ASPECTS:
        if results and results[0].word == "fails" and not question.cleaning.anyway:
            reason = "Not judged: the model should not be asked about this film."
            results.append(Verdict(aspect, "unjudged", reason, ()))
            continue
        figures = []
        for each in selected_measures(question.radiograph, (aspect,), costs):
            question.work.step(0)
            weight: Weight = "alone" if each.films else "counts" if each.decides else "shown"
            figures.append((evaluated(each, question), weight))
        results.append(combined(aspect, figures))
    return results


def combined(aspect: Aspect, figures: Sequence[tuple[Figure, Weight]]) -> Verdict:
    """The verdict of the worst judged figure, or of a measure that decides alone if it could judge."""
    everything = tuple(figure for figure, _ in figures)
    judged = [(figure, weight) for figure, weight in figures if figure.judged]
    deciding = [figure for figure, weight in judged if weight == "alone"]
    deciding = deciding or [figure for figure, weight in judged if weight == "counts"]
    if not deciding:
        reasons = list(dict.fromkeys(figure.text for figure in everything))
        return Verdict(aspect, "unjudged", reasons[0] if reasons else _NONE[aspect], everything)
    worst = max(deciding, key=lambda figure: list(_WORD).index(figure.level))
    sentence = f"{worst.text} {_MEANING[aspect]}" if worst.level == "ok" else worst.text
    return Verdict(aspect, _WORD[worst.level], sentence, everything)


def label(figure: Figure) -> str:
    """A single figure in words for the screen."""
    return figure.label or WORDS[word(figure)]


def word(figure: Figure) -> Word:
    """A single figure in the words of the verdicts."""
    return _WORD[figure.level] if figure.judged else "unjudged"
