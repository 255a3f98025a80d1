"""How much of the AUC remains when parts of the films are removed or their brightness is matched."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from core.audit.audit_test import AuditFigure, AuditResult, above, audit_test, audit_tests, below, judged, unjudged
from core.audit.collection import FEWEST
from core.audit.observations import Observations
from core.estimate import Estimate, estimate_text
from core.evaluate.figures import FEWEST as FEWEST_OF_CLASS
from core.evaluate.intervals import estimates
from core.evaluate.roc import auc
from core.trust.verdicts import Word

GONE = 0.3  # share of the AUC above chance: without the lungs, a model that reads them keeps less
KEPT = 0.5  # same share: with the lungs alone it keeps more, though the grey around them is new to it
SAME = 0.9  # same share: removing what is not part of the chest must leave at least this much
_SKILL = 0.55  # AUC: if its lower limit is below this, there is too little to lose


@audit_test("lungs-black", title="Lungs blacked out")
def lungs_black(observations: Observations) -> AuditResult:
    """AUC with the lungs painted black: what the model still knows comes from elsewhere, or from the lungs' outline."""
    return _must_vanish(observations, "lungs-black", "with the lungs black")


@audit_test("lungs-inpainted", title="Lungs in-painted")
def lungs_inpainted(observations: Observations) -> AuditResult:
    """AUC with the lungs filled from their surroundings: no black hole, and little of their outline remains."""
    return _must_vanish(observations, "lungs-inpainted", "with the lungs in-painted")


@audit_test("border-only", title="Only the border")
def border_only(observations: Observations) -> AuditResult:
    """AUC on the outer tenth of the film alone, the rest mean grey: markers, collimation, shoulders."""
    return _must_vanish(observations, "border-only", "from the border alone")


@audit_test("lungs-only", title="Only the lungs")
def lungs_only(observations: Observations) -> AuditResult:
    """AUC with the lungs alone, everything else mean grey. A drop means that the model relies on what lies
    outside, or that the grey confuses it."""
    return _must_stay(observations, "lungs-only", "with the lungs alone", KEPT)


@audit_test("marks-removed", title="Text and markers removed")
def marks_removed(observations: Observations) -> AuditResult:
    """AUC after in-painting the letters, text and arrows that the film checks find."""
    answers = observations.altered.get("marks-removed")
    marked = int(answers.changed.sum()) if answers else 0
    if marked < FEWEST:
        reason = f"Text or markers were found on {marked} of {len(observations)} films; {FEWEST} are needed."
        return unjudged("marks-removed", reason)
    return _must_stay(observations, "marks-removed", f"with the text and markers of {marked} films removed", SAME)


@audit_test("histogram-matched", title="Brightness matched")
def histogram_matched(observations: Observations) -> AuditResult:
    """AUC with all films given the same brightness and contrast: exposure and processing differ between hospitals."""
    return _must_stay(observations, "histogram-matched", "with brightness matched", SAME)


def _must_vanish(observations: Observations, name: str, when: str) -> AuditResult:
    """The verdict where little of the AUC may remain."""
    meaning = {
        "holds": "What it knows comes from the lungs.",
        "doubtful": "Part of what it knows may come from outside the lungs.",
        "fails": "It knows much of the answer without seeing the lungs.",
    }
    return _judged(observations, name, when, lambda share: below(share, GONE), meaning)


def _must_stay(observations: Observations, name: str, when: str, limit: float) -> AuditResult:
    """The verdict where most of the AUC must remain."""
    meaning = {
        "holds": "It largely works without what was removed.",
        "doubtful": "It may need what was removed.",
        "fails": "It needs what was removed, or the change confuses it.",
    }
    return _judged(observations, name, when, lambda share: above(share, limit), meaning)


def _judged(
    observations: Observations, name: str, when: str, word_of: Callable[[Estimate], Word], meaning: Mapping[str, str]
) -> AuditResult:
    """The verdict by the share of the AUC above chance that remains."""
    figures = _figures(observations, name)
    if isinstance(figures, str):
        return unjudged(name, figures)
    word = word_of(figures[0].estimate)
    return judged(name, word, f"{_sentence(figures, when)} {meaning.get(word, '')}".strip(), figures)


def _sentence(figures: tuple[AuditFigure, ...], when: str) -> str:
    share, whole, altered = (figure.estimate for figure in figures)
    interval = f"{share.low:.0%} to {share.high:.0%}"
    return (
        f"AUC {whole.value:.2f} becomes {altered.value:.2f} {when}: {share.value:.0%} ({interval}) of the margin above "
        "chance remains."
    )


def _figures(observations: Observations, alteration: str) -> tuple[AuditFigure, ...] | str:
    """Share of the AUC above chance that remains, the AUC before and after; or why they cannot be given."""
    answers = observations.altered.get(alteration)
    known = answers.known if answers else np.zeros(len(observations), bool)
    if answers is None or known.sum() < FEWEST:
        return f"Lungs were found on {known.sum()} of {len(observations)} films; {FEWEST} are needed."
    truth = observations.truth[known]
    counts = truth.sum(axis=0)
    findings = np.flatnonzero((counts >= FEWEST_OF_CLASS) & (counts <= len(truth) - FEWEST_OF_CLASS))
    if not len(findings):
        return f"No finding has {FEWEST_OF_CLASS} films with it and {FEWEST_OF_CLASS} without."
    before, after = observations.odds[known], answers.odds[known]

    def values(films: NDArray[np.intp]) -> NDArray[np.float64]:
        areas = [_macro_auc(odds[films], truth[films], findings) for odds in (before, after)]
        return np.array([(areas[1] - 0.5) / max(areas[0] - 0.5, 1e-3), *areas])

    share, whole, altered = estimates(values, observations.patients[known], repeats=observations.repeats)
    if not whole.low >= _SKILL:
        return f"The model hardly tells these films apart: AUC {estimate_text(whole)}. There is nothing to lose."
    return (
        AuditFigure("Share of the AUC above chance that remains", share),
        AuditFigure("AUC of the films as they are", whole, 0.5, "chance"),
        AuditFigure(f"AUC: {audit_tests[alteration].title.lower()}", altered, 0.5, "chance"),
    )


def _macro_auc(odds: NDArray[np.float64], truth: NDArray[np.bool_], findings: NDArray[np.intp]) -> float:
    return float(np.mean([auc(odds[:, place], truth[:, place]) for place in findings]))
