"""A network that was never trained: it costs what a trained one costs."""

from core.models import checkpoints
from core.models.architecture import architectures
from core.models.classifier import Classifier, load
from core.models.device import best, settled
from core.types import Checkpoint, Input

NAME = "random weights"


def classifier(architecture: str = "densenet121", *, side: int = 224) -> Classifier:
    """Random weights before one grey channel of `side` px."""
    input = Input(size=side)
    findings = ("covid", "pneumonia", "normal")
    network = architectures[architecture].build(len(findings), input.channels).eval().requires_grad_(False)
    return Classifier(Checkpoint(NAME, architecture, findings, False, input, sha256=""), settled(network, best()))


def or_shipped() -> Classifier:
    """The first checkpoint that is there, else random weights."""
    names = checkpoints.names()
    return load(names[0]) if names else classifier()
