"""Knowledge distillation: a network learns the outputs of other networks for the same augmented view of a film."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from core.models.architecture import Network
from core.models.device import fast
from core.train.augment import standardised

_TEMPERATURE = 2.0  # of soft labels, for teacher and student: the teacher's unlikely findings count, too


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained network, in evaluation mode. size: px a side of its input."""

    network: Network
    size: int


@dataclass(frozen=True, eq=False)
class Lesson:
    """The teachers' outputs for N films.

    likely:   (N, F) mean of their probabilities at the temperature.
    likeness: (N, N) for each teacher: similarity of its pooled features between films.
    """

    likely: Tensor
    likeness: tuple[Tensor, ...]


def taught(teachers: Sequence[Teacher], images: Tensor) -> Lesson:
    """The teachers' outputs for the films (N, 1, S, S), standardised; each teacher sees them at its own size."""
    likely, likeness = [], []
    with torch.no_grad():
        for teacher in teachers:
            films = _at(images, teacher.size).contiguous(memory_format=torch.channels_last)
            with fast(images.device):
                features = teacher.network.features(films)
                logits = teacher.network.head(features)
            likely.append((logits.float() / _TEMPERATURE).softmax(dim=1))
            likeness.append(_likeness(features.float()))
    return Lesson(torch.stack(likely).mean(dim=0), tuple(likeness))


def soft_label_loss(logits: Tensor, lesson: Lesson) -> Tensor:
    """Cross-entropy of the student's logits (N, F) with the soft labels, minus the labels' own entropy; 0 if equal.

    Source: Hinton et al. 2015, arXiv:1503.02531; times the temperature squared, so that gradients stay as large.
    """
    spoken = (logits / _TEMPERATURE).log_softmax(dim=1)
    return _TEMPERATURE**2 * functional.kl_div(spoken, lesson.likely, reduction="batchmean")


def feature_loss(features: Tensor, lesson: Lesson) -> Tensor:
    """How far the student's similarities of film pairs, by features (N, K, h, w), are from the teachers'; 0 if equal.

    No extra layer has to fit one network's features to another's.
    Source: Tung and Mori 2019, arXiv:1907.09682 (similarity-preserving knowledge distillation).
    """
    own = _likeness(features)
    return torch.stack([functional.mse_loss(own, other) for other in lesson.likeness]).mean() * len(features)


def _at(images: Tensor, size: int) -> Tensor:
    """The films at another side, standardised again."""
    if images.shape[-1] == size:
        return images
    return standardised(functional.interpolate(images, size=(size, size), mode="bilinear", align_corners=False))


def _likeness(features: Tensor) -> Tensor:
    """(N, N) scalar products of pooled features (N, K, h, w), each row of length 1."""
    pooled = functional.normalize(features.mean(dim=(2, 3)), dim=1)
    return functional.normalize(pooled @ pooled.T, dim=1)
