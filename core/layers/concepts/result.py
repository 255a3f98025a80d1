"""The result of testing a concept, in figures and in words."""

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

    concept:        its name.
    title:          in words.
    synthetic:      True if drawn into films, False if shown by examples.
    scores, random: (R,) TCAV scores, 0 to 1, of the concept's directions and of random ones.
    rise:           logits: mean first-order rise of the score for a step as long as the distance between films with and
                    without the concept.
    accuracies:     (R,) of `held` pairs of held-out films, one with and one without, the share that the concept's
                    directions order correctly.
    p:              share of random swaps of films with and without it that move the score as far, up or down;
                    uncorrected.
    tests:          number of tests made together.
    steeper:        share of the directions between random halves of the films along which it changes less steeply, 0 to
                    1.
    effect:         measured change of the logit when the concept is drawn in, paired; None for examples.
    films:          number of films with the concept.
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
        """Whether held-out pairs are ordered better than chance (binomial test, 5 %)."""
        right = round(self.accuracy * self.held)
        return bool(binomtest(right, self.held, alternative="greater").pvalue < ALPHA)

    @property
    def corrected(self) -> float:
        """p times the number of tests, 1 at most (Bonferroni)."""
        return min(1.0, self.p * self.tests)

    @property
    def significant(self) -> bool:
        """Whether the test is significant: separable, and beyond chance."""
        return self.separable and self.corrected < ALPHA

    @property
    def slight(self) -> bool:
        """Whether the measured change of the logit is negligible, whatever the test says."""
        return self.effect is not None and max(abs(self.effect.low), abs(self.effect.high)) < SLIGHT

    @property
    def undecided(self) -> bool:
        """Whether the sign of the measured change is uncertain; False if not measured."""
        return self.effect is not None and self.effect.low <= 0 <= self.effect.high

    @property
    def contradicted(self) -> bool:
        """Whether score and measured change have opposite signs."""
        return self.effect is not None and not self.undecided and (self.rise > 0) != (self.effect.value > 0)

    @property
    def verdict(self) -> str:
        """The test and the measured change combined, in a word or two.

        "sensitive"; "hardly", if the measured change is negligible; "not confirmed", if it may be zero or has the
        opposite sign; "not shown" by the test; "no direction", if the films are not separable.
        """
        if not self.separable:
            return "no direction"
        if not self.significant:
            return "not shown"
        if self.slight:
            return "hardly"
        return "not confirmed" if self.undecided or self.contradicted else "sensitive"

    @property
    def plain(self) -> str:
        """The verdict for a reader who does not know the method: "raises covid"."""
        name = words(self.finding)
        known = {
            "no direction": "not recognised here",
            "not shown": f"no effect on {name} shown",
            "hardly": f"hardly moves {name}",
            "not confirmed": "unclear: test and measurement differ",
        }
        return known.get(self.verdict) or f"{'raises' if self.rise > 0 else 'lowers'} {name}"

    @property
    def moved(self) -> str:
        """ "+0.22 logits (+0.14 to +0.30)"; empty if not measured."""
        change = self.effect
        if change is None:
            return ""
        digits = 3 if self.slight else 2
        value, low, high = (f"{each:+.{digits}f}".replace("-", "−") for each in (change.value, change.low, change.high))
        return f"{value} logits ({low} to {high})"

    @property
    def sentence(self) -> str:
        """The result in words."""
        what = self.title.lower()
        if not self.separable:
            return (
                f"At {self.stage} films with and without “{what}” cannot be separated ({_share(self.accuracy)} of "
                "held-out pairs right, guessing gives 50 %): it has no direction there."
            )
        rises = (
            f"towards “{what}” the score for {words(self.finding)} rises on {_share(self.score)} of the films, along "
            f"random directions on {_share(float(self.random.mean()))}"
        )
        of = f", corrected for {self.tests} tests" if self.tests > 1 else ""
        really = f" Measured logit change when drawn in: {self.moved}{self._against}." if self.effect else ""
        if self.significant:
            steeper = f"steeper than {_share(self.steeper)} of random directions"
            text = f"{rises}; {steeper}. Chance rarely gives as much ({_p(self.corrected)}{of}).{really}"
            return f"{_BEGINS[self.verdict]} at {self.stage}: {text}"
        far = f"chance gives as much too often ({_p(self.corrected)}{of})"
        return f"{_BEGINS[self.verdict]} at {self.stage}: {rises}; {far}.{really}"

    @property
    def _against(self) -> str:
        """How the measured change contradicts a significant test, if it does."""
        parts = [", negligible"] if self.slight else []
        if self.significant and self.contradicted:
            parts.append(", the opposite direction")
        elif self.significant and self.undecided and not self.slight:
            parts.append(", possibly zero")
        return "".join(parts)

    def record(self) -> dict[str, Any]:
        """As a record for JSON and tables."""
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
            "plain": self.plain,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """All results of one call.

    description: of the films.
    drawn:       whether they are synthetic.
    films:       number of films read.
    answers:     concept by concept, finding by finding, stage by stage.
    skipped:     (film, reason) of unreadable films.
    """

    checkpoint: str
    description: str
    drawn: bool
    films: int
    runs: int
    answers: tuple[ConceptResult, ...]
    skipped: tuple[tuple[str, str], ...]

    def csv(self) -> str:
        """One line per result."""
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
