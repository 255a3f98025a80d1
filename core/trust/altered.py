"""Answers and maps of altered images: batched passes behind the door, filled parts, recomputed maps."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.explain import memory
from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.replay import IMAGES
from core.explain.run import fused, lungs_seen
from core.image.prepare import Prepared, prepare
from core.models.classifier import Classifier, probabilities
from core.trust.measure import Fill, Question
from core.types import FUSED, Heat
from core.work import Work

_BLUR = 1 / 14  # of the side: the standard deviation of the blur


def prepared(question: Question) -> Prepared:
    """The network's input for the question's film."""
    return prepare(question.radiograph, question.classifier.checkpoint.input, question.cleaning)


def likely(question: Question, images: Sequence[Tensor] | Tensor) -> NDArray[np.float32]:
    """(N,) calibrated probabilities of the finding for images (C, S, S), in batches."""
    checkpoint = question.classifier.checkpoint
    finding = checkpoint.findings.index(question.explanation.finding)
    logits = batched_logits(question.classifier, images, question.work)
    return probabilities(logits, checkpoint.temperature, multi_label=checkpoint.multi_label)[:, finding]


def batched_logits(classifier: Classifier, images: Sequence[Tensor] | Tensor, work: Work) -> NDArray[np.float32]:
    """(N, F) logits for images (C, S, S), in batches behind the door. Raises: Stopped by `work`."""
    logits = []
    with classifier.alone(work) as network:
        size = memory.batch_size(network, images[0], graph=False)
        work.expect(len(images))
        for start in range(0, len(images), size):
            batch = torch.stack(list(images[start : start + size])).to(classifier.device)
            with torch.inference_mode():
                logits.append(network(batch).cpu().numpy())
            work.step(len(batch))
    return np.concatenate(logits)


def filling(image: Tensor, fill: Fill) -> Tensor:
    """(C, S, S) what replaces parts of the image; with in-painting it depends on the part: use `filled`."""
    if fill == "mean":
        return image.mean().expand_as(image)
    if fill == "noise":
        noise = torch.randn(image.shape[1:], generator=torch.Generator().manual_seed(0))
        return (image.mean() + image.std() * noise).expand_as(image)
    blurred = [cv2.GaussianBlur(plane, (0, 0), image.shape[-1] * _BLUR) for plane in image.numpy()]
    return torch.from_numpy(np.stack(blurred))


def filled(image: Tensor, masks: Tensor, fill: Fill, *, replacement: Tensor | None = None) -> Tensor:
    """(N, C, S, S) the image (C, S, S) with each of the masks (N, S, S), bool, filled.

    replacement: `filling` of the image, if already computed; not for in-painting.
    """
    cover = masks[:, None]
    if fill == "in-painting":
        return torch.where(cover, inpainted(image, masks), image)
    return torch.where(cover, filling(image, fill) if replacement is None else replacement, image)


def inpainted(image: Tensor, masks: Tensor) -> Tensor:
    """(N, C, S, S) the mean of the nearest unmasked pixels: cells of 2, 4, 8, ... px grow until each holds one.

    Source: normalised convolution, Knutsson and Westin 1993, doi:10.1109/CVPR.1993.341081.
    """
    known = (~masks[:, None]).float()
    seen, weight = image * known, known
    result, done = seen.clone(), known.expand_as(seen).bool()
    side = 2
    while side < 2 * image.shape[-1]:
        near, count = (_in_cells(each, side) for each in (seen, weight))
        side *= 2
        reached = (count > 1e-6) & ~done
        result = torch.where(reached, near / count.clamp(min=1e-6), result)
        done = done | reached
    return torch.where(done, result, image.mean())


def _in_cells(images: Tensor, side: int) -> Tensor:
    """The mean of each cell of `side` px, bilinear between the cells' centres, at the images' size."""
    size = images.shape[-2:]
    cells = functional.avg_pool2d(images, min(side, *size), ceil_mode=True, count_include_pad=False)
    return functional.interpolate(cells, size=size, mode="bilinear", align_corners=False)


def heat_of(question: Question, image: Tensor, *, classifier: Classifier | None = None) -> Heat:
    """(h, w) the map of an altered image (C, S, S), computed like the question's map; by another network if given."""
    explanation, classifier = question.explanation, classifier or question.classifier
    method, ready = methods[explanation.method], prepared(question)
    finding = classifier.checkpoint.findings.index(explanation.finding)
    with torch.inference_mode(False), classifier.alone(question.work) as network:
        stages = explanation.layer.split(FUSED) if explanation.layer else [network.last_stage]
        from_images = method.needs in ("images", "both")
        source = IMAGES if from_images else min(stages, key=list(network.stages).index)
        tape = Tape(network, image[None].clone().to(classifier.device), grad_from=source)
        heats = [
            method.rule(
                Evidence(
                    tape,
                    finding,
                    stage,
                    ready.black.to(tape.images),
                    ready.white.to(tape.images),
                    together=(finding,),
                    lungs=lungs_seen(question.radiograph, question.cleaning, ready),
                    work=question.work,
                ),
                **explanation.settings,
            )[0].detach()
            for stage in stages
        ]
        heat = fused(heats) if len(heats) > 1 else heats[0]
    return heat.float().cpu().numpy().copy()


def rank_correlation(one: Heat, other: Heat) -> float:
    """Spearman's correlation of two maps; 0 if one of them is flat or not finite.

    Source: Adebayo et al. 2018, arXiv:1810.03292 (similarity of maps).
    """
    ranks = []
    for heat in (one, other):
        if not np.isfinite(heat).all() or float(np.ptp(heat)) == 0:
            return 0.0
        ranks.append(_ranks(heat.ravel()))
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Ranks; equal values share their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)
