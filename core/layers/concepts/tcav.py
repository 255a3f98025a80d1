"""Whether a network's score for a finding hangs on a concept, at a stage: TCAV, with its test against chance.

Source: Kim et al. 2018, arXiv:1711.11279. A linear classifier tells the stage's answers to films with the concept from
those to films without; the normal of its boundary is the concept's direction (CAV). The TCAV score is the share of
films whose logit rises, to first order, along it.

The test against chance asks how steeply the logit changes along the concept's direction, on the films' average, and
how many directions at random are as steep. The paper's t test between the scores of several CAVs and of several random
ones does not do here: the runs of one concept are drawn from the same films, near copies of one direction, however
many they are, while each random one is another, so that nearly any visible concept differs (in 94 % of 200 simulated
cases with a shift that had nothing to do with the gradient, 40 films, 128 units, a linear head). So a concept is one
observation. A direction at random leads from one half of the unchanged films to the other. All are made equally
long: what counts is how well a direction is aligned with the mean gradient, not how far the films lie apart on it. So
they stand for the ways in which these films differ anyhow, N − 1 at most for N films and most of all along what
varies most between them; no more is claimed than that a concept is steeper than those. A concept that
itself makes most of the difference between the films will hardly pass, since they are copies of it. Measured on
DenseNet-121 with 40 radiographs: an opacity drawn in raised covid by 0.32 logits, yet at the last stage 29 % of the
random directions were as steep. So "not shown" is no proof that the concept does not count.

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
first-order step does not foretell what happens. So the real change stands beside every answer.

Each run draws anew from which half of the films the direction is made; the other half says how well it tells them. Of
a folder of examples, whatever else its films have in common counts, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from core.errors import BadData, BadSetting
from core.evaluate.intervals import Estimate
from core.layers.activations import known_stage
from core.layers.concepts.answer import Answer, Sensitivity
from core.layers.concepts.made import concepts as made
from core.layers.concepts.taken import Taken, take
from core.layers.reference import ReferenceSet
from core.models.classifier import Classifier
from core.registry import unknown
from core.work import Work

RUNS = 20  # directions of a concept, and as many at random whose scores are shown
CHANCES = 10_000  # directions at random that the test takes, or
CHANCES_A_TEST = 200  # so many for each question: corrected for all of them, p can still be as low as 0.005
_BLOCK = 1000  # directions that are held at once
FEWEST = 20  # films: ten for a direction, ten to try it on
FEWEST_EXAMPLES = 10


def sensitivity(
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

    concepts: of core.layers.concepts.made. examples: films that show a further one, which its `told` names.
    stages, findings: all of the network's where none are given.
    Raises:   UnknownName for a concept, stage or finding; BadSetting where no concept is given or runs are below 2;
              BadData for too few films; Stopped as `work` says.
    """
    card, work = classifier.checkpoint, work or Work(limit=0)
    if not concepts and examples is None:
        raise BadSetting(f"No concept was given. Choose of {', '.join(made)}, or give a folder of examples.")
    if runs < 2:
        raise BadSetting(f"A test takes two runs or more, not {runs}. Ask for {RUNS}.")
    with classifier.alone(work) as network:
        stages = tuple(stages) or tuple(network.stages)
        for stage in stages:
            known_stage(card, network, stage)
    findings = tuple(findings) or card.findings
    for finding in findings:
        if finding not in card.findings:
            raise unknown("finding", finding, list(card.findings))
    names = tuple(dict.fromkeys(concepts))
    titles = {name: made[name].title for name in names}
    _enough(len(films.films), FEWEST, "films", films.told)
    if examples is not None:
        _enough(len(examples.films), FEWEST_EXAMPLES, "examples", examples.told)
    taken = take(
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
    shown = [Shown(name, titles[name], taken.changed[name], made=True) for name in names]
    for each in shown:
        _enough(len(each.taken.places), FEWEST, f"films on which “{each.title.lower()}” can be made", films.told)
    if examples is not None and taken.examples is not None:
        _enough(len(taken.examples.places), FEWEST_EXAMPLES, "examples that can be read", examples.told)
        shown.append(Shown(examples.told, examples.told, taken.examples, made=False))
    answers = answered(taken.plain, shown, stages, findings, card.findings, runs=runs, seed=seed)
    return Sensitivity(card.name, films.told, films.drawn, len(taken.plain.places), runs, answers, taken.skipped)


@dataclass(frozen=True, eq=False)
class Shown:
    """A concept and the films that show it; made: whether it was drawn into films that were also seen without it."""

    name: str
    title: str
    taken: Taken
    made: bool


def answered(
    plain: Taken,
    shown: Sequence[Shown],
    stages: Sequence[str],
    findings: Sequence[str],
    known: Sequence[str],
    *,
    runs: int = RUNS,
    seed: int = 0,
) -> tuple[Answer, ...]:
    """An answer for each concept, finding and stage, in this order; known: the network's findings."""
    answers = []
    tests = len(shown) * len(stages) * len(findings)
    by_chance = {
        # the same halves at every stage here, too; of a stream that no run draws from
        stage: slopes_by_chance(
            plain.means[stage],
            np.stack([_mean(plain.pushes[stage, finding]) for finding in findings]),
            max(CHANCES, CHANCES_A_TEST * tests),
            np.random.default_rng([seed, runs]),
        )
        for stage in stages
    }
    for concept in shown:
        ways = {
            # the same halves at every stage and for every concept, so that these can be compared
            stage: [_ways(plain, concept, stage, np.random.default_rng([seed, run])) for run in range(runs)]
            for stage in stages
        }
        for column, finding in enumerate(findings):
            effect = _effect(plain, concept.taken, known.index(finding)) if concept.made else None
            for stage in stages:
                push = plain.pushes[stage, finding]
                rises, random = (np.stack([push @ pair[kind].direction for pair in ways[stage]]) for kind in (0, 1))
                towards = np.mean([pair[0].direction for pair in ways[stage]], axis=0)
                answers.append(
                    Answer(
                        concept=concept.name,
                        title=concept.title,
                        made=concept.made,
                        stage=stage,
                        finding=finding,
                        scores=np.array([share_above_zero(run) for run in rises]),
                        random=np.array([share_above_zero(run) for run in random]),
                        rises=rises.mean(axis=1),
                        accuracies=np.array([pair[0].accuracy for pair in ways[stage]]),
                        held=ways[stage][0][0].held,
                        p=chance_of(slope(_mean(push), towards), by_chance[stage][:, column]),
                        tests=tests,
                        effect=effect,
                        films=len(concept.taken.places),
                    )
                )
    return tuple(answers)


@dataclass(frozen=True, eq=False)
class Way:
    """direction: (K,), as long as the two kinds of film lie apart. accuracy: on `held` held-out pairs, 0 to 1."""

    direction: NDArray[np.float64]
    accuracy: float
    held: int


def way(present: NDArray[np.float32], absent: NDArray[np.float32]) -> Way:
    """The direction from films without a concept to films with it, and how well it tells others.

    present, absent: (n, K) a stage's answers, film by film; the first half makes the direction, the rest is held out.
    """
    apart = present.astype(np.float64) - absent
    half = len(apart) // 2
    direction = apart[:half].mean(axis=0)
    return Way(direction, share_above_zero(apart[half:] @ direction), len(apart) - half)


def share_above_zero(values: NDArray[np.float64]) -> float:
    """0 to 1; what is zero, neither for nor against, counts half."""
    return float(((values > 0) + 0.5 * (values == 0)).mean())


def slope(push: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """How steeply the logit changes along directions, up or down, however long these are.

    push:       (..., K) gradients, of any number of findings.
    directions: (K,) or (B, K).
    Returns:    (B, ...) or (...), >= 0, logits per unit length; 0 along a direction of no length.
    """
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    units = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0)
    steep: NDArray[np.float64] = np.abs(units @ push.T)
    return steep


def slopes_by_chance(
    means: NDArray[np.float32], pushes: NDArray[np.float64], count: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    """How steeply logits change along directions from one half of the films to the other, picked at random.

    means:   (N, K) a stage's answers. pushes: (F, K) mean gradients.
    Returns: (count, F), >= 0, logits per unit length.
    """
    films = means - _mean(means)
    half = len(films) // 2
    sides = np.zeros(len(films))  # of an odd number one stays out
    sides[:half], sides[half : 2 * half] = 1 / half, -1 / half
    blocks = []
    for start in range(0, count, _BLOCK):
        picked = chance.permuted(np.tile(sides, (min(_BLOCK, count - start), 1)), axis=1)
        blocks.append(slope(pushes, picked @ films))
    return np.concatenate(blocks)


def chance_of(found: float | NDArray[np.float64], by_chance: NDArray[np.float64]) -> float:
    """p of one observation: how often directions at random are as steep, itself counted among them.

    Source: Phipson and Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    return float((1 + (by_chance >= found).sum()) / (len(by_chance) + 1))


def _mean(films: NDArray[np.float32]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = films.mean(axis=0, dtype=np.float64)
    return mean


def _ways(plain: Taken, concept: Shown, stage: str, chance: np.random.Generator) -> tuple[Way, Way]:
    """One direction towards the concept, and one between films at random."""
    without, present = plain.means[stage], concept.taken.means[stage]
    order, others = chance.permutation(len(without)), chance.permutation(len(present))
    half = len(order) // 2
    random = way(without[order[:half]], without[order[half : 2 * half]])
    if concept.made:
        return way(present[others], without[np.searchsorted(plain.places, concept.taken.places[others])]), random
    many = min(len(order), len(others))
    return way(present[others[:many]], without[order[:many]]), random


def _effect(plain: Taken, changed: Taken, finding: int) -> Estimate:
    """By how much the logit rises where the concept is drawn in, with its 95 % interval by Student's t."""
    before = plain.logits[np.searchsorted(plain.places, changed.places), finding]
    rises = (changed.logits[:, finding] - before).astype(np.float64)
    reach = float(stats.t.ppf(0.975, len(rises) - 1) * rises.std(ddof=1) / math.sqrt(len(rises)))
    mean = float(rises.mean())
    return Estimate(mean, mean - reach, mean + reach, len(rises))


def _enough(found: int, needed: int, what: str, told: str) -> None:
    if found < needed:
        raise BadData(f"{told}: {found} {what}, but the test takes {needed} or more. Give more.")
