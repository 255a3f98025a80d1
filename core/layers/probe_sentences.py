"""The conclusions from the probes about a network and one film, in sentences."""

import numpy as np
from numpy.typing import NDArray

from core.estimate import Estimate
from core.layers.linear_probes import Probes
from core.layers.probe_metrics import predicted_labels
from core.models.findings import words

LEARNED = "The probes were trained on this film, so they know its label."
FEW = 50  # films below which an early success of a probe proves little


def earliest(trained: Probes) -> str:
    """The earliest stage such that neither its probe nor a later one is clearly worse than the last.

    Not clearly worse: the interval of the difference exists and includes 0.
    """
    stage = trained.stages[-1].stage
    for probe in reversed(trained.stages):
        if not probe.behind.low <= 0:
            break
        stage = probe.stage
    return stage


def verdict_sentences(trained: Probes) -> tuple[str, ...]:
    """The conclusions about the network, in sentences."""
    first, last = trained.stages[0], trained.stages[-1]
    sentences = [
        f"On {trained.films} films of {trained.patients} patients the balanced accuracy is {_weighed(first.balanced)} "
        "at "
        f"{first.stage} and {_weighed(last.balanced)} at {last.stage}; chance {trained.chance:.2f}."
    ]
    stage = earliest(trained)
    if not last.balanced.low > trained.chance:
        sentences.append(_guessed(trained))
    elif trained.films < FEW and stage == first.stage:
        sentences.append(f"{trained.films} films are too few to distinguish the stages. Give more.")
    elif stage == last.stage:
        sentences.append(f"The decision is not made before {stage}: the probe of the stage before it is clearly worse.")
    else:
        sentences.append(
            f"From {stage} on, a probe does as well as at {last.stage} (as far as these films can tell): the decision "
            "can be made that early."
        )
    if trained.drawn:
        sentences.append("These are drawn phantoms, which are easy: the result need not hold for real films.")
    else:
        sentences.append(
            "What a probe reads need not be disease: films of different sources differ in ways that the first stages "
            "see, too."
        )
    return tuple(sentences)


def _guessed(trained: Probes) -> str:
    """The sentence for a last stage whose probe is no better than guessing."""
    films = f"as far as these {trained.films} films can tell"
    better = [probe.stage for probe in trained.stages if probe.balanced.low > trained.chance]
    if not better:
        return f"No stage's probe is better than guessing, {films}."
    last = trained.stages[-1].stage
    return (
        f"At {last} the probe is no better than guessing, {films}; at {better[-1]} it is better, and {last} has "
        "lost it."
    )


def turn(predictions: NDArray[np.float32], trained: Probes) -> str:
    """The stage at which the probes' prediction (S, C) on one film becomes final, in a sentence."""
    stages = [probe.stage for probe in trained.stages]
    answers = [_answer(row, trained) for row in predictions]
    last = answers[-1]
    changed = max((place + 1 for place, answer in enumerate(answers) if answer != last), default=0)
    if changed == 0:
        return f"On this film every stage's probe says {last}."
    before = answers[changed - 1]
    return f"On this film the probes say {last} from {stages[changed]} on; at {stages[changed - 1]} it was {before}."


def _answer(row: NDArray[np.float32], trained: Probes) -> str:
    there = predicted_labels(row[None], exclusive=trained.exclusive)[0]
    return " and ".join(words(name) for name, is_there in zip(trained.classes, there, strict=True) if is_there) or (
        f"no {words(trained.classes[0])}" if len(trained.classes) == 1 else "nothing"
    )


def _weighed(figure: Estimate) -> str:
    return f"{figure.value:.2f} (95 % interval {figure.low:.2f} to {figure.high:.2f})"
