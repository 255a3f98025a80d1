"""What came of testing a concept, in figures and in plain words."""

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from core.estimate import Estimate
from core.models.findings import words
from core.types import seal

ALPHA = 0.05
SLIGHT = 0.05  # logits: at most 1.25 points of probability
_BEGINS = {
    "sensitive": "Sensitive",
    "hardly": "Hardly sensitive",
    "not confirmed": "Not confirmed",
    "not shown": "Not shown to be sensitive",
}


@dataclass(frozen=True, eq=False)
class ConceptResult:
    """One concept at one stage for one finding.

    concept:  its name; title: in words; made: whether it was drawn into films, or shown by examples.
    scores, random: (R,) TCAV scores, 0 to 1, of the concept's directions and of random ones.
    rise:     logits: by how much the score rises, to first order and on average, where a film moves as far as films
              with and without the concept lie apart.
    accuracies: (R,) of `held` pairs of held-out films, one with and one without, the share that the concept's
              directions put in the right order.
    p:        how often the score moves as far, up or down, when with and without are swapped at random; not corrected.
              tests: how many were made with it.
    steeper:  share of the directions between random halves of the films along which it changes less steeply, 0 to 1.
    effect:   what really becomes of the logit where the concept is drawn in, in logits, paired; None for examples.
    films:    with the concept.
    """

    concept: str
    title: str
    synthetic: bool
    stage: str
    finding: str
    scores: NDArray[np.float64]
    random: NDArray[np.float64]
    rise: float
    accuracies: NDArray[np.float64]
    held: int
    p: float
    steeper: float
    tests: int
    effect: Estimate | None
    films: int

    def __post_init__(self) -> None:
        for name in ("scores", "random", "accuracies"):
            object.__setattr__(self, name, seal(getattr(self, name)))

    @property
    def score(self) -> float:
        return float(self.scores.mean())

    @property
    def accuracy(self) -> float:
        return float(self.accuracies.mean())

    @cached_property
    def separable(self) -> bool:
        """Whether held-out pairs are put in order better than by guessing (binomial test, 5 %)."""
        right = round(self.accuracy * self.held)
        return bool(binomtest(right, self.held, alternative="greater").pvalue < ALPHA)

    @property
    def corrected(self) -> float:
        """p times the number of tests, 1 at most (Bonferroni)."""
        return min(1.0, self.p * self.tests)

    @property
    def significant(self) -> bool:
        """Whether the test finds it: told apart, and further than chance goes."""
        return self.separable and self.corrected < ALPHA

    @property
    def slight(self) -> bool:
        """Whether drawing the concept in really moves the logit by next to nothing, whatever the test says."""
        return self.effect is not None and max(abs(self.effect.low), abs(self.effect.high)) < SLIGHT

    @property
    def undecided(self) -> bool:
        """Whether the logit may really rise as well as fall; False where nobody knows."""
        return self.effect is not None and self.effect.low <= 0 <= self.effect.high

    @property
    def contradicted(self) -> bool:
        """Whether the score rises, on average, where the logit really falls, or the other way round."""
        return self.effect is not None and not self.undecided and (self.rise > 0) != (self.effect.value > 0)

    @property
    def verdict(self) -> str:
        """What the test and the real change say together, in a word or two.

        "sensitive"; "hardly", where the logit really moves by next to nothing; "not confirmed", where it may as well
        not move, or moves the other way; "not shown" by the test; "no direction", where nothing is told apart.
        """
        if not self.separable:
            return "no direction"
        if not self.significant:
            return "not shown"
        if self.slight:
            return "hardly"
        return "not confirmed" if self.undecided or self.contradicted else "sensitive"

    @property
    def moved(self) -> str:
        """ "+0.22 logits (+0.14 to +0.30)"; empty where nobody knows."""
        change = self.effect
        if change is None:
            return ""
        digits = 3 if self.slight else 2
        value, low, high = (f"{each:+.{digits}f}".replace("-", "−") for each in (change.value, change.low, change.high))
        return f"{value} logits ({low} to {high})"

    @property
    def sentence(self) -> str:
        """What came out, in plain words."""
        what = self.title.lower()
        if not self.separable:
            return (
                f"At {self.stage} films with and without “{what}” cannot be told apart ({_share(self.accuracy)} of "
                "held-out pairs right, guessing gives 50 %): it has no direction there."
            )
        rises = (
            f"towards “{what}” the score for {words(self.finding)} rises on {_share(self.score)} of the films, along "
            f"random directions on {_share(float(self.random.mean()))}"
        )
        of = f", corrected for {self.tests} questions" if self.tests > 1 else ""
        really = f" Drawn in, it really moves the score by {self.moved}{self._against}." if self.effect else ""
        if self.significant:
            steeper = f"steeper than {_share(self.steeper)} of the ways between random halves of the films"
            text = f"{rises}; {steeper}. Chance seldom goes as far ({_p(self.corrected)}{of}).{really}"
            return f"{_BEGINS[self.verdict]} at {self.stage}: {text}"
        far = f"chance goes as far often enough ({_p(self.corrected)}{of})"
        return f"{_BEGINS[self.verdict]} at {self.stage}: {rises}; {far}.{really}"

    @property
    def _against(self) -> str:
        """What the real change says against the test, if that found something."""
        parts = [", next to nothing"] if self.slight else []
        if self.significant and self.contradicted:
            parts.append(", the other way")
        elif self.significant and self.undecided and not self.slight:
            parts.append(", which may be none")
        return "".join(parts)

    def record(self) -> dict[str, Any]:
        """As a line for programs and tables."""
        change = self.effect
        return {
            "concept": self.concept,
            "made": self.synthetic,
            "stage": self.stage,
            "finding": self.finding,
            "score": self.score,
            "score_at_random": float(self.random.mean()),
            "p": self.p,
            "p_corrected": self.corrected,
            "steeper_than": self.steeper,
            "tests": self.tests,
            "told_apart": self.separable,
            "accuracy": self.accuracy,
            "held_out_pairs": self.held,
            "rise_logits": self.rise,
            "change_logits": change.value if change else None,
            "change_low": change.low if change else None,
            "change_high": change.high if change else None,
            "films": self.films,
            "contradicted": self.contradicted,
            "verdict": self.verdict,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """All that was asked at once.

    told: which films, in words; drawn: whether they are nobody's. films: how many were read.
    answers: concept by concept, finding by finding, stage by stage.
    skipped: (film, why) of those that could not be read.
    """

    checkpoint: str
    description: str
    drawn: bool
    films: int
    runs: int
    answers: tuple[ConceptResult, ...]
    skipped: tuple[tuple[str, str], ...]

    def csv(self) -> str:
        """A line an answer."""
        text = io.StringIO()
        writer = csv.DictWriter(text, ["checkpoint", "set", *self.answers[0].record()], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {"checkpoint": self.checkpoint, "set": self.description, **each.record()} for each in self.answers
        )
        return text.getvalue()


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"
