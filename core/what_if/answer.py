"""The answer of a model for an edited film: probabilities, whether the answer turned, and the map."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import Unfit
from core.explain.run import Request, explain_many
from core.image.arrangement import through
from core.image.prepare import Prepared, prepare, read_box
from core.models.classifier import Classifier, log_odds
from core.models.findings import EVEN, place_of, words
from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from core.what_if.edit import Edit, EditContext, edited
from core.work import Work


@dataclass(frozen=True, eq=False)
class EditedAnswer:
    """The answer for a film after edits.

    edits:       empty for the unedited film.
    radiograph:  the edited film, in the frame of the unedited one.
    explanation: the map on the edited film; None if not requested.
    """

    edits: tuple[Edit, ...]
    radiograph: Radiograph
    prediction: Prediction
    explanation: Explanation | None = None


def edited_answer(
    classifier: Classifier,
    context: EditContext,
    changes: Sequence[Edit],
    *,
    request: Request | None = None,
    work: Work | None = None,
) -> EditedAnswer:
    """The prediction for the film after the edits, and the requested map.

    The network's square stays where it was on the unedited film, so that blackening an edge does not move the crop.
    Raises: as `edited` and `explain_many`.
    """
    film = edited(context, changes)
    framed = Frame.of(context)
    requests = [] if request is None else [request]
    explained = explain_many(classifier, framed.film(film), requests, cleaning=framed.cleaning, work=work)
    maps = [framed.on_film(each, film) for each in explained.maps]
    prediction = replace(explained.prediction, radiograph=film.key)
    return EditedAnswer(tuple(changes), film, prediction, maps[0] if maps else None)


@dataclass(frozen=True)
class Frame:
    """The part of a film that the network reads, fixed before any edit.

    box:      x0, y0, x1, y1 in pixels, without x1 and y1 themselves.
    cleaning: for a film cut to the box, to which the window is already applied.
    """

    box: tuple[int, int, int, int]
    cleaning: Cleaning

    @staticmethod
    def of(context: EditContext) -> "Frame":
        """The frame of the unedited film."""
        film, cleaning = through(context.radiograph, context.cleaning.window), context.cleaning
        return Frame(read_box(film, cleaning), replace(cleaning, window="", crop_borders=False))

    def film(self, film: Radiograph) -> Radiograph:
        """The film cut to the frame."""
        x0, y0, x1, y1 = self.box
        return replace(film, pixels=film.pixels[y0:y1, x0:x1], planes=())

    def prepared(self, film: Radiograph, checkpoint: Checkpoint) -> Prepared:
        """The network's input for an edited film; its placement is on the cut film."""
        return prepare(self.film(film), checkpoint.input, self.cleaning)

    def on_film(self, explanation: Explanation, film: Radiograph) -> Explanation:
        """A map of the cut film as one of the whole film."""
        x0, y0 = self.box[:2]
        at = explanation.placement
        placement = replace(at, x0=at.x0 + x0, y0=at.y0 + y0, x1=at.x1 + x0, y1=at.y1 + y0)
        return replace(explanation, radiograph=film.key, placement=placement)


def refuse_single_class(checkpoint: Checkpoint) -> None:
    """Raises: Unfit for a model whose only probability is always 1."""
    if len(checkpoint.findings) == 1 and not checkpoint.multi_label:
        raise Unfit(
            f"{checkpoint.name} knows a single class, so the probability of {checkpoint.findings[0]} is always 1 and "
            "no edit can move it. Choose a model with several findings."
        )


def margins(
    logits: NDArray[np.float32], checkpoint: Checkpoint, finding: str, before: Prediction
) -> NDArray[np.float32]:
    """(N,) for logits (N, F): above 0 if the answer is that of `before`, 0 or below if it has turned; log odds.

    The answer of a single-label model is its likeliest finding; of a multi-label model, whether `finding` reaches its
    operating point.
    """
    refuse_single_class(checkpoint)
    if not checkpoint.multi_label:
        top = int(before.probabilities.argmax())
        others = np.delete(logits, top, axis=1).max(axis=1)
        return np.asarray((logits[:, top] - others) / checkpoint.temperature, np.float32)
    place = place_of(checkpoint.findings, finding)
    threshold = min(max(checkpoint.thresholds.get(finding, EVEN), 1e-6), 1 - 1e-6)
    odds = log_odds(logits, checkpoint.temperature, multi_label=True)[:, place] - math.log(threshold / (1 - threshold))
    present = before.probability(finding) >= checkpoint.thresholds.get(finding, EVEN)
    return np.asarray(odds if present else -odds, np.float32)


def turned(prediction: Prediction, checkpoint: Checkpoint, finding: str, before: Prediction) -> bool:
    """Whether the answer differs from `before`."""
    return bool(margins(prediction.logits[None].copy(), checkpoint, finding, before)[0] <= 0)


def answer_words(prediction: Prediction, checkpoint: Checkpoint, finding: str) -> str:
    """ "covid 0.81"; of a multi-label model "mass 0.30, below its operating point"."""
    if not checkpoint.multi_label:
        name, probability = prediction.likeliest
        return f"{words(name)} {probability:.2f}"
    probability = prediction.probability(finding)
    above = probability >= checkpoint.thresholds.get(finding, EVEN)
    return f"{words(finding)} {probability:.2f}, {'above' if above else 'below'} its operating point"
