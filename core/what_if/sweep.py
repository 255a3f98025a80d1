"""An edit at many strengths: the curve of probabilities, and the range in which the answer holds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import BadSetting
from core.models.classifier import Classifier, probabilities
from core.trust.altered import batched_logits
from core.types import Prediction
from core.what_if.answer import Frame, margins, refuse_single_class
from core.what_if.edit import Edit, EditContext, edited, edits
from core.work import Work

STEPS = 13


@dataclass(frozen=True, eq=False)
class Sweep:
    """The answers for one edit at many strengths.

    setting:       the setting that is varied; `neutral` is its value that changes nothing.
    values:        (N,) ascending.
    probabilities: (N, F) in the order of `findings`.
    low, high:     range around `neutral` in which the answer holds, the ends interpolated between two steps; the end
                   of the sweep where it holds up to there.
    holds_throughout: whether it holds over the whole sweep.
    """

    edit: Edit
    setting: str
    meaning: str
    neutral: float
    findings: tuple[str, ...]
    values: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    low: float
    high: float
    holds_throughout: bool

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        title, span = edits[self.edit.name].title, f"{self.values[0]:.3g} to {self.values[-1]:.3g}"
        if self.holds_throughout:
            return f"{title}: the answer holds over the whole sweep ({self.setting} {span})."
        return f"{title}: the answer holds for {self.setting} {self.low:.3g} to {self.high:.3g} (tried {span})."


def sweep(
    classifier: Classifier,
    context: EditContext,
    change: Edit,
    *,
    finding: str,
    before: Prediction,
    earlier: Sequence[Edit] = (),
    steps: int = STEPS,
    work: Work | None = None,
) -> Sweep:
    """The answers for `change` at `steps` values of its swept setting, after the `earlier` edits.

    before: the answer to compare with.
    Raises: BadSetting for an edit without a strength; Unfit for a model of a single class; as `edited`.
    """
    kind, checkpoint, work = edits[change.name], classifier.checkpoint, work or Work()
    if not kind.swept:
        able = ", ".join(name for name, each in edits.items() if each.swept)
        raise BadSetting(f"{kind.title} has no strength to sweep. Choose one of {able}.")
    refuse_single_class(checkpoint)
    setting = next(each for each in kind.settings if each.name == kind.swept)
    values = _values(kind.span, kind.neutral, steps, whole=setting.kind is int)
    frame, images = Frame.of(context), []
    for value in values:
        given = dict(change.settings) | {kind.swept: setting.parse(setting.kind(value))}
        altered = Edit(change.name, kind.parse(given), change.region)
        work.step(0)
        images.append(frame.prepared(edited(context, [*earlier, altered]), checkpoint).image)
    logits = batched_logits(classifier, images, work)
    low, high, throughout = _range(values, margins(logits, checkpoint, finding, before), kind.neutral)
    return Sweep(
        change,
        kind.swept,
        setting.meaning,
        kind.neutral,
        checkpoint.findings,
        np.array(values, np.float32),
        probabilities(logits, checkpoint.temperature, multi_label=checkpoint.multi_label),
        low,
        high,
        throughout,
    )


def _values(span: tuple[float, float], neutral: float, steps: int, *, whole: bool) -> list[float]:
    """The values, with the neutral one among them if it lies in the span."""
    values = [float(value) for value in np.linspace(*span, steps)]
    if span[0] <= neutral <= span[1]:
        values.append(neutral)
    return sorted({float(round(value)) if whole else round(value, 6) for value in values})


def _range(values: list[float], held: NDArray[np.float32], neutral: float) -> tuple[float, float, bool]:
    """The ends of the range that holds around the neutral value (or from the value nearest to it)."""
    start = int(np.abs(np.array(values) - neutral).argmin())
    if held[start] <= 0:
        return values[start], values[start], False
    first = last = start
    while first > 0 and held[first - 1] > 0:
        first -= 1
    while last < len(values) - 1 and held[last + 1] > 0:
        last += 1
    low = values[first] if first == 0 else _crossing(values, held, first, first - 1)
    high = values[last] if last == len(values) - 1 else _crossing(values, held, last, last + 1)
    return low, high, bool((held > 0).all())


def _crossing(values: list[float], held: NDArray[np.float32], inside: int, outside: int) -> float:
    share = float(held[inside] / (held[inside] - held[outside]))
    return values[inside] + share * (values[outside] - values[inside])
