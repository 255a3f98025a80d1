"""What the probes say of a network, and of one film, in sentences."""

import numpy as np
from numpy.typing import NDArray

from core.evaluate.intervals import Estimate
from core.layers.decision import Probes
from core.layers.scored import taken
from core.models.findings import words as plain_words

FEW = 50  # films, below which a probe that does as well at once proves little


def earliest(found: Probes) -> str:
    """The first stage whose probe the last one's is not clearly better than: the interval of the difference holds 0."""
    return next(probe.stage for probe in found.stages if not probe.behind.low > 0)


def words(found: Probes) -> tuple[str, ...]:
    """What the probes say of the network, in sentences."""
    first, last = found.stages[0], found.stages[-1]
    sentences = [
        f"On {found.films} films of {found.patients} patients the balanced accuracy is {_weighed(first.balanced)} at "
        f"{first.stage} and {_weighed(last.balanced)} at {last.stage}; chance {found.chance:.2f}."
    ]
    stage = earliest(found)
    if found.films < FEW and stage == first.stage:
        sentences.append(f"{found.films} films are too few to tell the stages apart: give more.")
    elif stage == last.stage:
        sentences.append(
            f"The decision is not there before {stage}: a probe of each stage before it does clearly worse."
        )
    else:
        sentences.append(
            f"From {stage} on a probe does as well as at {last.stage}, as far as these films can tell: so early can it "
            "be decided."
        )
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


def _weighed(figure: Estimate) -> str:
    return f"{figure.value:.2f} (95 % interval {figure.low:.2f} to {figure.high:.2f})"
