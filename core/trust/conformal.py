"""How sure? The findings that cannot be excluded at a chosen coverage: split conformal prediction, per class."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadData, UnknownName
from core.evaluate.manifest import Row
from core.models import library
from core.models.classifier import probabilities
from core.models.findings import words
from core.trust.measure import Figure, Question, measure, no_answer
from core.types import Checkpoint, Level, Prediction

ENDING = ".conformal.json"  # of the file beside the weights
COVERAGE = 0.90
FEWEST = 10  # validation films of a finding
_TITLE = "Prediction set"


@dataclass(frozen=True)
class PredictionSets:
    """The rule for a checkpoint's sets.

    thresholds: finding -> lowest probability at which it belongs to the set.
    films:      finding -> validation films that gave it.
    test:       source, or "all" -> (share of test films whose label is in the set, number of films).
    """

    sha256: str
    coverage: float
    thresholds: Mapping[str, float]
    films: Mapping[str, int]
    test: Mapping[str, tuple[float, int]]

    def of(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """The findings that cannot be excluded, the likeliest first; may be empty."""
        inside = [name for name, value in probabilities.items() if value >= self.thresholds.get(name, 0.0)]
        return tuple(sorted(inside, key=lambda name: -probabilities[name]))


def _obstacle(question: Question) -> str:
    checkpoint = question.classifier.checkpoint
    if reason := no_answer(question):
        return reason
    if checkpoint.multi_label:
        return "Prediction sets are fitted for models that give each film one label."
    if read_sets(checkpoint) is None:
        return f"{checkpoint.name} has no prediction sets: nobody measured which of its findings can be excluded."
    return ""


@measure("conformal", title=_TITLE, aspect="certainty", obstacle=_obstacle)
def conformal(question: Question) -> Figure:
    """The findings that cannot be excluded at 90 % coverage: split conformal prediction, one threshold per finding,
    from validation films.

    Value: size of the set; 0 where the film is unlike the validation films of every finding.
    Source: Vovk 2012, arXiv:1209.2673 (conditional on the label); Angelopoulos and Bates 2021, arXiv:2107.07511.
    """
    sets = read_sets(question.classifier.checkpoint)
    prediction, finding = question.prediction, question.explanation.finding
    if sets is None:
        raise ValueError("conformal without prediction sets")
    inside = tuple(prediction_set(prediction, question.classifier.checkpoint) or ())
    level: Level = "ok" if inside == (finding,) else "note" if finding in inside and inside else "warning"
    names = " or ".join(words(name) for name in inside) or "none of the findings"
    share, films = sets.test.get("all", (math.nan, 0))
    measured = f"; on {films} test films the label was in the set in {share:.0%}" if films else ""
    sentence = f"At {sets.coverage:.0%} coverage the answer is {names}{measured}. Expect less at other hospitals."
    verdict = "" if finding in inside else f"{words(finding).capitalize()} is not in it."
    return Figure("conformal", _TITLE, level, len(inside), "findings", sentence, verdict)


def prediction_set(prediction: Prediction, checkpoint: Checkpoint) -> list[str] | None:
    """The findings that cannot be excluded, the likeliest first; None where the checkpoint has no prediction sets."""
    sets = None if checkpoint.multi_label else read_sets(checkpoint)
    if sets is None:
        return None
    return list(sets.of({name: prediction.probability(name) for name in prediction.findings}))


def fitted_sets(
    checkpoint: Checkpoint,
    val: tuple[NDArray[np.float32], Sequence[str]],
    test: tuple[NDArray[np.float32], Sequence[str], Sequence[str]],
    *,
    coverage: float = COVERAGE,
) -> PredictionSets:
    """The sets by probabilities (N, F) and labels of validation films; test films come with their sources, too.

    Raises: BadData if a finding has fewer than 10 validation films.
    """
    likely, labels = val[0], np.array(val[1])
    thresholds, films = {}, {}
    for place, finding in enumerate(checkpoint.findings):
        own = np.sort(likely[labels == finding, place])
        if len(own) < FEWEST:
            raise BadData(f"{finding} has {len(own)} validation films; prediction sets need {FEWEST} of each finding.")
        left_out = math.floor((len(own) + 1) * (1 - coverage) + 1e-9)  # so many of n + 1 may be excluded
        thresholds[finding] = round(float(own[left_out - 1]), 6) if left_out else 0.0
        films[finding] = len(own)
    rule = PredictionSets(checkpoint.sha256, coverage, thresholds, films, {})
    covered = np.array(
        [
            label in rule.of(dict(zip(checkpoint.findings, map(float, row), strict=True)))
            for row, label in zip(test[0], test[1], strict=True)
        ]
    )
    sources = np.array(test[2])
    groups = {"all": np.ones(len(sources), bool), **{str(name): sources == name for name in np.unique(sources)}}
    by_source = {name: (round(float(covered[at].mean()), 4), int(at.sum())) for name, at in groups.items() if at.any()}
    return PredictionSets(checkpoint.sha256, coverage, thresholds, films, by_source)


def sets_of_responses(
    checkpoint: Checkpoint,
    val: tuple[NDArray[np.float32], Sequence[Row]],
    test: tuple[NDArray[np.float32], Sequence[Row]],
) -> PredictionSets:
    """The sets by logits (N, F) and films of validation and test.

    Raises: BadData for a multi-label checkpoint, or if a finding has fewer than 10 validation films.
    """
    if checkpoint.multi_label:
        raise BadData("Prediction sets are fitted for models that give each film one label.")
    on_val, on_test = (
        probabilities(logits, checkpoint.temperature, multi_label=False)[: len(rows)] for logits, rows in (val, test)
    )
    sources = [row.source or "films" for row in test[1]]
    return fitted_sets(
        checkpoint, (on_val, [row.label for row in val[1]]), (on_test, [row.label for row in test[1]], sources)
    )


def read_sets(checkpoint: Checkpoint, folder: Path | None = None) -> PredictionSets | None:
    """The sets beside the weights; None where there are none, or they belong to other weights."""
    try:
        path = (folder or library.place(checkpoint.name)) / f"{checkpoint.name}{ENDING}"
        sets = PredictionSets(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, UnknownName):
        return None
    return sets if sets.sha256 == checkpoint.sha256 else None


def write_sets(sets: PredictionSets, path: Path) -> None:
    """Writes the sets as JSON."""
    path.write_text(json.dumps(asdict(sets), indent=1) + "\n", encoding="utf-8")
