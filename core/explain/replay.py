"""Networks for Captum that replay recorded passes, so that many maps share one pass, counted and cancellable.

Replay hands out a recorded pass; Captum's hooks, layers and gradients work on it as on any module, but nothing runs
except one backward pass per finding, when the first gradient of that finding is needed.
"""

import warnings
from typing import Any, Protocol

from captum.attr import LayerActivation, LayerGradientXActivation
from torch import Tensor, nn
from torch.autograd import Function

IMAGES = "images"
warnings.filterwarnings("ignore", "Setting backward hooks on ReLU")  # Captum warns on each call, and removes them


class Recorded(Protocol):
    """One pass of a network. images: (N, C, S, S); logits: (N, F); sources of gradients are "images" and stages."""

    @property
    def images(self) -> Tensor: ...
    @property
    def logits(self) -> Tensor: ...
    def features(self, stage: str) -> Tensor: ...
    def gradient(self, source: str, finding: int) -> Tensor: ...


class Replay(nn.Module):
    """A recorded pass as a network: forward(images) gives the recorded logits, and `layer` gives the stage's features.

    Values and first derivatives equal those of the network; the gradients are those that were recorded.
    """

    def __init__(self, recorded: Recorded, stage: str) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self._recorded = recorded
        self._stage = stage

    @property
    def images(self) -> Tensor:
        """(N, C, S, S) to hand to Captum; a leaf that takes gradients, so that Captum need not make it one."""
        return self._recorded.images.detach().requires_grad_()

    def forward(self, images: Tensor) -> Tensor:
        """(N, F) logits; images (N, C, S, S) must be those of the recorded pass."""
        features = self.layer(self._recorded.features(self._stage))
        # A layer method of Captum makes the layer's output take gradients; then those of the images are not needed.
        source, tensor = (self._stage, features) if features.requires_grad else (IMAGES, images)
        logits: Tensor = _Logits.apply(self._recorded, source, tensor)  # type: ignore[no-untyped-call]
        return logits


def stage_features(recorded: Recorded, stage: str) -> Tensor:
    """(N, K, h, w) the layer activation of the stage, or of another recorded layer."""
    replay = Replay(recorded, stage)
    return LayerActivation(replay, replay.layer).attribute(recorded.images)


def stage_relevance(recorded: Recorded, stage: str, finding: int) -> Tensor:
    """(N, K) activation × gradient of each unit, summed over its cells, in logits."""
    replay = Replay(recorded, stage)
    product = LayerGradientXActivation(replay, replay.layer).attribute(recorded.images, target=finding)
    return product.detach().sum(dim=(2, 3))


class _Logits(Function):
    """The recorded logits, whose gradient with respect to the images or a stage is the recorded one."""

    @staticmethod
    def forward(context: Any, recorded: Recorded, source: str, tensor: Tensor) -> Tensor:
        context.recorded, context.source = recorded, source
        return recorded.logits.clone()

    @staticmethod
    def backward(context: Any, *slopes: Tensor) -> tuple[None, None, Tensor]:
        weights = slopes[0]  # (N, F), 1 at the logits that Captum takes the gradient of
        parts = []
        for finding in weights.any(dim=0).nonzero().flatten().tolist():
            gradient, weight = context.recorded.gradient(context.source, finding), weights[:, finding]
            parts.append(gradient if bool((weight == 1).all()) else weight[:, None, None, None] * gradient)
        return None, None, sum(parts[1:], parts[0])
