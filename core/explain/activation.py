"""How strongly a stage responds, whatever the finding."""

from typing import Annotated

from captum.attr import LayerActivation
from torch import Tensor

from core.errors import BadSetting
from core.explain.evidence import Evidence
from core.explain.method import Bounds, method


@method(
    "layer-activation",
    title="Layer activation",
    family="layer and unit",
    needs="none",
    layered=True,
    signed=True,
    unit="activation",
    misleads="It is the same for every finding: a bright place excites the stage, which may count for or against.",
    source="Captum LayerActivation",
    by=LayerActivation,
    specific=False,
)
def layer_activation(
    evidence: Evidence,
    *,
    channel: Annotated[int, Bounds(-1, 4095, "one feature map; -1 for the mean of all")] = -1,
) -> Tensor:
    """What excites the stage, whatever the finding: the mean of its feature maps, or one of them.

    Returns: (N, h, w), in the stage's own units.
    """
    replay = evidence.replay
    features = LayerActivation(replay, replay.layer).attribute(replay.images)
    return features.mean(dim=1) if channel < 0 else one(features, channel, evidence.stage)


def one(features: Tensor, channel: int, stage: str) -> Tensor:
    """(N, h, w) of (N, K, h, w): one feature map. Raises: BadSetting where the stage has no such map."""
    if channel >= features.shape[1]:
        raise BadSetting(f"channel is {channel}; {stage} has feature maps 0 to {features.shape[1] - 1}.")
    return features[:, channel]
