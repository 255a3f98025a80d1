"""The table of audit tests: what a checkpoint reads besides the lungs, each test with a verdict and its figures."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.audit.observations import Observations
from core.codec import NullableFloat
from core.estimate import Estimate
from core.registry import Registry
from core.trust.verdicts import Word


@dataclass(frozen=True)
class AuditFigure:
    """One figure of a test. reference: the value to compare it with, such as chance; NaN for none."""

    label: str
    estimate: Estimate
    reference: NullableFloat = math.nan
    reference_label: str = ""


@dataclass(frozen=True)
class MapCluster:
    """Films whose maps lie alike.

    lung_share: share of the heat in the lungs and a rim around them; lung_area: that of an even map.
    findings:   number of films per finding that the model calls; sources: number of films per source.
    correct:    share of the films that the model calls correctly.
    examples:   ids of the films nearest to the cluster's mean.
    heat:       mean map in the frame of the lungs, row by row, in per mille of the cluster's heat.
    """

    films: int
    lung_share: Estimate
    lung_area: float
    findings: Mapping[str, int]
    sources: Mapping[str, int]
    correct: float
    examples: tuple[str, ...]
    heat: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class AuditResult:
    """The verdict of one test. figures: the deciding one first."""

    name: str
    title: str
    word: Word
    sentence: str
    figures: tuple[AuditFigure, ...] = ()
    clusters: tuple[MapCluster, ...] = ()


@dataclass(frozen=True)
class AuditTest:
    """A registry entry.

    rule:   observations to the result.
    counts: False where a failure says only that a shortcut is possible, not that the model uses it.
    plain:  the question it answers: the first paragraph of the rule's docstring.
    """

    name: str
    title: str
    rule: Callable[[Observations], AuditResult] = field(repr=False)
    counts: bool
    plain: str


audit_tests: Registry[AuditTest] = Registry("audit test", package="core.audit")


def audit_test(
    name: str, *, title: str, counts: bool = True
) -> Callable[[Callable[[Observations], AuditResult]], Callable[[Observations], AuditResult]]:
    """Registers a function `Observations -> AuditResult`; the arguments are those of `AuditTest`."""

    def register(rule: Callable[[Observations], AuditResult]) -> Callable[[Observations], AuditResult]:
        plain = " ".join((rule.__doc__ or "").split("\n\n")[0].split())
        if not plain:
            raise ValueError(f"audit test {name!r} has no docstring; its first paragraph is the text on screen")
        audit_tests.add(name, AuditTest(name, title, rule, counts, plain))
        return rule

    return register


def unjudged(name: str, reason: str) -> AuditResult:
    """The result of a test that cannot judge. reason: why, in a sentence."""
    return AuditResult(name, audit_tests[name].title, "unjudged", reason)


def judged(
    name: str, word: Word, sentence: str, figures: tuple[AuditFigure, ...], clusters: tuple[MapCluster, ...] = ()
) -> AuditResult:
    """The result of a test."""
    return AuditResult(name, audit_tests[name].title, word, sentence, figures, clusters)


def above(estimate: Estimate, limit: float) -> Word:
    """Holds if the whole interval lies above the limit, fails if it lies below, doubtful if it includes it."""
    if not estimate.has_interval:
        return "unjudged"
    return "holds" if estimate.low > limit else "fails" if estimate.high < limit else "doubtful"


def below(estimate: Estimate, limit: float) -> Word:
    """Holds if the whole interval lies below the limit, fails if it lies above, doubtful if it includes it."""
    turned: dict[Word, Word] = {"holds": "fails", "fails": "holds", "doubtful": "doubtful", "unjudged": "unjudged"}
    return turned[above(estimate, limit)]
