"""Tests a card's findings, grey values and bright bone on labelled films.

A checkpoint does not contain the order of its scores, its black and white, or whether bone was bright. A mistake in any
of these gives a network that runs and is wrong. Labelled films reveal it: scores that rank films in reverse, another
order of the findings or other grey values that rank them clearly better, or predictions that are the same for every
film.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from core.errors import BadData
from core.estimate import Estimate
from core.evaluate import labelled_films
from core.evaluate.figures import FEWEST
from core.evaluate.input_variants import INVERTED, Scores, Tell, input_variants, logits
from core.evaluate.intervals import bands
from core.evaluate.manifest import Row
from core.evaluate.roc import auc
from core.models.classifier import Classifier, log_odds, probabilities
from core.models.importers.normalisation import NORMALISATIONS
from core.types import Checkpoint

MOST = 80  # films in the test; each runs once per variant of the input
_REPEATS = 300
_CLEARLY = 0.02  # AUC: lower limit of the gain from which other grey values are proposed
_SAME = 0.01  # probability: spread over all films below which the predictions count as constant
_FEW = 3  # findings in a sentence
_SHUFFLES = 200  # of the labels, for what the best order of the findings reaches without any signal
_BEYOND = 99  # percentile of these that an order must exceed

Truth = NDArray[np.bool_]
Patients = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Polarity:
    """The test of a network on labelled films.

    n, patients:   numbers of films and patients.
    areas:         finding -> AUC with the card's settings and its 95 % interval over resampled patients, if FEWEST
                   films have it and FEWEST do not.
    positives:     finding -> films that have it.
    feeds:         variant of the input -> the mean of these areas; the first is the card's own.
    warnings:      what looks wrong, one sentence each with its figures, or empty.
    findings:      the names of the scores in another order that fits clearly better, or None.
    normalisation: name of other grey values that fit clearly better, or None.
    """

    n: int
    patients: int
    areas: Mapping[str, Estimate]
    positives: Mapping[str, int]
    feeds: Mapping[str, Estimate]
    warnings: tuple[str, ...]
    findings: tuple[str, ...] | None = None
    normalisation: str | None = None

    @property
    def sentences(self) -> list[str]:
        """The areas in one line, then each warning; or that the card agrees with the films."""
        areas = ", ".join(f"{finding} {_words(area, self.positives[finding])}" for finding, area in self.areas.items())
        first = f"On {self.n} films of {self.patients} patients, area under the ROC curve: {areas}."
        return [first, *(self.warnings or ["They agree with the findings, grey values and bright bone."])]


def polarity(
    classifier: Classifier, rows: Sequence[Row], *, most: int = MOST, seed: int = 0, tell: Tell | None = None
) -> Polarity:
    """Tests the network on up to `most` of the films, sampled so that each label is included.

    rows:   films with labels. Labels that the network does not know are ignored, unless it knows none of them and its
            findings are numbered: then they name the scores.
    tell:   called with (films done, all films).
    Raises: BadData if too few films have a usable label.
    """
    card = classifier.checkpoint
    labels = labelled_films.serving(rows, card.findings)
    chosen = labelled_films.drawn(rows, labels, most, seed)
    truth = np.array([[label in labelled_films.labels(row) for label in labels] for row in chosen])
    enough = [place for place, count in enumerate(truth.sum(axis=0)) if FEWEST <= count <= len(chosen) - FEWEST]
    if not enough:
        raise BadData(
            f"Of {len(rows)} films, none of {', '.join(labels)} has {FEWEST} films with it and {FEWEST} without. "
            "Give more labelled films."
        )
    labels, truth = [labels[place] for place in enough], truth[:, enough]
    given = logits(classifier, chosen, input_variants(card.input), tell)
    own = next(iter(given.values()))
    several = len(card.findings) > 1
    scores = {
        feed: log_odds(each, card.temperature, multi_label=card.multi_label) if several else each
        for feed, each in given.items()
    }
    patients = np.array([row.patient for row in chosen])
    known = [labelled_films.plain(finding) for finding in card.findings]
    if labels[0] not in known:
        names = [labelled_films.spelled(chosen, label) for label in labels]
        return _named(card, names, truth, scores, patients)
    likely = probabilities(own, card.temperature, multi_label=card.multi_label)
    return _judged(card, [known.index(label) for label in labels], truth, scores, likely, patients)


def _judged(
    card: Checkpoint, places: list[int], truth: Truth, scores: Mapping[str, Scores], likely: Scores, patients: Patients
) -> Polarity:
    """places: of each column of the truth (N, L) among the findings; scores: way of feeding -> (N, F)."""
    own, *others = scores
    count = len(places)
    scores = {feed: each[:, places] for feed, each in scores.items()}
    asis, swap = list(range(count)), _best(scores[own], truth)
    areas = _drawn(lambda films: _areas(scores[own][films], truth[films], asis), patients)

    def means(order: list[int]) -> dict[str, Estimate]:
        """For each variant; for all but the first also its gain, under "+" and its name."""

        def figures(films: NDArray[np.intp]) -> NDArray[np.float64]:
            result = np.array([_areas(each[films], truth[films], order).mean() for each in scores.values()])
            return np.concatenate([result, result[1:] - result[0]])

        return dict(zip([*scores, *(f"+{feed}" for feed in others)], _drawn(figures, patients), strict=True))

    plain, exchanged = means(asis), means(swap)
    fed = max(plain[feed].value for feed in others)  # with a wrong input the findings can look swapped
    chance = _chance(scores[own], truth)
    swapped = exchanged[own].low > max(plain[own].high, chance) and exchanged[own].value >= fed
    judged = exchanged if swapped else plain
    better = max(others, key=lambda feed: judged[f"+{feed}"].low)
    clearly = judged[f"+{better}"].low > _CLEARLY
    names = [card.findings[place] for place in places]
    if swapped:
        order_warnings = [_swapped(names, swap, plain[own], exchanged[own])]
    else:
        order_warnings = _wrong_way(names, areas, min(0.5, 1 - chance))
    warnings = [*_same_answers(card, likely), *order_warnings, *([_better(better, own, judged)] if clearly else [])]
    if not warnings and plain[own].low <= 0.5:
        warnings.append(_no_signal(plain[own], exchanged[own] if swap != asis else None, chance))
    return Polarity(
        n=len(truth),
        patients=len(np.unique(patients)),
        areas=dict(zip(names, areas, strict=True)),
        positives=dict(zip(names, map(int, truth.sum(axis=0)), strict=True)),
        feeds={feed: plain[feed] for feed in scores},
        warnings=tuple(warnings),
        findings=_exchanged(card.findings, places, swap) if swapped else None,
        normalisation=better if clearly and better != INVERTED else None,
    )


def _exchanged(findings: Sequence[str], places: Sequence[int], swap: Sequence[int]) -> tuple[str, ...]:
    """The findings in the order of the outputs that fit them; swap: label -> its output, both among `places`."""
    order = list(findings)
    for label, output in enumerate(swap):
        order[places[output]] = findings[places[label]]
    return tuple(order)


def _named(
    card: Checkpoint, names: list[str], truth: Truth, scores: Mapping[str, Scores], patients: Patients
) -> Polarity:
    """The films' labels as names of unnamed scores: each where it fits best, if better than chance."""
    own = next(iter(scores))
    own_scores = scores[own]
    fits = np.array(
        [
            [auc(own_scores[:, output], truth[:, place]) for place in range(len(names))]
            for output in range(own_scores.shape[1])
        ]
    )
    outputs, places = (list(map(int, each)) for each in linear_sum_assignment(-fits))
    names, truth, own_scores = [names[place] for place in places], truth[:, places], own_scores[:, outputs]
    asis = list(range(len(names)))
    areas = _drawn(lambda films: _areas(own_scores[films], truth[films], asis), patients)
    (mean,) = _drawn(lambda films: _areas(own_scores[films], truth[films], asis).mean(keepdims=True), patients)
    sure = {output: name for output, name, area in zip(outputs, names, areas, strict=True) if area.low > 0.5}
    matches = ", ".join(f"{card.findings[output]} is {name}" for output, name in sorted(sure.items()))
    unsure = [name for name in names if name not in sure.values()]
    warnings = [f"The scores have no names. On these films, {matches}."] * bool(sure)
    warnings += [f"No score ranks films with {', '.join(unsure)} clearly better than chance."] * bool(unsure)
    return Polarity(
        n=len(truth),
        patients=len(np.unique(patients)),
        areas=dict(zip(names, areas, strict=True)),
        positives=dict(zip(names, map(int, truth.sum(axis=0)), strict=True)),
        feeds={own: mean},
        warnings=tuple(warnings),
        findings=tuple(sure.get(output, finding) for output, finding in enumerate(card.findings)) if sure else None,
    )


def _best(scores: Scores, truth: Truth) -> list[int]:
    """For each finding, which of the scores fits it best if each is used once."""
    count = truth.shape[1]
    fits = np.array([[auc(scores[:, output], truth[:, place]) for output in range(count)] for place in range(count)])
    return [int(output) for output in linear_sum_assignment(-fits)[1]]


def _chance(scores: Scores, truth: Truth) -> float:
    """The mean area that the best order of the findings exceeds in one of a hundred shuffles of the labels.

    The best of several orders fits some films by luck alone, the better the fewer they are.
    """
    draw = np.random.default_rng(0)
    shuffled = (truth[draw.permutation(len(truth))] for _ in range(_SHUFFLES))
    return float(np.percentile([_areas(scores, each, _best(scores, each)).mean() for each in shuffled], _BEYOND))


def _no_signal(mean: Estimate, exchanged: Estimate | None, chance: float) -> str:
    sentence = f"No usable signal: the mean area is {_words(mean)}, no better than chance."
    if exchanged is not None:
        sentence += (
            f" Another order of the findings reaches {_words(exchanged)}, but with this many films the best order gets "
            f"{chance:.2f} by chance: that does not show that the findings are swapped."
        )
    return f"{sentence} It may be untrained, or trained for other films. Or give more films."


def _areas(scores: Scores, truth: Truth, outputs: Sequence[int]) -> NDArray[np.float64]:
    """(L,) area of each finding by the score that `outputs` gives it."""
    return np.array([auc(scores[:, output], truth[:, place]) for place, output in enumerate(outputs)])


def _drawn(figures: Callable[[NDArray[np.intp]], NDArray[np.float64]], patients: Patients) -> list[Estimate]:
    """Each of the figures with its interval over resampled patients."""
    drawn = zip(*bands(figures, patients, repeats=_REPEATS), strict=True)
    return [Estimate(float(value), float(low), float(high), len(patients)) for value, low, high in drawn]


def _same_answers(card: Checkpoint, likely: Scores) -> list[str]:
    spread = float((np.percentile(likely, 95, axis=0) - np.percentile(likely, 5, axis=0)).max())
    if spread >= _SAME:
        return []
    middle = np.median(likely, axis=0)
    always = ", ".join(f"{card.findings[place]} {middle[place]:.3f}" for place in np.argsort(-middle)[:_FEW])
    return [
        f"It gives every film the same answer: {always} (± {spread:.4f}). Its grey values are probably out of "
        "range, or it is untrained."
    ]


def _swapped(names: Sequence[str], swap: Sequence[int], mean: Estimate, exchanged: Estimate) -> str:
    moved = [f"{names[output]} is {names[place]}" for place, output in enumerate(swap) if place != output]
    return (
        f"The findings look swapped: in their order the mean area is {_words(mean)}, in another one "
        f"{_words(exchanged)}. In the other order, the output called {', '.join(moved)}."
    )


def _wrong_way(names: Sequence[str], areas: Sequence[Estimate], limit: float) -> list[str]:
    """limit: AUC that luck does not fall below."""
    wrong = [f"{name} {_words(area)}" for name, area in zip(names, areas, strict=True) if area.high < limit]
    if not wrong:
        return []
    return [
        f"Films are ranked the wrong way round for {', '.join(wrong)}: the score counts against its finding, or "
        "belongs to another."
    ]


def _better(better: str, own: str, means: Mapping[str, Estimate]) -> str:
    gain = means[f"+{better}"]
    figures = (
        f"mean area {_words(means[better])} against {_words(means[own])}, "
        f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"
    )
    if better == INVERTED:
        return f"Films with bone dark are ranked better: {figures}. It was probably trained on inverted films."
    return f"Other grey values fit better, {better} ({NORMALISATIONS[better].title}): {figures}."


def _words(area: Estimate, positives: int | None = None) -> str:
    films = "" if positives is None else f", {positives} of {area.n} films"
    return f"{area.value:.2f} ({area.low:.2f}–{area.high:.2f}{films})"
