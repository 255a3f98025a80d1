"""The response of every unit of a stage to one film, and ways to rank and find units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import BadSetting, OneCell
from core.explain.evidence import Tape
from core.explain.method import methods
from core.explain.replay import Recorded, stage_features, stage_relevance
from core.image.prepare import prepare
from core.layers.layer_hook import inner
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.models.findings import place_of
from core.overlay import end
from core.registry import unknown
from core.types import Checkpoint, Cleaning, Explanation, Heat, Placement, Radiograph, seal
from core.work import Work

Order = Literal["mean", "relevance", "difference", "index"]
ORDERS: dict[Order, str] = {
    "mean": "by strength of response",
    "relevance": "by relevance for the finding",
    "difference": "by difference from their usual response",
    "index": "by number",
}


@dataclass(frozen=True, eq=False)
class Activations:
    """All units of a stage on one film. A unit is one feature map, its channel.

    maps:      (K, h, w) float32, read-only, in the stage's own units.
    placement: where the maps lie on the film.
    relevance: finding -> (K,) float32, activation × gradient of the logit, summed over the cells, in logits: how far
               the logit would fall without the unit if the rest of the network were linear.
    """

    radiograph: str
    checkpoint: str
    stage: str
    maps: NDArray[np.float32]
    placement: Placement
    relevance: Mapping[str, NDArray[np.float32]]
    cleaning: Cleaning = field(default_factory=Cleaning)

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or self.maps.dtype != np.float32:
            raise ValueError(f"maps are {self.maps.dtype} {self.maps.shape}, expected (K, h, w) float32")
        object.__setattr__(self, "maps", seal(self.maps))
        object.__setattr__(self, "relevance", {name: seal(values) for name, values in self.relevance.items()})

    @cached_property
    def means(self) -> NDArray[np.float32]:
        """(K,) each unit's mean over its cells."""
        return np.asarray(seal(self.maps.mean(axis=(1, 2))))

    @cached_property
    def signed(self) -> bool:
        """Whether a unit of the stage goes below zero; none does after a ReLU."""
        return bool(self.maps.min() < 0)

    @cached_property
    def ends(self) -> NDArray[np.float32]:
        """(K,) the end of each unit's colour scale (core.overlay.end); zero for a silent unit."""
        ends = [end(unit_explanation(self, channel)) for channel in range(len(self.maps))]
        return np.asarray(seal(np.array(ends, np.float32)))


def stage_activations(
    classifier: Classifier,
    radiograph: Radiograph,
    stage: str,
    *,
    findings: Sequence[str] = (),
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> Activations:
    """All units of the stage in one forward pass; plus one backward pass per finding for the relevance.

    stage:  a stage, or a layer inside one by its path in the network (core.layers.plan).
    Raises: UnknownName for an unknown stage or finding; OneCell if the stage has one cell; Unfit for a
            layer that has no maps, or runs more than once; Stopped.
    """
    card, cleaning, work = classifier.checkpoint, cleaning or Cleaning(), work or Work()
    places = {finding: place_of(card.findings, finding) for finding in findings}
    with torch.inference_mode(False):
        prepared = prepare(radiograph, card.input, cleaning)
    with torch.inference_mode(False), classifier.alone(work) as network:
        images = prepared.image[None].to(classifier.device)
        work.expect(1 + len(findings))
        if "." in stage and stage in dict(network.named_modules()):
            recorded: Recorded = inner(network, stage, images)
        else:
            known_stage(card, network, stage)
            recorded = Tape(network, images, grad_from=stage, wanted={place: [stage] for place in places.values()})
        features = stage_features(recorded, stage)
        refuse_one_cell(card, stage, tuple(features.shape[1:]))
        work.step()
        relevance = {}
        for finding, place in places.items():
            relevance[finding] = stage_relevance(recorded, stage, place)[0].cpu().numpy()
            work.step()
    maps = features[0].cpu().numpy().copy()
    return Activations(radiograph.key, card.key, stage, maps, prepared.placement, relevance, cleaning)


def known_stage(card: Checkpoint, network: Network, stage: str) -> None:
    """Raises: UnknownName for a stage that the network does not have."""
    if stage not in network.stages:
        raise unknown(f"layer of {card.architecture}", stage, list(network.stages))


def refuse_one_cell(card: Checkpoint, stage: str, shape: Sequence[int]) -> None:
    """Raises: OneCell if the maps (..., h, w) have a single cell, and so no place on the film."""
    if min(shape[-2:]) < 2:
        raise OneCell(
            f"{stage} of {card.name} gives {shape[-2]} × {shape[-1]} maps, which have no place on the film. "
            "Choose an earlier layer."
        )


def scores(
    activations: Activations, by: Order, *, finding: str | None = None, usual: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """(K,) the value that units are ranked by, the largest first.

    finding: for "relevance"; a key of `activations.relevance`.
    usual:   (K,) for "difference": the units' means over a reference set, from an atlas.
    Raises:  BadSetting if the order needs a missing argument.
    """
    if by == "mean":
        return activations.means
    if by == "relevance":
        if finding is None or finding not in activations.relevance:
            known = ", ".join(activations.relevance) or "none"
            raise BadSetting(f"The relevance for {finding!r} was not computed, only that for: {known}. Request it.")
        return activations.relevance[finding]
    if by == "difference":
        if usual is None or usual.shape != activations.means.shape:
            raise BadSetting("The usual response of the units comes from an atlas of this network. Build or open one.")
        apart: NDArray[np.float32] = np.abs(activations.means - usual)
        return apart
    return np.arange(len(activations.maps), 0, -1, dtype=np.float32)


def ranked(
    activations: Activations, by: Order, *, finding: str | None = None, usual: NDArray[np.float32] | None = None
) -> NDArray[np.intp]:
    """(K,) the channels in order, ties by number; arguments and errors as in `scores`."""
    return np.argsort(-scores(activations, by, finding=finding, usual=usual), kind="stable")


def search(text: str, channels: int) -> tuple[int, ...]:
    """The channels in a typed list: "12", "3, 7" or "10-19", each once; all of them for an empty text.

    Raises:  BadSetting for anything but a number, or an unknown channel.
    """
    matches: dict[int, None] = {}
    for part in text.replace("–", "-").replace(";", ",").split(","):
        ends = [end.strip() for end in part.split("-")]
        if ends == [""]:
            continue
        if len(ends) > 2 or not all(end.isdecimal() for end in ends):
            raise BadSetting(f"{part.strip()!r} is not a channel. Type numbers and ranges, as in 3, 7, 10-19.")
        low, high = int(ends[0]), int(ends[-1])
        if not low <= high < channels:
            raise BadSetting(f"{part.strip()!r} does not exist; the layer has channels 0 to {channels - 1}.")
        matches |= dict.fromkeys(range(low, high + 1))
    return tuple(matches) or tuple(range(channels))


def histogram(values: NDArray[np.float32], *, bins: int = 64) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Histogram of the activations: (bins,) counts and (bins + 1,) edges, from the smallest to the largest value."""
    counts, edges = np.histogram(values, bins=bins)
    return counts.astype(np.int64), edges.astype(np.float64)


def unit_explanation(activations: Activations, channel: int, *, finding: str = "") -> Explanation:
    """One unit as a map for the viewer, the overlay and the exports.

    Raises:  BadSetting for an unknown channel.
    """
    (channel,) = search(str(channel), len(activations.maps))
    method = methods["layer-activation"]
    heat: Heat = activations.maps[channel].copy()
    return Explanation(
        radiograph=activations.radiograph,
        checkpoint=activations.checkpoint,
        heat=heat,
        placement=activations.placement,
        signed=activations.signed,
        unit=method.unit,
        method=method.name,
        finding=finding,
        layer=activations.stage,
        settings={"channel": channel},
        seconds=0.0,
        passes=(0, 0),
        title=method.title,
        computed_by=method.computed_by,
        cleaning=activations.cleaning,
        changed={"channel": channel},
        void=not heat.any(),
    )
