"""An untrained network: it costs as much as a trained one."""

from core.models import checkpoints
from core.models.architecture import architectures
from core.models.classifier import Classifier, load
from core.models.device import best, settled
from core.types import Checkpoint, Input

NAME = "random weights"


def classifier(architecture: str = "densenet121", *, side: int = 224) -> Classifier:
    """A network with random weights for one grey channel of `side` px."""
    input = Input(size=side)
    findings = ("covid", "pneumonia", "normal")
    network = architectures[architecture].build(len(findings), input.channels).eval().requires_grad_(False)
    return Classifier(Checkpoint(NAME, architecture, findings, False, input, sha256=""), settled(network, best()))


def or_shipped() -> Classifier:
    """The first available checkpoint, or else random weights."""
    names = checkpoints.names()
    return load(names[0]) if names else classifier()
