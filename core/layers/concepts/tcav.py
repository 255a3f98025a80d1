"""Whether a network's score for a finding depends on a concept, at a stage: TCAV, with a permutation test.

Source: Kim et al. 2018, arXiv:1711.11279. The concept's direction (CAV) leads from the mean activations without the
        concept to those with it; the TCAV score is the share of films whose logit rises, to first order, along it.

Chance: within each pair of films, one with the concept and one without, the two are swapped at random; p is the share
of swaps whose direction moves the logit as far, on average, as the concept's own (Pitman 1937, doi:10.2307/2984124).
For a folder of examples, films are reassigned at random to the examples and the rest. One film per patient counts. The
paper's t test between scores of several CAVs is not valid: all its runs are drawn from the same films. And a direction
steeper than those between random halves of the films is rare, since films differ most along what the network looks
for; the result gives that share as `steeper`. With enough films any effect is significant, so the measured change of
the logit decides whether an answer is called sensitive (`ConceptResult.verdict`).

The direction is that of the means, not of a logistic regression: with a few dozen films it separates held-out pairs
better, and its normal need not follow the concept (Pahde et al. 2022, arXiv:2202.03482). Before the last stages a
first-order step does not predict the change. The figures behind both are in guide/layers.md.

Captum's TCAV gives the same scores for the same directions (a test checks this). It is not used because it keeps the
network hooked for minutes, writes activations to files, treats each cell of each map as a feature of its own, and runs
the network anew for every question; here each film passes once for all stages, concepts and runs.

Each run chooses at random which half of the films defines the direction; the other half gives its accuracy. In a folder
of examples, whatever else its films have in common counts, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.errors import BadData, BadSetting
from core.estimate import Estimate
from core.layers.activations import known_stage
from core.layers.concepts.activations import CollectedActivations, ConceptActivations, collect_activations
from core.layers.concepts.directions import (
    ConceptDirection,
    chance_of,
    concept_direction,
    dealt_anew,
    mean_of,
    share_above_zero,
    slope,
    slopes_of_halves,
    swapped,
)
from core.layers.concepts.result import ConceptResult, Sensitivity
from core.layers.concepts.synthetic import synthetic_concepts
from core.layers.reference import ReferenceSet, one_each
from core.models.classifier import Classifier
from core.models.findings import place_of
from core.work import Work

RUNS = 20  # directions per concept, and as many random ones for comparison
CHANCES = 10_000  # random swaps in all, or
CHANCES_A_TEST = 200  # swaps per test: corrected for all tests, p can still be as low as 0.005
HALVES = 2000  # directions between random halves of the films, for comparison with the concept's
FEWEST = 20  # films: ten for a direction, ten to test it
FEWEST_EXAMPLES = 10


def tcav_results(
    classifier: Classifier,
    films: ReferenceSet,
    concepts: Sequence[str] = (),
    *,
    examples: ReferenceSet | None = None,
    stages: Sequence[str] = (),
    findings: Sequence[str] = (),
    runs: int = RUNS,
    seed: int = 0,
    work: Work | None = None,
    progress: bool = False,
) -> Sensitivity:
    """Tests each concept at each stage for each finding.

    concepts: of core.layers.concepts.synthetic.
    examples: films that show a further concept, named by its `description`.
    stages, findings: all of the network's if None.
    Raises:   UnknownName for a concept, stage or finding; BadSetting without a concept or with fewer than 2 runs;
              BadData for too few films; Stopped by `work`.
    """
    card, work = classifier.checkpoint, work or Work(limit=0)
    _refuse_no_test(concepts, examples, runs)
    stages = _known_stages(classifier, stages, work)
    findings = tuple(findings) or card.findings
    for finding in findings:
        place_of(card.findings, finding)  # refused before the films are read
    names = tuple(dict.fromkeys(concepts))
    films = one_each(films)
    _enough(len(films.films), FEWEST, "films", films.description)
    if examples is not None:
        _enough(len(examples.films), FEWEST_EXAMPLES, "examples", examples.description)
    collected = collect_activations(
        classifier,
        films,
        names,
        stages=stages,
        findings=findings,
        examples=examples,
        seed=seed,
        work=work,
        progress=progress,
    )
    tested = _concept_films(collected, names, films, examples)
    answers = concept_results(collected.plain, tested, stages, findings, card.findings, runs=runs, seed=seed)
    return Sensitivity(
        card.name, films.description, films.drawn, len(collected.plain.places), runs, answers, collected.skipped
    )


@dataclass(frozen=True, eq=False)
class ConceptFilms:
    """A concept and its films; synthetic: whether it was drawn into films that are also available without it."""

    name: str
    title: str
    activations: ConceptActivations
    synthetic: bool


def _known_stages(classifier: Classifier, stages: Sequence[str], work: Work) -> tuple[str, ...]:
    """The stages, or all of the network. Raises: UnknownName."""
    with classifier.alone(work) as network:
        wanted = tuple(stages) or tuple(network.stages)
        for stage in wanted:
            known_stage(classifier.checkpoint, network, stage)
    return wanted


def _refuse_no_test(concepts: Sequence[str], examples: ReferenceSet | None, runs: int) -> None:
    if not concepts and examples is None:
        raise BadSetting(
            f"No concept was given. Choose from {', '.join(synthetic_concepts)}, or give a folder of examples."
        )
    if runs < 2:
        raise BadSetting(f"A test needs two runs or more, not {runs}. Use {RUNS}.")


def _concept_films(
    collected: CollectedActivations, names: Sequence[str], films: ReferenceSet, examples: ReferenceSet | None
) -> list[ConceptFilms]:
    """The concepts of these names, then that of the examples. Raises: BadData where one has too few films."""
    tested = []
    for name in names:
        title, changed = synthetic_concepts[name].title, collected.changed[name]
        _enough(len(changed.places), FEWEST, f"films on which “{title.lower()}” can be drawn", films.description)
        tested.append(ConceptFilms(name, title, changed, synthetic=True))
    if examples is not None and collected.examples is not None:
        _enough(len(collected.examples.places), FEWEST_EXAMPLES, "examples that can be read", examples.description)
        tested.append(ConceptFilms(examples.description, examples.description, collected.examples, synthetic=False))
    return tested


def concept_results(
    plain: ConceptActivations,
    concepts: Sequence[ConceptFilms],
    stages: Sequence[str],
    findings: Sequence[str],
    known: Sequence[str],
    *,
    runs: int = RUNS,
    seed: int = 0,
) -> tuple[ConceptResult, ...]:
    """A result for each concept, finding and stage, in this order; known: the network's findings."""
    answers = []
    tests = len(concepts) * len(stages) * len(findings)
    pushes = {(stage, finding): mean_of(plain.pushes[stage, finding]) for stage in stages for finding in findings}
    halves = {
        # the same halves at every stage; from a separate random stream
        stage: slopes_of_halves(
            plain.means[stage],
            np.stack([pushes[stage, finding] for finding in findings]),
            HALVES,
            np.random.default_rng([seed, runs]),
        )
        for stage in stages
    }
    for concept in concepts:
        ways = {
            # the same halves at every stage and for every concept, so that these can be compared
            stage: [_ways(plain, concept, stage, np.random.default_rng([seed, run])) for run in range(runs)]
            for stage in stages
        }
        for column, finding in enumerate(findings):
            effect = _effect(plain, concept.activations, known.index(finding)) if concept.synthetic else None
            for stage in stages:
                slopes = halves[stage][:, column]
                push = pushes[stage, finding]
                answers.append(
                    _result(plain, concept, stage, finding, push, ways[stage], slopes, effect, tests, [seed, runs, 1])
                )
    return tuple(answers)


def _result(
    plain: ConceptActivations,
    concept: ConceptFilms,
    stage: str,
    finding: str,
    push: NDArray[np.float64],
    ways: "Sequence[tuple[ConceptDirection, ConceptDirection]]",
    slopes: NDArray[np.float64],
    effect: Estimate | None,
    tests: int,
    seed: Sequence[int],
) -> ConceptResult:
    """One concept at one stage for one finding.

    push:   (K,) mean gradient.
    ways:   pairs of a concept direction and a random direction.
    slopes: (HALVES,) of random halves.
    """
    towards = _towards(plain, concept, stage)
    scores, random = (
        np.array([share_above_zero(plain.pushes[stage, finding] @ pair[kind].direction) for pair in ways])
        for kind in (0, 1)
    )
    rise = float(push @ towards)
    by_chance = _by_chance(
        plain, concept, stage, push, max(CHANCES, CHANCES_A_TEST * tests), np.random.default_rng(seed)
    )
    return ConceptResult(
        concept=concept.name,
        title=concept.title,
        synthetic=concept.synthetic,
        stage=stage,
        finding=finding,
        scores=scores,
        random=random,
        rise=rise,
        accuracies=np.array([pair[0].accuracy for pair in ways]),
        held=ways[0][0].held,
        p=chance_of(abs(rise), by_chance),
        steeper=float((slopes < slope(push, towards)).mean()),
        tests=tests,
        effect=effect,
        films=len(concept.activations.places),
    )


def _without(plain: ConceptActivations, concept: ConceptFilms, stage: str) -> NDArray[np.float32]:
    """The activations for the films of a synthetic concept without it, (n, K)."""
    return plain.means[stage][np.searchsorted(plain.places, concept.activations.places)]


def _towards(plain: ConceptActivations, concept: ConceptFilms, stage: str) -> NDArray[np.float64]:
    """The concept's direction from all films, (K,)."""
    without = _without(plain, concept, stage) if concept.synthetic else plain.means[stage]
    return mean_of(concept.activations.means[stage]) - mean_of(without)


def _by_chance(
    plain: ConceptActivations,
    concept: ConceptFilms,
    stage: str,
    push: NDArray[np.float64],
    count: int,
    chance: np.random.Generator,
) -> NDArray[np.float64]:
    """First-order change of the logit along random directions from the same films, (count,)."""
    present = concept.activations.means[stage] @ push
    if concept.synthetic:
        return swapped(present - _without(plain, concept, stage) @ push, count, chance)
    return dealt_anew(present, plain.means[stage] @ push, count, chance)


def _ways(
    plain: ConceptActivations, concept: ConceptFilms, stage: str, chance: np.random.Generator
) -> tuple[ConceptDirection, ConceptDirection]:
    """One direction towards the concept, and one between films at random."""
    without, present = plain.means[stage], concept.activations.means[stage]
    order, others = chance.permutation(len(without)), chance.permutation(len(present))
    half = len(order) // 2
    random = concept_direction(without[order[:half]], without[order[half : 2 * half]])
    if concept.synthetic:
        return concept_direction(present[others], _without(plain, concept, stage)[others]), random
    many = min(len(order), len(others))
    return concept_direction(present[others[:many]], without[order[:many]]), random


def _effect(plain: ConceptActivations, changed: ConceptActivations, finding: int) -> Estimate:
    """The measured rise of the logit with the concept drawn in, with its 95 % interval by Student's t."""
    before = plain.logits[np.searchsorted(plain.places, changed.places), finding]
    rises = (changed.logits[:, finding] - before).astype(np.float64)
    reach = float(stats.t.ppf(0.975, len(rises) - 1) * rises.std(ddof=1) / math.sqrt(len(rises)))
    mean = float(rises.mean())
    return Estimate(mean, mean - reach, mean + reach, len(rises))


def _enough(count: int, needed: int, what: str, description: str) -> None:
    if count < needed:
        raise BadData(f"{description}: {count} {what}, but the test needs {needed} or more. Give more.")
