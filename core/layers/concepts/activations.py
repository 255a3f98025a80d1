"""The activations of a network's stages for films with and without concepts, computed once for the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BadData, NoLungs
from core.explain import memory
from core.explain.evidence import Tape, earliest
from core.explain.replay import stage_features
from core.film_stream import film_batches
from core.image.prepare import prepare
from core.layers.concepts.synthetic import synthetic_concepts
from core.layers.reference import ReferenceFilm, ReferenceSet
from core.models.classifier import Classifier
from core.types import Input
from core.work import Work

UnitMeans = NDArray[np.float32]
_BLOCK = 8  # films open at once
_PLAIN = ""  # no concept


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
    work = work or Work(limit=0)
    for name in names:
        synthetic_concepts[name]  # refused before a film is read
    plain, own = _Gathered(), _Gathered()
    changed = {name: _Gathered() for name in names}
    example_films = examples.films if examples else ()
    work.expect(len(films.films) * (1 + len(names)) + len(example_films))
    title = "concepts" if progress else ""
    skipped = _gather(classifier, films.films, {_PLAIN: plain, **changed}, stages, findings, seed, work, title)
    skipped += _gather(classifier, example_films, {_PLAIN: own}, stages, (), seed, work, title and "examples")
    if not plain.places:
        first = skipped[0] if skipped else ("none", "the set is empty.")
        raise BadData(f"None of the {len(films.films)} films can be read; {first[0]}: {first[1]} Give others.")
    return CollectedActivations(
        plain.whole(),
        {name: each.whole() for name, each in changed.items()},
        own.whole() if examples else None,
        tuple(skipped),
    )


def _gather(
    classifier: Classifier,
    films: Sequence[ReferenceFilm],
    into: Mapping[str, _Gathered],
    stages: Sequence[str],
    findings: Sequence[str],
    seed: int,
    work: Work,
    title: str,
) -> list[tuple[str, str]]:
    """Adds the responses to the films with each concept, `_PLAIN` for none; gives (film, reason) of unreadable ones.

    findings: whose gradients are wanted for the plain films.
    """
    skipped: list[tuple[str, str]] = []
    read = partial(_prepared, classifier.checkpoint.input, tuple(into), seed)
    numbered = tuple(enumerate(films))
    for block in film_batches(
        numbered, read, batch=_BLOCK, progress=title if films else "", pause=partial(work.step, 0)
    ):
        skipped += [(film.item[1].name, film.error) for film in block if film.value is None]
        for name, gathered in into.items():
            images = [(film.item[0], film.value[name]) for film in block if film.value and name in film.value]
            _add_responses(classifier, images, gathered, stages, () if name else findings, work)
    return skipped


def _prepared(
    input: Input, names: Sequence[str], seed: int, numbered: tuple[int, ReferenceFilm]
) -> dict[str, NDArray[np.float32]]:
    """Concept -> (C, S, S) the film with it as the network reads it; without those that need lungs if it has none."""
    radiograph = numbered[1].open()
    images = {}
    for name in names:
        try:
            film = radiograph if name == _PLAIN else synthetic_concepts[name].on(radiograph, seed=seed)
        except NoLungs:  # the concept lies in the lungs: skip it for this film
            continue
        images[name] = prepare(film, input).image.numpy()
    return images


def _add_responses(
    classifier: Classifier,
    images: Sequence[tuple[int, NDArray[np.float32]]],
    gathered: _Gathered,
    stages: Sequence[str],
    findings: Sequence[str],
    work: Work,
) -> None:
    """Adds the stages' activations for the images, in batches; other requests may run in between."""
    if not images:
        return
    prepared = torch.from_numpy(np.stack([image for _, image in images])).to(classifier.device)
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
