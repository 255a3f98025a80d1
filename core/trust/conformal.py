"""How sure? The findings that cannot be excluded at a chosen coverage: split conformal prediction, per class."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BadData, UnknownName
from core.evaluate.hospitals import hospital, named
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
    films:      finding -> number of validation films behind the threshold.
    test:       source, or "all" -> (share of test films whose label is in the set, number of films).
    left_out:   hospital -> the same for its test films with thresholds from the validation films of all others. The
                network itself learned from films of that hospital, so a new one may fare worse still.
    """

    sha256: str
    coverage: float
    thresholds: Mapping[str, float]
    films: Mapping[str, int]
    test: Mapping[str, tuple[float, int]]
    left_out: Mapping[str, tuple[float, int]] = field(default_factory=dict)

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
        return f"{checkpoint.name} has no prediction sets: it was never measured which findings can be excluded."
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
    unit = "finding" if len(inside) == 1 else "findings"
    verdict = "" if finding in inside else f"{words(finding).capitalize()} is not in it."
    return Figure("conformal", _TITLE, level, len(inside), unit, sentence, verdict)


def prediction_set(prediction: Prediction, checkpoint: Checkpoint) -> list[str] | None:
    """The findings that cannot be excluded, the likeliest first; None if the checkpoint has no prediction sets."""
    sets = None if checkpoint.multi_label else read_sets(checkpoint)
    if sets is None:
        return None
    return list(sets.of({name: prediction.probability(name) for name in prediction.findings}))


def fitted_sets(
    checkpoint: Checkpoint,
    val: tuple[NDArray[np.float32], Sequence[Row]],
    test: tuple[NDArray[np.float32], Sequence[Row]],
    *,
    coverage: float = COVERAGE,
) -> PredictionSets:
    """The sets from probabilities (N, F) of validation films, measured on test films.

    A hospital is left out of the validation films only if the others have enough films of each finding.
    Raises: BadData if a finding has fewer than 10 validation films.
    """
    rule = _rule(checkpoint, *val, coverage)
    sources = np.array([row.source or "films" for row in test[1]])
    groups = {"all": np.ones(len(sources), bool), **{str(name): sources == name for name in np.unique(sources)}}
    of_val, of_test = (np.array([hospital(row) for row in rows]) for _, rows in (val, test))
    left_out = {}
    for name in named(test[1]):
        others = np.flatnonzero(of_val != name).tolist()
        try:
            without = _rule(checkpoint, val[0][others], [val[1][place] for place in others], coverage)
        except BadData:
            continue
        left_out[name] = _share(without, checkpoint, test, of_test == name)
    by_source = {name: _share(rule, checkpoint, test, chosen) for name, chosen in groups.items() if chosen.any()}
    return replace(rule, test=by_source, left_out=left_out)


def _rule(checkpoint: Checkpoint, likely: NDArray[np.float32], rows: Sequence[Row], coverage: float) -> PredictionSets:
    """The thresholds from probabilities (N, F) of labelled films. Raises: BadData for fewer than 10 of a finding."""
    labels = np.array([row.label for row in rows])
    thresholds, films = {}, {}
    for place, finding in enumerate(checkpoint.findings):
        own = np.sort(likely[labels == finding, place])
        if len(own) < FEWEST:
            raise BadData(f"{finding} has {len(own)} validation films; prediction sets need {FEWEST} of each finding.")
        left_out = math.floor((len(own) + 1) * (1 - coverage) + 1e-9)  # this many of n + 1 may be excluded
        thresholds[finding] = round(float(own[left_out - 1]), 6) if left_out else 0.0
        films[finding] = len(own)
    return PredictionSets(checkpoint.sha256, coverage, thresholds, films, {})


def _share(
    rule: PredictionSets,
    checkpoint: Checkpoint,
    test: tuple[NDArray[np.float32], Sequence[Row]],
    chosen: NDArray[np.bool_],
) -> tuple[float, int]:
    """Share of the chosen test films whose label is in the set, and their number."""
    places = [checkpoint.findings.index(row.label) for row in test[1]]
    likely = test[0][np.arange(len(places)), places]
    covered = likely >= np.array([rule.thresholds[row.label] for row in test[1]])
    return round(float(covered[chosen].mean()), 4), int(chosen.sum())


def sets_of_responses(
    checkpoint: Checkpoint,
    val: tuple[NDArray[np.float32], Sequence[Row]],
    test: tuple[NDArray[np.float32], Sequence[Row]],
) -> PredictionSets:
    """The sets from logits (N, F) and films of validation and test.

    Raises: BadData for a multi-label checkpoint, or if a finding has fewer than 10 validation films.
    """
    if checkpoint.multi_label:
        raise BadData("Prediction sets are fitted for models that give each film one label.")
    on_val, on_test = (
        probabilities(logits, checkpoint.temperature, multi_label=False)[: len(rows)] for logits, rows in (val, test)
    )
    return fitted_sets(checkpoint, (on_val, val[1]), (on_test, test[1]))


def read_sets(checkpoint: Checkpoint, folder: Path | None = None) -> PredictionSets | None:
    """The sets beside the weights; None if there are none, or they belong to other weights."""
    try:
        path = (folder or library.place(checkpoint.name)) / f"{checkpoint.name}{ENDING}"
        sets = PredictionSets(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, UnknownName):
        return None
    return sets if sets.sha256 == checkpoint.sha256 else None


def write_sets(sets: PredictionSets, path: Path) -> None:
    """Writes the sets as JSON."""
    path.write_text(json.dumps(asdict(sets), indent=1) + "\n", encoding="utf-8")
