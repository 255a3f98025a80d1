"""Linear probes: a linear classifier on each stage's averaged units predicts the findings of held-out films.

The earlier the stage at which a probe does as well as at the last one, the earlier the decision is made. A probe shows
what can be read from a stage, not that the network uses it: traces of the film's source count as well.

Source: Alain and Bengio 2016, arXiv:1610.01644.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BadData
from core.estimate import Estimate
from core.evaluate.intervals import REPEATS
from core.evaluate.labelled_films import plain
from core.explain import memory
from core.explain.evidence import Tape
from core.film_stream import film_batches
from core.image.prepare import prepare
from core.layers.labelled import LabelledFilm, LabelledSet, classes_of, majority, turns_of
from core.layers.linear_classifier import Indices, LabelArray, LinearProbe, fit
from core.layers.probe_metrics import estimates, network_predictions
from core.models.classifier import Classifier
from core.types import Cleaning, Input, Radiograph
from core.work import Work

_BLOCK = 8  # films
_RESAMPLES = 100  # resamples after which other requests may use the network


@dataclass(frozen=True, eq=False)
class Probe:
    """The probe of one stage, with its figures on test films.

    balanced: accuracy with equal weight for each finding.
    auc:      mean over the findings.
    accuracy: plain.
    behind:   difference from the last stage's balanced accuracy, paired by film.
    agrees:   share of predictions equal to the network's own; None if it does not know these findings.
    line:     the linear classifier itself.
    """

    stage: str
    units: int
    balanced: Estimate
    auc: Estimate
    accuracy: Estimate
    behind: Estimate
    agrees: Estimate | None
    line: LinearProbe


@dataclass(frozen=True, eq=False)
class Probes:
    """A probe for each stage of one network.

    classes:         of the probes.
    exclusive:       whether a film has exactly one of them.
    description:     of the films.
    drawn:           whether they are synthetic.
    divided:         how the films are divided into training and test, in words.
    films, patients: numbers of test films and their patients.
    chance:          balanced accuracy of guessing.
    majority:        accuracy of always predicting the most common class.
    network:         name of a figure (balanced, auc, accuracy) -> the network's own on the same films; empty if it does
                     not know these findings.
    learned:         keys of the training films.
    held:            key of a test film -> (S, C) predictions of probes fitted without its patient.
    skipped:         unreadable films, and films with a rare label.
    """

    checkpoint: str
    classes: tuple[str, ...]
    exclusive: bool
    description: str
    drawn: bool
    divided: str
    films: int
    patients: int
    chance: float
    majority: float
    stages: tuple[Probe, ...]
    network: Mapping[str, Estimate] = field(default_factory=dict)
    learned: frozenset[str] = frozenset()
    held: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    skipped: int = 0

    def probe(self, stage: str) -> Probe:
        """Raises: KeyError for an unknown name."""
        return {probe.stage: probe for probe in self.stages}[stage]


@dataclass(frozen=True, eq=False)
class _Responses:
    """The network's output for N films: stage -> (N, K) averaged units; logits (N, F); the films' keys."""

    films: tuple[LabelledFilm, ...]
    units: Mapping[str, NDArray[np.float32]]
    logits: NDArray[np.float32]
    keys: tuple[str, ...]


def stage_probes(
    classifier: Classifier, films: LabelledSet, *, repeats: int = REPEATS, seed: int = 0, work: Work | None = None
) -> Probes:
    """A probe for every stage, from one pass over the films.

    A divided set is used as it is: fit on one part, test on the other; otherwise by cross-validation, with a patient's
    films in one fold. Intervals are over resampled test patients.

    Raises: BadData if too few films have or lack a finding; Stopped by `work`.
    """
    work = work or Work(limit=0)
    classes_of(films.films, classifier.checkpoint.findings)  # refuses too few films before any is read
    responses, skipped = _responses(classifier, films, work)
    classes, exclusive, usable = classes_of(responses.films, classifier.checkpoint.findings)
    labels = [responses.films[place].labels for place in usable]
    truth = np.array([[name in map(plain, each) for name in map(plain, classes)] for each in labels])
    patients = np.array([responses.films[place].patient for place in usable])
    divided, turns = turns_of(
        [responses.films[place].held for place in usable], truth, patients, seed, exclusive=exclusive
    )
    test_films = np.sort(np.concatenate([held for _, held in turns]))
    units = [each[usable] for each in responses.units.values()]
    lines, predictions = _fitted(units, truth, turns, lambda: _let_others(classifier, work), exclusive=exclusive)
    network = network_predictions(classifier.checkpoint, responses.logits[usable], classes, exclusive=exclusive)
    pause = _pause_by_resamples(classifier, work)
    tested = predictions[:, test_films], truth[test_films], patients[test_films]
    figures_of = estimates(*tested, network, test_films, repeats, pause, exclusive=exclusive)
    keys = [responses.keys[place] for place in usable]
    learned = turns[0][0] if len(turns) == 1 else np.arange(len(usable))
    return Probes(
        checkpoint=classifier.checkpoint.key,
        classes=classes,
        exclusive=exclusive,
        description=films.description,
        drawn=films.drawn,
        divided=divided,
        films=len(test_films),
        patients=len(set(patients[test_films])),
        chance=1 / len(classes) if exclusive else 0.5,
        majority=majority(truth, turns, exclusive=exclusive),
        stages=tuple(
            _probe(stage, line, figures, network_known=bool(network))
            for stage, line, figures in zip(responses.units, lines, figures_of, strict=False)
        ),
        network={name: figures_of[-1][name] for name in ("balanced", "auc", "accuracy")} if network else {},
        learned=frozenset(keys[place] for place in learned),
        held={keys[place]: predictions[:, place] for place in test_films},
        skipped=skipped + len(responses.films) - len(usable),
    )


def _pause_by_resamples(classifier: Classifier, work: Work) -> Callable[[], None]:
    """A function to call after each resample; every _RESAMPLES calls it lets waiting requests use the network."""
    counted = itertools.count(1)

    def pause() -> None:
        if not next(counted) % _RESAMPLES:
            _let_others(classifier, work)

    return pause


def _probe(stage: str, line: LinearProbe, figures: Mapping[str, Estimate], *, network_known: bool) -> Probe:
    """The probe of a stage with its figures; network_known: whether the network's own answers can be compared."""
    agrees = figures["agrees"] if network_known else None
    return Probe(
        stage,
        line.weights.shape[1],
        figures["balanced"],
        figures["auc"],
        figures["accuracy"],
        figures["behind"],
        agrees,
        line,
    )


def _fitted(
    units: Sequence[NDArray[np.float32]],
    truth: LabelArray,
    turns: Sequence[tuple[Indices, Indices]],
    pause: Callable[[], None],
    *,
    exclusive: bool,
) -> tuple[list[LinearProbe], NDArray[np.float32]]:
    """The probe of each stage, and (S, N, C) the predictions for films by probes that were fitted without them.

    units: (N, K) of each stage.
    truth: (N, C).
    turns: (training, test) indices.
    pause: called after each fit.
    """
    predictions = np.zeros((len(units), len(truth), truth.shape[1]), np.float32)
    lines = []
    for place, own in enumerate(units):
        for learned, held in turns:
            line = fit(own[learned], truth[learned], exclusive=exclusive)
            predictions[place, held] = line.says(own[held])
            pause()
        lines.append(line if len(turns) == 1 else fit(own, truth, exclusive=exclusive))
    return lines, predictions


def unit_means(
    classifier: Classifier, radiograph: Radiograph, *, cleaning: Cleaning | None = None, work: Work | None = None
) -> Mapping[str, NDArray[np.float32]]:
    """Stage -> (K,) its units on one film, averaged over the cells: the input of a probe."""
    with torch.inference_mode(False):
        image = prepare(radiograph, classifier.checkpoint.input, cleaning).image[None]
    with torch.inference_mode(False), classifier.alone(work) as network:
        tape = Tape(network, image.to(classifier.device), grad_from=network.last_stage)
        return {stage: tape.features(stage)[0].mean(dim=(1, 2)).cpu().numpy() for stage in network.stages}


def fits(trained: Probes, radiograph: Radiograph) -> bool:
    """Whether the probes apply to the film: those of drawn films do not apply to real ones."""
    return not trained.drawn or radiograph.drawn


def stage_predictions(
    trained: Probes, radiograph: Radiograph, units: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """(S, C) probability of each class by each stage's probe; for a test film, by probes fitted without its patient."""
    if radiograph.key in trained.held:
        return trained.held[radiograph.key]
    return np.stack([probe.line.says(units[probe.stage][None])[0] for probe in trained.stages])


def _responses(classifier: Classifier, films: LabelledSet, work: Work) -> tuple[_Responses, int]:
    """The averaged units of all readable films, and the number of unreadable ones."""
    good: list[LabelledFilm] = []
    keys: list[str] = []
    parts: list[tuple[NDArray[np.float32], ...]] = []
    work.expect(len(films.films))
    read = partial(_prepared, classifier.checkpoint.input)
    pause = partial(_let_others, classifier, work, announced=True)  # a drawn film takes half a second
    for block in film_batches(films.films, read, batch=_BLOCK, pause=pause):
        known = [(film.item, *film.value) for film in block if film.value]
        good += [film for film, _, _ in known]
        keys += [key for _, key, _ in known]
        parts += _passed(classifier, [image for _, _, image in known], work)
    if not good:
        raise BadData(f"None of the {len(films.films)} films ({films.description}) can be read. Give others.")
    logits, *units = (np.concatenate(part) for part in zip(*parts, strict=True))
    with classifier.alone(work) as network:
        stages = tuple(network.stages)
    responses = _Responses(tuple(good), dict(zip(stages, units, strict=True)), logits, tuple(keys))
    return responses, len(films.films) - len(good)


def _prepared(input: Input, film: LabelledFilm) -> tuple[str, NDArray[np.float32]]:
    """The film's key, and (C, S, S) as the network reads it."""
    radiograph = film.open()
    return radiograph.key, prepare(radiograph, input).image.numpy()


def _passed(
    classifier: Classifier, images: Sequence[NDArray[np.float32]], work: Work
) -> list[tuple[NDArray[np.float32], ...]]:
    """The logits (n, F) and the averaged units (n, K) of every stage, batch by batch."""
    outputs = []
    with torch.inference_mode(False), classifier.alone(work) as network:
        size = memory.batch_size(network, torch.from_numpy(images[0]), graph=False) if images else 1
        for start in range(0, len(images), size):
            batch = torch.from_numpy(np.stack(images[start : start + size])).to(classifier.device)
            tape = Tape(network, batch, grad_from=network.last_stage)
            units = (tape.features(stage).mean(dim=(2, 3)) for stage in network.stages)
            outputs.append(tuple(each.cpu().numpy() for each in (tape.logits, *units)))
    return outputs


def _let_others(classifier: Classifier, work: Work, *, announced: bool = False) -> None:
    """Lets waiting requests use the network before the next step, which may take seconds. Raises: Stopped."""
    work.total += not announced
    with classifier.alone(work):
        work.step()
