"""What the probes say of a network, and of one film, in sentences."""

import numpy as np
from numpy.typing import NDArray

from core.evaluate.intervals import Estimate
from core.layers.decision import Probes, taken
from core.models.findings import words as plain_words


def earliest(found: Probes) -> str:
    """The first stage whose probe does as well as the best: within half its interval of balanced accuracy."""
    best = max(found.stages, key=lambda probe: probe.balanced.value)
    slack = (best.balanced.high - best.balanced.low) / 2
    return next(probe.stage for probe in found.stages if probe.balanced.value >= best.balanced.value - slack)


def words(found: Probes) -> tuple[str, ...]:
    """What the probes say of the network, in sentences."""
    first, last = found.stages[0], found.stages[-1]
    of = f"{found.films} films of {found.patients} patients"
    sentences = [
        f"On {of} a straight line through the averaged units is right for {_share(first.balanced)} at {first.stage} "
        f"and {_share(last.balanced)} at {last.stage} (balanced accuracy; chance {found.chance:.2f})."
    ]
    stage = earliest(found)
    if stage == last.stage:
        sentences.append(f"The decision is not there before {stage}: each stage before it knows clearly less.")
    else:
        sentences.append(f"From {stage} on the probes do about as well as they ever do: so early it can be decided.")
    if found.drawn:
        sentences.append("These are drawn phantoms, which are easy: what holds for them need not hold for real films.")
    else:
        sentences.append(
            "What a probe reads need not be disease: films of different sources differ in ways that the first stages "
            "see, too."
        )
    return tuple(sentences)


def turn(said: NDArray[np.float32], found: Probes) -> str:
    """Where on one film the answer of the probes (S, C) becomes what it is at the end, in a sentence."""
    stages = [probe.stage for probe in found.stages]
    answers = [_answer(row, found) for row in said]
    last = answers[-1]
    changed = max((place + 1 for place, answer in enumerate(answers) if answer != last), default=0)
    if changed == 0:
        return f"On this film every stage's probe says {last}."
    before = answers[changed - 1]
    return f"On this film the probes say {last} from {stages[changed]} on; at {stages[changed - 1]} it was {before}."


def _answer(row: NDArray[np.float32], found: Probes) -> str:
    there = taken(row[None], exclusive=found.exclusive)[0]
    return " and ".join(plain_words(name) for name, is_there in zip(found.classes, there, strict=True) if is_there) or (
        f"no {plain_words(found.classes[0])}" if len(found.classes) == 1 else "nothing"
    )


def _share(figure: Estimate) -> str:
    return f"{figure.value:.2f}, 95 % interval {figure.low:.2f} to {figure.high:.2f},"
