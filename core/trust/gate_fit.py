"""Fits a gate on training films, films spoiled on purpose and drawings, and its limits on validation films."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from core.errors import BadData
from core.evaluate.manifest import Row, row_radiograph
from core.film_stream import film_batches
from core.image.prepare import prepare
from core.models.classifier import Classifier
from core.trust.gate import WIDTH, Array, Gate, Stages, kind_probabilities, responses, whiten
from core.trust.gate_figures import measured, opened
from core.trust.not_frontal import FRONTAL, KINDS, Kind
from core.types import Input, Radiograph
from core.work import Work

FEWEST = 100  # training films
COMPONENTS = 32  # per stage
_KEPT = 600  # training films stored for the nearest neighbours
_REFUSED, _DOUBTFUL = 0.01, 0.05  # shares of validation films
_OF_SOURCE = 0.015  # at most this share of a source's validation films is refused ...
_ENOUGH = 30  # ... if it has this many or more
_SPOILED = 12  # one in this many training films is spoiled in each way
_BATCH = 8


@dataclass(frozen=True, eq=False)
class Responses:
    """A network's responses to some pictures. features: (N, 2 D); logits: (N, F)."""

    features: Array
    logits: Array


def film_responses(
    classifier: Classifier,
    films: Sequence[Callable[[], Radiograph]],
    work: Work | None = None,
    *,
    stages: Sequence[int] | None = None,
    bfloat16: bool = False,
) -> Responses:
    """The responses to films, opened and prepared batch by batch. Raises: BadData for a film that cannot be read.

    stages:   whose features are kept; by default all.
    bfloat16: two to four times as fast on processors that have it; features differ by some thousandths.
    """
    work, features, logits = work or Work(limit=0), [], []
    read = partial(_prepared, classifier.checkpoint.input)
    for batch in film_batches(films, read, batch=_BATCH):
        images = torch.from_numpy(np.stack([film.read for film in batch]))
        autocast = torch.autocast(classifier.device.type, torch.bfloat16, enabled=bfloat16)
        with classifier.alone() as network, autocast:
            answer = responses(network, images.to(classifier.device), stages)
        features.append(answer[0])
        logits.append(answer[1])
        work.step(len(batch))
    return Responses(np.concatenate(features), np.concatenate(logits))


def _prepared(input: Input, film: Callable[[], Radiograph]) -> NDArray[np.float32]:
    """(C, S, S) the film as the network reads it."""
    return prepare(film(), input).image.numpy()


def stratified(rows: Sequence[Row], limit: int, seed: int) -> list[Row]:
    """At most `limit` of the rows, in random order: each source and label in proportion to the square root of its
    films, so that small sources count, too."""
    chance = np.random.default_rng(seed)
    piles: dict[tuple[str, str], list[Row]] = {}
    for place in chance.permutation(len(rows)):
        piles.setdefault((rows[place].source, rows[place].label), []).append(rows[place])
    quota = dict.fromkeys(piles, 0.0)
    left = float(min(limit, len(rows)))
    while left >= 1:  # what a small group cannot fill goes to the others
        room = {key: len(pile) for key, pile in piles.items() if quota[key] < len(pile)}
        total = sum(np.sqrt(count) for count in room.values())
        for key, count in room.items():
            quota[key] = min(count, quota[key] + left * np.sqrt(count) / total)
        left = min(limit, len(rows)) - sum(quota.values())
    chosen = [row for key, pile in piles.items() for row in pile[: round(quota[key])]][:limit]
    return [chosen[place] for place in chance.permutation(len(chosen))]


def fit_gate(
    classifier: Classifier,
    train: Sequence[Row],
    val: Sequence[Row],
    *,
    work: Work | None = None,
    bfloat16: bool = False,
) -> tuple[Gate, Responses]:
    """The gate of a checkpoint, and the responses to the validation films. Half of the training films defines the
    distances, the other half is used to learn what a distance means. Of all pairs of stages the one is taken that best
    tells spoiled training films from validation films.

    train: its training films, in random order; every twelfth is also spoiled in each of the ways of `KINDS`.
    Raises: BadData for fewer than 100 training films or no validation films.
    """
    if len(train) < FEWEST or not val:
        raise BadData(
            f"A gate needs {FEWEST} training and some validation films; there are {len(train)} and {len(val)}. "
            "Give a folder whose table has a column `split` with train and val."
        )
    spoiled = [partial(_spoiled, kind, row, number) for kind in KINDS for number, row in enumerate(train[::_SPOILED])]
    kinds = np.repeat(np.arange(1, len(KINDS) + 1), len(spoiled) // len(KINDS))
    if work:
        work.expect(len(train) + len(val) + len(spoiled))
    frontal, calibration = (film_responses(classifier, opened(rows), work, bfloat16=bfloat16) for rows in (train, val))
    gate = fitted(
        classifier.checkpoint.sha256,
        frontal.features,
        film_responses(classifier, spoiled, work, bfloat16=bfloat16).features,
        kinds,
        calibration.features,
        np.array([row.source or "films" for row in val]),
    )
    sample = Counter((row.source or "films", row.label) for row in train)
    counts = [{"source": source, "finding": label, "n": n} for (source, label), n in sorted(sample.items())]
    return replace(gate, report=gate.report | {"sample": counts}), calibration


def _spoiled(kind: Kind, row: Row, number: int) -> Radiograph:
    return kind.of(row_radiograph(row), np.random.default_rng(number))


def fitted(
    sha256: str,
    frontal: Array,
    spoiled: Array,
    kinds: NDArray[np.int64],
    calibration: Array,
    sources: NDArray[np.str_],
    stages: Stages | None = None,
) -> Gate:
    """The gate from features (N, S D) of training films, of spoiled films with the index of their kind (from 1), and of
    validation films with their source.

    stages: its two stages; by default those by which it does best, of equals the later ones.
    """
    count = frontal.shape[1] // WIDTH
    if stages is None:
        pairs = [(first - count, second - count) for first, second in combinations(range(count), 2)] or [(-1, -1)]
        gates = (fitted(sha256, frontal, spoiled, kinds, calibration, sources, pair) for pair in reversed(pairs))
        return max(gates, key=lambda gate: gate.report["made"]["all"]["auc"])
    frontal, spoiled, calibration = (
        np.concatenate([np.split(each, count, axis=1)[place] for place in stages], axis=1)
        for each in (frontal, spoiled, calibration)
    )
    half = len(frontal) // 2
    arrays: dict[str, Array] = {}
    for stage, part in enumerate(np.split(frontal[:half], 2, axis=1)):
        arrays |= _stage(part, stage)
    names = (FRONTAL, *(kind.name for kind in KINDS))
    blank = Gate(arrays, names, 0.0, 0.0, sha256, {}, stages)
    rest, strange = blank.distances(frontal[half:]), blank.distances(spoiled)
    odd = np.arange(len(spoiled)) % 2 == 1
    arrays["kinds"] = _classifier(
        np.concatenate([rest[1][::2], strange[1][odd]]),
        np.concatenate([np.zeros(len(rest[1][::2]), int), kinds[odd]]),
    )
    logs = np.log(rest[0])
    arrays["centre"], arrays["scale"] = logs.mean(axis=0), logs.std(axis=0) + 1e-3
    arrays["weights"] = _weights(arrays, rest, (strange[0][~odd], strange[1][~odd]))
    gate = Gate(arrays, names, 0.0, 0.0, sha256, {}, stages)
    usual, unusual = gate.scores(calibration)[0], gate.scores(spoiled[~odd])[0]
    groups = [usual[sources == source] for source in np.unique(sources)]
    refuse = max(
        float(np.quantile(usual, 1 - _REFUSED)),
        *(float(np.quantile(group, 1 - _OF_SOURCE)) for group in groups if len(group) >= _ENOUGH),
        -np.inf,
    )
    note = min(refuse, float(np.quantile(usual, 1 - _DOUBTFUL)))
    made = {
        kind.name: measured(unusual[kinds[~odd] == number], usual, refuse) for number, kind in enumerate(KINDS, start=1)
    }
    report: dict[str, Any] = {
        "train": len(frontal),
        "val": len(calibration),
        "made": {"all": measured(unusual, usual, refuse), **made},
        "val_by_source": {
            str(source): {"n": len(group), "refused": round(float((group >= refuse).mean()), 4)}
            for source, group in zip(np.unique(sources), groups, strict=True)
        },
    }
    return Gate(arrays, names, note, refuse, sha256, report, stages)


def _stage(part: Array, stage: int) -> dict[str, Array]:
    """Mean, deviation, principal axes and kept films of one stage."""
    mean, deviation = part.mean(axis=0), part.std(axis=0) + 1e-4
    standard = (part - mean) / deviation
    _, values, axes = np.linalg.svd(standard, full_matrices=False)
    count = min(COMPONENTS, len(values))
    arrays = {
        f"mean_{stage}": mean,
        f"deviation_{stage}": deviation,
        f"axes_{stage}": axes[:count].T,
        f"spread_{stage}": values[:count] / np.sqrt(len(part)) + 1e-3,
    }
    return arrays | {f"films_{stage}": whiten(arrays, stage, part)[0][:_KEPT]}


def _classifier(components: Array, kinds: NDArray[np.int64]) -> Array:
    """(K, 2 P + 1) weights and intercepts of a multinomial logistic regression."""
    model = LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced").fit(components.clip(-20, 20), kinds)
    return np.column_stack([model.coef_, model.intercept_]).astype(np.float32)


def _weights(arrays: dict[str, Array], usual: tuple[Array, Array], strange: tuple[Array, Array]) -> Array:
    """(6,) weights of the four distances, the classifier and 1."""
    rows = []
    for distances, components in ((usual[0][1::2], usual[1][1::2]), strange):
        standard = (np.log(distances) - arrays["centre"]) / arrays["scale"]
        likely = kind_probabilities(arrays["kinds"], components)[:, 0]
        unlike = np.log((1 - likely).clip(1e-6)) - np.log(likely.clip(1e-6))
        rows.append(np.column_stack([standard, unlike]))
    truth = np.repeat([0, 1], [len(rows[0]), len(rows[1])])
    model = LogisticRegression(C=0.05, max_iter=1000, class_weight="balanced").fit(np.concatenate(rows), truth)
    return np.asarray([*model.coef_[0], *model.intercept_], np.float32)
