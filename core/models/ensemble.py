"""Several classifiers combined: the mean of their probabilities."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.card import TrainedOn
from core.errors import BadSetting
from core.image.prepare import prepare
from core.models.classifier import Classifier, load, prediction, probabilities
from core.types import Checkpoint, Cleaning, Prediction, Radiograph, digest

JOIN = "+"  # between the names of the members


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks of the same findings, each with its own input. Nothing is loaded twice, nothing is trained."""

    members: tuple[Classifier, ...]

    def __post_init__(self) -> None:
        first, *others = (member.checkpoint for member in self.members)
        for other in others:
            if other.findings != first.findings or other.multi_label != first.multi_label:
                raise BadSetting(
                    f"{first.name} knows {', '.join(first.findings)}, {other.name} {', '.join(other.findings)}. "
                    "An ensemble needs models with the same findings in the same order."
                )
            if other.input.fit != first.input.fit:
                raise BadSetting(
                    f"{first.name} sees the film by {first.input.fit!r}, {other.name} by {other.input.fit!r}: their "
                    "maps cannot be averaged. Combine models whose input has the same fit."
                )
        names = [member.checkpoint.name for member in self.members]
        if len(set(names)) < len(names):
            raise BadSetting(f"The ensemble {JOIN.join(names)} names a model twice. Name each one once.")

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The ensemble's card: joined names, mean operating points, temperature 1."""
        cards = [member.checkpoint for member in self.members]
        shared = set.intersection(*(set(card.thresholds) for card in cards))
        first = cards[0]
        return Checkpoint(
            name=JOIN.join(card.name for card in cards),
            architecture=JOIN.join(card.architecture for card in cards),
            findings=first.findings,
            multi_label=first.multi_label,
            input=first.input,
            sha256=digest(*(card.key for card in cards)),
            thresholds={
                finding: float(np.mean([card.thresholds[finding] for card in cards]))
                for finding in first.findings
                if finding in shared
            },
            trained_on=TrainedOn(digests=" ".join(filter(None, (card.trained_on.digests for card in cards)))),
        )

    def predict(self, radiograph: Radiograph, *, cleaning: Cleaning | None = None) -> Prediction:
        """The mean of the members' calibrated probabilities for one radiograph."""
        start = time.perf_counter()
        images = [prepare(radiograph, member.checkpoint.input, cleaning).image[None] for member in self.members]
        scores = [member.logits(image) for member, image in zip(self.members, images, strict=True)]
        return prediction(self.checkpoint, radiograph, self.combined(scores)[0], time.perf_counter() - start)

    def combined(self, scores: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(N, F) logits whose probabilities are the mean of the members'; scores: (N, F) logits of each member."""
        likely = np.mean(
            [
                probabilities(each, member.checkpoint.temperature, multi_label=self.checkpoint.multi_label)
                for each, member in zip(scores, self.members, strict=True)
            ],
            axis=0,
        ).clip(np.finfo(np.float32).tiny, 1)
        mean = torch.from_numpy(likely.astype(np.float32))
        logits: NDArray[np.float32] = (mean.logit(eps=1e-7) if self.checkpoint.multi_label else mean.log()).numpy()
        return logits


Model = Classifier | Ensemble


def members(model: Model) -> tuple[Classifier, ...]:
    """The members of an ensemble, or the classifier itself."""
    return model.members if isinstance(model, Ensemble) else (model,)


def load_any(name: str, folder: Path | None = None) -> Model:
    """The named checkpoint; for "a+b+c" the ensemble of the three.

    Raises: UnknownName, BadCheckpoint as core.models.classifier.load; BadSetting if they do not fit together.
    """
    names = [part.strip() for part in name.split(JOIN)]
    if len(names) == 1:
        return load(name, folder)
    return Ensemble(tuple(load(part, folder) for part in names))
