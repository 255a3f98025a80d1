"""Whether a network's score for a finding depends on a concept, at a stage: TCAV, with a permutation test.

Source: Kim et al. 2018, arXiv:1711.11279. A linear classifier separates the stage's activations for films with the
        concept from those without; the normal of its boundary is the concept's direction (CAV). The TCAV score is the
        share of
films whose logit rises, to first order, along it.

The test against chance: of each pair of films, one with the concept and one without, which is which is swapped at
random; how often does the direction so made move the logit as far, to first order and on the films' average, as the
concept's own? That is a permutation test (Pitman 1937, doi:10.2307/2984124) of the paper's question, random concepts
being made of the very same films. For a folder of examples, films are dealt at random to the examples and to the rest.
One film a patient is taken, since others of the same person are no further evidence. Two other tests did not do:

- The paper's t test between the scores of several CAVs and of several random ones: the runs of one concept are drawn
  from the same films, near copies of one direction, however many they are, so that it finds what is not there (94 % of
  200 simulated concepts with a shift that had nothing to do with the gradient; the swapping: 6 % of 600).
- How steep the concept's direction is beside those between random halves of the films: films differ most along what
  the network looks for, so that hardly anything is steeper. With 48 radiographs an opacity moved normal by -0.27
  logits (-0.38 to -0.16), and 35 % of these directions were as steep. The result includes the share as `steeper`.

Whatever moves a logit at all is found with enough films, however little it moves it. So what really becomes of the
logit is held against each answer, and one that it does not bear out is not called sensitive (`ConceptResult.verdict`).
Of 72 answers, those of two DenseNets over 48 radiographs for the six drawn concepts at the last two stages, corrected
for all questions: 26 sensitive, 6 hardly, 3 not confirmed (one the other way), 37 not shown, 11 of which really move
the logit.

Why not Captum's TCAV itself: it hooks the network by layer name for as long as everything takes, minutes in which the
door would stay shut; it keeps each film's activations and the CAVs as files; its classifier sees each cell of each map
as a number of its own (802,816 of them at DenseNet's stage 1, for some dozen films), and every question runs the
network anew. Here each film passes once for all stages, concepts and runs. A stage's answer is each unit's mean over
its cells, since a concept is a thing, not a place; a step along a direction is the same one in every cell. With these
directions Captum's TCAV gives the same scores (a test holds that).

The classifier is that of the nearest mean, whose normal leads from the mean without the concept to the mean with it,
and a film with the concept is held against the same film without. Measured on DenseNet-121: with 40 radiographs, half
of them with a side marker or an opacity, a logistic regression put 45 to 58 % of the held-out ones right, at any stage;
held against their own films, the means tell 79 to 100 %. And the normal of a logistic regression need not lead where
the concept leads (Pahde et al. 2022, arXiv:2202.03482). Where drawing a concept in really moved a logit (30 of 54
cases, two networks, radiographs and phantoms), the TCAV score was on its side in 30 of 30 at the last stage, with a
logistic regression in 24; at stage 3 in 22, at stages 1 and 2 in 17 and 16, at the stem in 9: before the last stages a
first-order step does not predict the change. So every result includes the measured change.

Each run draws anew from which half of the films the direction is made; the other half says how well it tells them. Of
a folder of examples, whatever else its films have in common counts, too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.errors import BadData, BadSetting
from core.estimate import Estimate
from core.layers.activations import known_stage
from core.layers.concepts.activations import ConceptActivations, collect_activations
from core.layers.concepts.result import ConceptResult, Sensitivity
from core.layers.concepts.synthetic import synthetic_concepts
from core.layers.reference import ReferenceSet, one_each
from core.models.classifier import Classifier
from core.models.findings import place_of
from core.work import Work

RUNS = 20  # directions per concept, and as many random ones for comparison
CHANCES = 10_000  # times that films are swapped, or
CHANCES_A_TEST = 200  # swaps per test: corrected for all tests, p can still be as low as 0.005
HALVES = 2000  # directions between random halves of the films, for comparison with the concept's
_BLOCK = 1000  # of these in memory at once
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
    examples: films that show a further one, named by its `description`.
    stages, findings: all of the network's if None.
    Raises:   UnknownName for a concept, stage or finding; BadSetting without a concept or with fewer than 2 runs;
              BadData for too few films; Stopped as `work` says.
    """
    card, work = classifier.checkpoint, work or Work(limit=0)
    if not concepts and examples is None:
        raise BadSetting(
            f"No concept was given. Choose of {', '.join(synthetic_concepts)}, or give a folder of examples."
        )
    if runs < 2:
        raise BadSetting(f"A test needs two runs or more, not {runs}. Use {RUNS}.")
    with classifier.alone(work) as network:
        stages = tuple(stages) or tuple(network.stages)
        for stage in stages:
            known_stage(card, network, stage)
    findings = tuple(findings) or card.findings
    for finding in findings:
        place_of(card.findings, finding)  # refused before the films are read
    names = tuple(dict.fromkeys(concepts))
    titles = {name: synthetic_concepts[name].title for name in names}
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
    tested = [ConceptFilms(name, titles[name], collected.changed[name], synthetic=True) for name in names]
    for each in tested:
        _enough(
            len(each.activations.places),
            FEWEST,
            f"films on which “{each.title.lower()}” can be drawn",
            films.description,
        )
    if examples is not None and collected.examples is not None:
        _enough(len(collected.examples.places), FEWEST_EXAMPLES, "examples that can be read", examples.description)
        tested.append(ConceptFilms(examples.description, examples.description, collected.examples, synthetic=False))
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
    pushes = {(stage, finding): _mean(plain.pushes[stage, finding]) for stage in stages for finding in findings}
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
    ways:   pairs of a concept and a random direction.
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


@dataclass(frozen=True, eq=False)
class ConceptDirection:
    """direction: (K,), of the length between both kinds of film. accuracy: on `held` held-out pairs, 0 to 1."""

    direction: NDArray[np.float64]
    accuracy: float
    held: int


def concept_direction(present: NDArray[np.float32], absent: NDArray[np.float32]) -> ConceptDirection:
    """The direction from films without a concept to films with it, and its accuracy on other films.

    present, absent: (n, K) a stage's activations, film by film; the first half defines the direction, the rest is held
                     out.
    """
    apart = present.astype(np.float64) - absent
    half = len(apart) // 2
    direction = apart[:half].mean(axis=0)
    return ConceptDirection(direction, share_above_zero(apart[half:] @ direction), len(apart) - half)


def share_above_zero(values: NDArray[np.float64]) -> float:
    """The share above zero, 0 to 1; zeros count half."""
    return float(((values > 0) + 0.5 * (values == 0)).mean())


def slope(push: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of the logit along directions, up or down, whatever their length.

    push:       (..., K) gradients, of any number of findings.
    directions: (K,) or (B, K).
    Returns:    (B, ...) or (...), >= 0, logits per unit length; 0 along a direction of no length.
    """
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    units = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    steep: NDArray[np.float64] = np.abs(units @ push.T)
    return steep


def slopes_of_halves(
    means: NDArray[np.float32], pushes: NDArray[np.float64], count: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    """Slope of the logits along directions between random halves of the films.

    means:   (N, K) a stage's activations.
    pushes:  (F, K) mean gradients.
    Returns: (count, F), >= 0, logits per unit length.
    """
    films = means - _mean(means)
    half = len(films) // 2
    sides = np.zeros(len(films))  # of an odd number one is left out
    sides[:half], sides[half : 2 * half] = 1 / half, -1 / half
    return np.concatenate([slope(pushes, dealt @ films) for dealt in _dealt(sides, count, chance)])


def swapped(changes: NDArray[np.float64], count: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Distance from zero of the mean of the changes (N,) when with and without are swapped at random, (count,)."""
    signs = (
        chance.choice([-1.0, 1.0], (min(_BLOCK, count - start), len(changes))) for start in range(0, count, _BLOCK)
    )
    return np.concatenate([np.abs(each @ changes) / len(changes) for each in signs])


def dealt_anew(
    present: NDArray[np.float64], absent: NDArray[np.float64], count: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    """Distance of the means of two kinds of film, (n,) and (m,), when films are reassigned at random, (count,)."""
    both = np.concatenate([present, absent])
    sides = np.full(len(both), -1 / len(absent))
    sides[: len(present)] = 1 / len(present)
    return np.concatenate([np.abs(dealt @ both) for dealt in _dealt(sides, count, chance)])


def _dealt(sides: NDArray[np.float64], count: int, chance: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """The sides (N,) in random order, `count` times, in blocks of rows."""
    for start in range(0, count, _BLOCK):
        yield chance.permuted(np.tile(sides, (min(_BLOCK, count - start), 1)), axis=1)


def chance_of(value: float | NDArray[np.float64], by_chance: NDArray[np.float64]) -> float:
    """p of one observation: how often chance reaches it, itself counted among the permutations.

    Source: Phipson and Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    return float((1 + (by_chance >= value).sum()) / (len(by_chance) + 1))


def _mean(films: NDArray[np.float32]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = films.mean(axis=0, dtype=np.float64)
    return mean


def _without(plain: ConceptActivations, concept: ConceptFilms, stage: str) -> NDArray[np.float32]:
    """The activations for the films of a synthetic concept without it, (n, K)."""
    return plain.means[stage][np.searchsorted(plain.places, concept.activations.places)]


def _towards(plain: ConceptActivations, concept: ConceptFilms, stage: str) -> NDArray[np.float64]:
    """The concept's direction by all films, (K,)."""
    without = _without(plain, concept, stage) if concept.synthetic else plain.means[stage]
    return _mean(concept.activations.means[stage]) - _mean(without)


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
