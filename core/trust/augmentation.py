"""How far the probability moves under changes that mean nothing to a radiologist."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.image.prepare import prepare
from core.models.classifier import probabilities
from core.models.findings import words
from core.trust.hottest_region import digits
from core.trust.measure import Figure, Question, measure, no_answer
from core.types import Level

_TITLE = "Small changes of the film"
SHIFT = 0.02  # of the side
_ZOOM = 0.05
_TURN = 3.0  # degrees
WIDE = 0.20  # range of the probability from which it counts as unstable


@measure("augmentation", title=_TITLE, aspect="certainty", obstacle=no_answer)
def augmentation(question: Question) -> Figure:
    """Range of the probability when the film is shifted by 2 %, enlarged or reduced by 5 %, turned by 3°.

    Value: the largest probability minus the smallest, 0 to 1, over the film and its eight changed copies.
    Source: Ayhan and Berens 2018 (test-time augmentation).
    """
    checkpoint = question.classifier.checkpoint
    image = prepare(question.radiograph, checkpoint.input, question.cleaning).image
    logits = np.concatenate([question.prediction.logits[None], question.classifier.logits(changed(image))])
    likely = probabilities(logits, checkpoint.temperature, multi_label=checkpoint.multi_label)
    finding = checkpoint.findings.index(question.explanation.finding)
    column = likely[:, finding]
    low, high = float(column.min()), float(column.max())
    if checkpoint.multi_label:
        threshold = checkpoint.thresholds.get(question.explanation.finding, 0.5)
        flips = int(((column >= threshold) != (column[0] >= threshold)).sum())
    else:
        flips = int((likely.argmax(axis=1) != likely[0].argmax()).sum())
    level: Level = "warning" if flips > 2 else "note" if flips or high - low > WIDE else "ok"
    verdict = {
        "ok": "The answer holds.",
        "note": f"The answer changes in {flips} of them." if flips else "The answer holds, its probability does not.",
        "warning": f"The answer changes in {flips} of them.",
    }[level]
    name = words(question.explanation.finding)
    sentence = (
        f"Shifted, enlarged, reduced or turned a little ({len(column) - 1} copies), {name} "
        f"ranges from {digits(low)} to {digits(high)} ({digits(float(column[0]))} for the film)."
    )
    return Figure("augmentation", _TITLE, level, high - low, "range of the probability", sentence, verdict)


def changed(image: Tensor) -> Tensor:
    """(8, C, S, S) eight changed copies of the image (C, S, S); uncovered parts repeat the edge."""
    moves = [(2 * SHIFT * x, 2 * SHIFT * y, 1.0, 0.0) for x, y in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    moves += [(0.0, 0.0, 1 - _ZOOM, 0.0), (0.0, 0.0, 1 + _ZOOM, 0.0), (0.0, 0.0, 1.0, -_TURN), (0.0, 0.0, 1.0, _TURN)]
    rows = []
    for across, down, zoom, turn in moves:
        cosine, sine = zoom * np.cos(np.radians(turn)), zoom * np.sin(np.radians(turn))
        rows.append([[cosine, -sine, across], [sine, cosine, down]])
    grid = functional.affine_grid(
        torch.tensor(rows, dtype=torch.float32), [len(rows), *image.shape], align_corners=False
    )
    return functional.grid_sample(image.expand(len(rows), -1, -1, -1), grid, padding_mode="border", align_corners=False)
