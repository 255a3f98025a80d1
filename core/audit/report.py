"""The report of an audit: computed, and stored beside the weights."""

import json
from dataclasses import dataclass
from pathlib import Path

from core.audit.audit_test import AuditResult, audit_tests
from core.audit.collection import METHOD
from core.audit.observations import Observations
from core.codec import dump, parse
from core.models import library
from core.trust.verdicts import Word
from core.types import Checkpoint

ENDING = ".audit.json"  # of the report's file name, beside the weights


@dataclass(frozen=True)
class AuditReport:
    """The results of all tests of one checkpoint.

    sha256:     of the weights; set: names of the tables; split: of them, or empty.
    films:      how many films and patients; without_lungs: on how many no lungs are found; unreadable: left out.
    resamples:  per interval; method: of the maps.
    """

    sha256: str
    set: str
    split: str
    films: int
    patients: int
    without_lungs: int
    unreadable: int
    resamples: int
    method: str
    results: tuple[AuditResult, ...]

    @property
    def flag(self) -> float:
        """0 to 1: share of the tests that fail; a doubtful one counts half, one that cannot be judged not at all.

        Only tests of what the model uses count, not the probes of what it could use.
        """
        judged = self._judged()
        count = sum(test.counts for test in audit_tests.values())
        return (judged.count("fails") + 0.5 * judged.count("doubtful")) / count

    @property
    def summary(self) -> str:
        """How many of the judged tests that count fail."""
        judged = self._judged()
        return f"{judged.count('fails')} of {len(judged)}"

    def _judged(self) -> list[Word]:
        used = [each.word for each in self.results if each.name in audit_tests and audit_tests[each.name].counts]
        return [word for word in used if word != "unjudged"]


def audited(observations: Observations, *, set: str, split: str) -> AuditReport:
    """All tests on the observations."""
    return AuditReport(
        sha256=observations.classifier.checkpoint.sha256,
        set=set,
        split=split,
        films=len(observations),
        patients=len({*observations.patients.tolist()}),
        without_lungs=observations.without_lungs,
        unreadable=observations.unreadable,
        resamples=observations.repeats,
        method=METHOD,
        results=tuple(test.rule(observations) for test in audit_tests.values()),
    )


def read_report(checkpoint: Checkpoint, folder: Path | None = None) -> AuditReport | None:
    """The report beside the weights; None where there is none, or it belongs to other weights."""
    try:
        path = (folder or library.place(checkpoint.name)) / f"{checkpoint.name}{ENDING}"
        report = parse(AuditReport, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return report if report.sha256 == checkpoint.sha256 else None


def write_report(report: AuditReport, checkpoint: Checkpoint, folder: Path) -> Path:
    """Writes the report beside the weights; gives its path."""
    path = folder / f"{checkpoint.name}{ENDING}"
    path.write_text(json.dumps(dump(report), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
