"""How the prediction changes when the hottest region is blurred."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.image.prepare import prepare
from core.models.classifier import log_odds, probabilities
from core.models.findings import words
from core.trust.measure import Figure, Question, hottest, measure, no_effect
from core.types import Level

SHARE = 0.10  # of the film's area
OTHERS = 8  # regions of the same shape elsewhere; more would cost more than the map itself
SMALLEST = 0.05  # log odds: a change below it does not show in a probability of two digits
_TITLE = "Hottest region removed"


@measure("deletion", title=_TITLE, aspect="faithfulness", obstacle=no_effect)
def deletion(question: Question) -> Figure:
    """Whether blurring the hottest tenth of the film lowers the score more than blurring the same area elsewhere.

    The regions elsewhere are the same mask moved at random (wrapping around), so both sides include the effect of the
    blur itself. Value: how many of them lower the probability less. A drop within one standard deviation of those
    elsewhere is not a measurable effect.

    Source: Petsiuk et al. 2018, arXiv:1806.07421 (deletion), with moved masks as control.
    """
    heat = question.heat()
    checkpoint = question.classifier.checkpoint
    image = prepare(question.radiograph, checkpoint.input, question.cleaning).image
    masks = [hottest(heat, SHARE), *_elsewhere(hottest(heat, SHARE))]
    blurred = torch.stack([_blurred_where(image, mask) for mask in masks])
    logits = np.concatenate([question.prediction.logits[None], question.classifier.logits(blurred)])
    finding = checkpoint.findings.index(question.explanation.finding)
    likely = probabilities(logits, checkpoint.temperature, multi_label=checkpoint.multi_label)[:, finding]
    odds = log_odds(logits, checkpoint.temperature, multi_label=checkpoint.multi_label)[:, finding]
    drops = odds[0] - odds[1:]  # drops of the probability on screen: a logit can rise while its probability falls
    beaten = int((drops[0] > drops[1:]).sum())
    name = words(question.explanation.finding)
    level: Level
    if drops[0] <= SMALLEST or drops[0] - drops[1:].mean() <= drops[1:].std():
        level, verdict = "warning", "No measurable effect: do not read the map as the reason."
    elif beaten == OTHERS:
        level, verdict = "ok", "The model does rely on the marked region."
    elif beaten >= OTHERS / 2:
        level, verdict = "note", "Other regions count as much."
    else:
        level, verdict = "warning", "The marked region counts no more than any other: do not read it as the reason."
    sentence = (
        f"With the hottest {SHARE:.0%} of the film blurred, {name} goes from {digits(likely[0])} to "
        f"{digits(likely[1])}; "
        f"with as much blurred elsewhere, to {digits(likely[2:].mean())} on average ({digits(likely[2:].min())} to "
        f"{digits(likely[2:].max())}, {OTHERS} places)."
    )
    return Figure(
        "deletion", _TITLE, level, beaten, f"of {OTHERS} control regions with a smaller drop", sentence, verdict
    )


def digits(probability: float) -> str:
    """A probability with enough digits to differ from 0 and 1: 0.97, 0.004, under 0.001."""
    if min(probability, 1 - probability) >= 0.01:
        return f"{probability:.2f}"
    if min(probability, 1 - probability) >= 0.001:
        return f"{probability:.3f}"
    return "under 0.001" if probability < 0.5 else "over 0.999"


def _elsewhere(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The mask moved to other places, the same ones on every call."""
    chance = np.random.default_rng(0)
    height, width = mask.shape
    moves = zip(
        chance.integers(height // 5, height - height // 5, OTHERS),
        chance.integers(width // 5, width - width // 5, OTHERS),
        strict=True,
    )
    return [np.roll(mask, (int(down), int(across)), axis=(0, 1)) for down, across in moves]


def _blurred_where(image: Tensor, mask: NDArray[np.bool_]) -> Tensor:
    """(C, S, S) the image with the masked part strongly blurred, with a soft edge."""
    size = image.shape[-1]
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), size / 100)
    planes = [plane * (1 - soft) + cv2.GaussianBlur(plane, (0, 0), size / 14) * soft for plane in image.numpy()]
    return torch.from_numpy(np.stack(planes))
