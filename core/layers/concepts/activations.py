"""The activations of a network's stages for films with and without concepts, computed once for the test."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core.errors import BadData, NoLungs
from core.explain import memory
from core.explain.evidence import Tape, earliest
from core.explain.replay import stage_features
from core.image.prepare import prepare
from core.layers.concepts.synthetic import SyntheticConcept, synthetic_concepts
from core.layers.reference import UNREADABLE, ReferenceFilm, ReferenceSet
from core.models.classifier import Classifier
from core.work import Work

UnitMeans = NDArray[np.float32]
_BLOCK = 8  # films open at once


@dataclass(frozen=True, eq=False)
class ConceptActivations:
    """N films, seen by a network.

    means:    stage -> (N, K) each unit's mean over its cells.
    logits:   (N, F).
    pushes:   (stage, finding) -> (N, K) gradient of the logit, summed over the cells: its first-order rise if the unit
              rises by one everywhere; empty if not requested.
    places:   (N,) their indices in the set; fewer than the set if some could not be read or changed.
    """

    means: Mapping[str, UnitMeans]
    logits: UnitMeans
    pushes: Mapping[tuple[str, str], UnitMeans]
    places: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class CollectedActivations:
    """The plain films; concept -> the films with it; the user's examples, if any; the films left out."""

    plain: ConceptActivations
    changed: Mapping[str, ConceptActivations]
    examples: ConceptActivations | None
    skipped: tuple[tuple[str, str], ...]


class _Gathered:
    """Blocks of activations for one kind of film."""

    def __init__(self) -> None:
        self.means: dict[str, list[UnitMeans]] = {}
        self.pushes: dict[tuple[str, str], list[UnitMeans]] = {}
        self.logits: list[UnitMeans] = []
        self.places: list[int] = []

    def whole(self) -> ConceptActivations:
        return ConceptActivations(
            {stage: np.concatenate(parts) for stage, parts in self.means.items()},
            np.concatenate(self.logits) if self.logits else np.zeros((0, 0), np.float32),
            {key: np.concatenate(parts) for key, parts in self.pushes.items()},
            np.array(self.places, np.intp),
        )


def collect_activations(
    classifier: Classifier,
    films: ReferenceSet,
    names: Sequence[str],
    *,
    stages: Sequence[str],
    findings: Sequence[str],
    examples: ReferenceSet | None = None,
    seed: int = 0,
    work: Work | None = None,
    progress: bool = False,
) -> CollectedActivations:
    """Opens each film once, changes it by each concept, and runs the network; one backward pass per finding for the
    plain films. Only a few films are in memory at a time.

    Raises: UnknownName for a concept; Stopped by `work`.
    """
    changes, work = {name: synthetic_concepts[name] for name in names}, work or Work(limit=0)
    plain, own = _Gathered(), _Gathered()
    changed = {name: _Gathered() for name in names}
    skipped: list[tuple[str, str]] = []
    example_films = examples.films if examples else ()
    work.expect(len(films.films) * (1 + len(names)) + len(example_films))
    with tqdm(total=len(films.films) + len(example_films), desc="concepts", unit="film", disable=not progress) as bar:
        for block in _blocks(films.films):
            images, unreadable = _prepared(block, changes, classifier, seed, work, bar)
            skipped += unreadable
            _ask(classifier, images[""], plain, stages, findings, work)
            for name in names:
                _ask(classifier, images[name], changed[name], stages, (), work)
        for block in _blocks(example_films):
            images, unreadable = _prepared(block, {}, classifier, seed, work, bar)
            skipped += unreadable
            _ask(classifier, images[""], own, stages, (), work)
    if not plain.places:
        first = skipped[0] if skipped else ("none", "the set is empty.")
        raise BadData(f"None of the {len(films.films)} films can be read; {first[0]}: {first[1]} Give others.")
    return CollectedActivations(
        plain.whole(),
        {name: each.whole() for name, each in changed.items()},
        own.whole() if examples else None,
        tuple(skipped),
    )


def _prepared(
    block: Sequence[tuple[int, ReferenceFilm]],
    changes: Mapping[str, SyntheticConcept],
    classifier: Classifier,
    seed: int,
    work: Work,
    bar: tqdm,
) -> tuple[dict[str, list[tuple[int, Tensor]]], list[tuple[str, str]]]:
    """Concept ("" for none) -> index and input of the block's films with it; then (film, reason) of unreadable ones."""
    images: dict[str, list[tuple[int, Tensor]]] = {name: [] for name in ("", *changes)}
    unreadable = []
    for place, film in block:
        work.step(0)
        try:
            radiograph = film.open()
        except UNREADABLE as error:
            unreadable.append((film.name, str(error)))
            bar.update()
            continue
        images[""].append((place, prepare(radiograph, classifier.checkpoint.input).image))
        for name, each in changes.items():
            try:
                other = each.on(radiograph, seed=seed)
            except NoLungs:  # the concept lies in the lungs: skip it for this film
                continue
            images[name].append((place, prepare(other, classifier.checkpoint.input).image))
        bar.update()
    return images, unreadable


def _blocks(films: Sequence[ReferenceFilm]) -> Iterator[list[tuple[int, ReferenceFilm]]]:
    numbered = list(enumerate(films))
    for start in range(0, len(numbered), _BLOCK):
        yield numbered[start : start + _BLOCK]


def _ask(
    classifier: Classifier,
    images: Sequence[tuple[int, Tensor]],
    gathered: _Gathered,
    stages: Sequence[str],
    findings: Sequence[str],
    work: Work,
) -> None:
    """Adds the stages' activations for the images, in batches; other requests may run in between."""
    if not images:
        return
    prepared = torch.stack([image for _, image in images]).to(classifier.device)
    card = classifier.checkpoint
    with torch.inference_mode(False), classifier.alone(work) as network:
        size = memory.batch_size(network, prepared[0], graph=bool(findings))
        wanted = {card.findings.index(each): list(stages) for each in findings}
        source = earliest(stages, network.stages) if findings else network.last_stage
        for start in range(0, len(prepared), size):
            tape = Tape(network, prepared[start : start + size], grad_from=source, wanted=wanted)
            gathered.logits.append(tape.logits.cpu().numpy())
            for stage in stages:
                gathered.means.setdefault(stage, []).append(stage_features(tape, stage).mean(dim=(2, 3)).cpu().numpy())
                for finding in findings:
                    push = tape.gradient(stage, card.findings.index(finding)).sum(dim=(2, 3))
                    gathered.pushes.setdefault((stage, finding), []).append(push.cpu().numpy())
            done = len(tape.images)
            del tape
            work.step(done)
    gathered.places += [place for place, _ in images]
