"""Deletion and insertion curves: what an altered image costs relative to a bare pass in an equally large batch."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from core.bench.timing import TimedCall, Timing, timed
from core.explain import memory
from core.explain.run import explain
from core.models.classifier import Classifier
from core.trust.altered import filling, prepared
from core.trust.deletion_curves import STEPS, curves
from core.trust.measure import Question
from core.types import Cleaning, Radiograph

KEY = "deletion_per_pass"


def deletion(classifier: Classifier, film: Radiograph, *, repeats: int) -> tuple[Timing, dict[str, float | str]]:
    """The curves of one saliency map, and Quantus's PixelFlipping of the same map, which has the deletion curve only.

    Both relative to bare passes over as many images as each of them alters.
    """
    finding = classifier.checkpoint.findings[0]
    explanation = explain(classifier, film, finding=finding, method="saliency")
    question = Question(classifier, film, explanation, Cleaning())
    image = prepared(question).image

    def bare() -> None:
        with classifier.alone() as network, torch.inference_mode():
            size = memory.batch_size(network, image, graph=False)
            for start in range(0, 2 * STEPS, size):
                network(image.expand(min(size, 2 * STEPS - start), -1, -1, -1).contiguous())

    cases = [TimedCall(KEY, lambda: curves(question, [explanation.heat]), bare)]
    if find_spec("quantus") is None:
        return timed(bare, cases, repeats=repeats, warm_up=1)[KEY], {"Quantus": "not installed"}
    size = explanation.heat.size
    steps = max(each for each in range(1, STEPS + 1) if size % each == 0)  # Quantus wants steps of equal size
    cases.append(TimedCall("Quantus", lambda: _pixel_flipping(question, size // steps), bare, steps / (2 * STEPS)))
    figures = timed(bare, cases, repeats=repeats, warm_up=1)
    return figures[KEY], {"Quantus": figures["Quantus"].ratio}


def _pixel_flipping(question: Question, in_step: int) -> None:
    quantus: Any = import_module("quantus")
    image, heat = prepared(question).image, question.explanation.heat
    replacement = filling(image, question.fill).reshape(1, -1).numpy()

    def filled(arr: Any, indices: Any, **_: object) -> Any:
        result = arr.copy()
        np.put_along_axis(result, indices, np.take_along_axis(replacement, indices, axis=1), axis=1)
        return result

    metric = quantus.PixelFlipping(
        features_in_step=in_step, normalise=False, perturb_func=filled, disable_warnings=True
    )
    with question.classifier.alone() as network:
        metric(
            model=network,
            x_batch=image.numpy()[None],
            y_batch=np.array([0]),
            a_batch=heat.reshape(1, 1, *heat.shape[-2:]),
            channel_first=True,
            softmax=True,
        )
