"""Which methods a network supports, and at which stages."""

import torch

from core.explain.evidence import Tape
from core.explain.method import methods
from core.models.classifier import Classifier
from core.work import Work


def stage_sizes(classifier: Classifier, work: Work | None = None) -> dict[str, tuple[int, int]]:
    """Stage -> (h, w) of its maps, the last stage last."""
    wanted = classifier.checkpoint.input
    with torch.inference_mode(False), classifier.alone(work or Work()) as network:
        empty = torch.zeros(1, wanted.channels, wanted.size, wanted.size, device=classifier.device)
        tape = Tape(network, empty, grad_from=network.last_stage)
        sizes = {stage: tape.features(stage).shape[-2:] for stage in network.stages}
    return {stage: (size[0], size[1]) for stage, size in sizes.items()}


def incompatibilities(classifier: Classifier, work: Work | None = None) -> dict[str, dict[str | None, str]]:
    """Method -> stage (None for methods of the input) -> why the network cannot serve it there; "" where it can."""
    sizes = stage_sizes(classifier, work)
    with classifier.alone(work or Work()) as network:
        return {
            method.name: {stage: unplaced(sizes[stage]) or method.fits(network, stage) for stage in sizes}
            if method.layered
            else {None: method.fits(network, None)}
            for method in methods.values()
        }


def unplaced(size: tuple[int, int]) -> str:
    """Why maps of this size cannot be drawn, or ""."""
    return "" if min(size) > 1 else "its maps are 1 × 1 and have no place on the film. Choose an earlier stage."
