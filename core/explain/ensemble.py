"""Maps of an ensemble: each member's, as a share of its peak, averaged."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from core.errors import BadSetting
from core.explain.caveat import caveat
from core.explain.method import methods
from core.explain.run import Request, explain_many, fused
from core.models.classifier import Classifier
from core.models.ensemble import Ensemble, Model
from core.types import Cleaning, Explanation, Prediction, Radiograph
from core.work import Work


def explain_any(
    model: Model,
    radiograph: Radiograph,
    requests: Sequence[Request],
    *,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
    bfloat16: bool = False,
) -> tuple[Prediction, tuple[Explanation, ...]]:
    """As core.explain.run.explain_many; for an ensemble, its own prediction and the mean of the members' maps.

    Raises: as there; BadSetting for a layer of an ensemble, since its members do not share layers.
    """
    if isinstance(model, Classifier):
        return explain_many(model, radiograph, requests, cleaning=cleaning, work=work, bfloat16=bfloat16)
    refuse_layers([request.layer for request in requests])
    work = work or Work()
    whole = model.predict(radiograph, cleaning=cleaning)
    of_members = [
        explain_many(member, radiograph, requests, cleaning=cleaning, work=work, bfloat16=bfloat16)[1]
        for member in model.members
    ]
    return whole, tuple(_mean(model, whole, maps) for maps in zip(*of_members, strict=True))


def refuse_layers(layers: Sequence[str | None]) -> None:
    """Raises: BadSetting where a layer is named."""
    named = [layer for layer in layers if layer]
    if named:
        raise BadSetting(
            f"The models of an ensemble do not share the layer {named[0]!r}. Leave the layer out: the last one of each "
            "model is used."
        )


def _mean(model: Ensemble, whole: Prediction, maps: tuple[Explanation, ...]) -> Explanation:
    first = maps[0]
    heat = fused([torch.from_numpy(each.heat.copy()) for each in maps]).numpy()
    sentence, void = caveat(
        heat,
        methods[first.method],
        finding=first.finding,
        probability=whole.probability(first.finding),
        signed=first.signed,
    )
    return replace(
        first,
        checkpoint=model.checkpoint.key,
        heat=heat,
        unit="share of each model's peak",
        layer=None,
        seconds=sum(each.seconds for each in maps),
        passes=(sum(each.passes[0] for each in maps), sum(each.passes[1] for each in maps)),
        caveat=sentence,
        void=void,
    )
