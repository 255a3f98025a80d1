"""The effect of switching units off: figures per finding, and a sentence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.layers.unit_ablation import AblationResult, Unit, UnitSwitches
from core.models.findings import present, words
from core.types import Checkpoint, Prediction

_STAYS = 0.005  # of a probability: smaller changes are invisible in two digits


@dataclass(frozen=True)
class ProbabilityChange:
    """One finding with and without the units.

    before, after: probabilities.
    points:        their difference in percentage points.
    logit:         the difference of the logits.
    """

    finding: str
    before: float
    after: float
    points: float
    logit: float


def probability_changes(result: AblationResult) -> tuple[ProbabilityChange, ...]:
    """Every finding of the network, in its order."""
    before, after = result.before, result.after
    return tuple(
        ProbabilityChange(
            finding,
            float(before.probabilities[place]),
            float(after.probabilities[place]),
            100 * float(after.probabilities[place] - before.probabilities[place]),
            float(after.logits[place] - before.logits[place]),
        )
        for place, finding in enumerate(before.findings)
    )


def sentence(result: AblationResult, switched: UnitSwitches, finding: str, card: Checkpoint) -> str:
    """ "Without 20 units of stage 4, pneumonia falls from 0.81 to 0.35; the network now says normal."."""
    change = next(each for each in probability_changes(result) if each.finding == finding)
    name = words(finding)
    if abs(change.after - change.before) < _STAYS:
        way = f"{name} stays at {change.after:.2f}"
        if abs(change.logit) >= 0.05:
            way += f" (its logit {'falls' if change.logit < 0 else 'rises'} by {abs(change.logit):.2f})"
    else:
        verb = "falls" if change.after < change.before else "rises"
        way = f"{name} {verb} from {change.before:.2f} to {change.after:.2f}"
    before, after = _says(result.before, card), _says(result.after, card)
    still = "still" if before == after else "now"
    return f"Without {switched.words}, {way}; the network {still} {after}."


def runs(units: Iterable[Unit], *, most: int) -> Mapping[str, tuple[Unit, ...]]:
    """The units under short names, neighbours together: "stage 4 · 3", "stage 4 · 10–19".

    most: maximum number of names; beyond it, each stage gets one name: "stage 4 · 512 units".
    """
    by_stage: dict[str, list[int]] = {}
    for stage, channel in dict.fromkeys(units):
        by_stage.setdefault(stage, []).append(channel)
    groups: dict[str, tuple[Unit, ...]] = {}
    for stage, channels in by_stage.items():
        start = 0
        channels.sort()
        for place in range(1, len(channels) + 1):
            if place == len(channels) or channels[place] != channels[place - 1] + 1:
                run = channels[start:place]
                name = f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}"
                groups[f"{stage} · {name}"] = tuple((stage, channel) for channel in run)
                start = place
    if len(groups) <= most:
        return groups
    return {
        f"{stage} · {len(channels)} {'unit' if len(channels) == 1 else 'units'}": tuple(
            (stage, channel) for channel in channels
        )
        for stage, channels in by_stage.items()
    }


def _says(prediction: Prediction, card: Checkpoint) -> str:
    if not card.multi_label:
        return f"says {words(prediction.likeliest[0])}"
    return f"finds {', '.join(map(words, present(prediction, card))) or 'nothing'}"
