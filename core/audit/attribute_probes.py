"""What a linear probe can predict from a film's features: its source and view, the patient's age and sex.

Whatever can be predicted can serve as a shortcut; the other tests show whether it does.
"""

import numpy as np
from numpy.typing import NDArray

from core.audit.audit_test import AuditFigure, AuditResult, audit_test, below, judged, unjudged
from core.audit.collection import FEWEST
from core.audit.observations import Observations, Texts
from core.errors import BadData
from core.evaluate.confusion import balanced_accuracy
from core.evaluate.intervals import estimates
from core.layers.linear_classifier import LabelArray, fit, folds

EXCESS = 0.10  # balanced accuracy that the features may add over the label alone, or over chance
_FEWEST_PATIENTS = 5  # per group
_ADULT, _OLD = 18, 65  # years


@audit_test("probe-source", title="Source from the features", counts=False)
def probe_source(observations: Observations) -> AuditResult:
    """Guesses the collection or hospital from the features, tested on patients that the probe did not see."""
    return _probe(observations, "probe-source", "source", observations.sources)


@audit_test("probe-view", title="View from the features", counts=False)
def probe_view(observations: Observations) -> AuditResult:
    """Guesses the view (PA, AP, lying) from the features: sicker patients are filmed AP, in bed."""
    return _probe(observations, "probe-view", "view", observations.views)


@audit_test("probe-age", title="Age group from the features", counts=False)
def probe_age(observations: Observations) -> AuditResult:
    """Guesses the age group (under 18, 18 to 64, 65 and over) from the features."""
    ages = observations.ages
    groups = np.select([ages < _ADULT, ages < _OLD, ages >= _OLD], ["under 18", "18 to 64", "65 and over"], "")
    return _probe(observations, "probe-age", "age", groups)


@audit_test("probe-sex", title="Sex from the features", counts=False)
def probe_sex(observations: Observations) -> AuditResult:
    """Guesses the patient's sex from the features."""
    return _probe(observations, "probe-sex", "sex", observations.sexes)


def _probe(observations: Observations, name: str, column: str, values: Texts) -> AuditResult:
    if not (values != "").any():
        return unjudged(name, f"The films' table has no {column}. Add a column {column}.")
    groups = [
        str(group)
        for group in np.unique(values[values != ""])
        if len(set(observations.patients[values == group])) >= _FEWEST_PATIENTS
    ]
    films = np.flatnonzero(np.isin(values, groups))
    if len(groups) < 2 or len(films) < FEWEST:
        known = ", ".join(f"{group} on {int((values == group).sum())}" for group in np.unique(values[values != ""]))
        return unjudged(name, f"Two groups of {_FEWEST_PATIENTS} patients are needed; the films have {known}.")
    groups_of_films = np.array([[value == group for group in groups] for value in values[films]])
    labels = observations.truth[films].astype(np.float32)
    try:
        guesses, from_label = (
            _guesses(inputs, groups_of_films, observations.patients[films])
            for inputs in (observations.features[films], labels)
        )
    except BadData as error:
        return unjudged(name, str(error))
    return _judged(observations, name, column, films, groups_of_films, guesses, from_label)


def _guesses(inputs: NDArray[np.float32], groups: LabelArray, patients: Texts) -> LabelArray:
    """(N, G) the likeliest group of each film, by a probe fitted on other patients. Raises: BadData as `folds`."""
    guesses = np.zeros(groups.shape, bool)
    for learned, test in folds(groups, patients, seed=0, exclusive=True):
        likely = fit(inputs[learned], groups[learned], exclusive=True).says(inputs[test])
        guesses[test, likely.argmax(axis=1)] = True
    return guesses


def _judged(
    observations: Observations,
    name: str,
    column: str,
    films: NDArray[np.intp],
    groups: LabelArray,
    guesses: LabelArray,
    from_label: LabelArray,
) -> AuditResult:
    count = groups.shape[1]

    def values(drawn: NDArray[np.intp]) -> NDArray[np.float64]:
        right, by_label = (
            balanced_accuracy(each[drawn], groups[drawn], multi_label=False) for each in (guesses, from_label)
        )
        return np.array([right, by_label, right - max(by_label, 1 / count)])

    right, by_label, excess = estimates(values, observations.patients[films], repeats=observations.repeats)
    word = below(excess, EXCESS)
    meaning = {
        "holds": "The features give away little more than the label does.",
        "doubtful": "The features may give it away.",
        "fails": "The features give it away, so the model could use it.",
    }
    sentence = (
        f"Balanced accuracy {right.value:.2f} ({right.low:.2f} to {right.high:.2f}) over "
        f"{count} groups; chance is {1 / count:.2f}, the label alone gives {by_label.value:.2f}. "
        f"{meaning.get(word, '')}"
    )
    figures = (
        AuditFigure("Balanced accuracy beyond that of the label alone, or chance", excess),
        AuditFigure(f"Balanced accuracy: {column} from the features", right, 1 / count, "chance"),
        AuditFigure(f"Balanced accuracy: {column} from the label alone", by_label, 1 / count, "chance"),
    )
    return judged(name, word, sentence.strip(), figures)
