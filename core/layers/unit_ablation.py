"""The network's prediction and maps with units switched off."""

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.errors import BadSetting
from core.explain.evidence import Tape
from core.explain.run import Request, explain_many, lungs_seen
from core.image.prepare import prepare
from core.layers.activations import Activations, known_stage, ranked, refuse_one_cell
from core.lung_network import dilated
from core.models.architecture import Network
from core.models.classifier import Classifier, prediction
from core.types import Cleaning, Explanation, Prediction, Radiograph, digest
from core.work import Work

Unit = tuple[str, int]  # stage and channel
UnitFill = Literal["zero", "mean"]
Ranking = Literal["relevance", "activation", "random"]
UsualMeans = Mapping[str, NDArray[np.float32]]  # stage -> (K,) means over a reference set, as in an atlas
_INSIDE = 0.5  # a cell counts as inside if at least this share of it lies in the lungs or their rim


@dataclass(frozen=True)
class UnitSwitches:
    """The units and cells that are switched off.

    units:   whole feature maps, (stage, channel) each.
    outside: stages whose cells outside the lungs are switched off, in all feature maps.
    fill:    their replacement: zero, or the unit's mean over a reference set, else over this film.
    """

    units: tuple[Unit, ...] = ()
    outside: tuple[str, ...] = ()
    fill: UnitFill = "zero"

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*(stage for stage, _ in self.units), *self.outside]))

    @property
    def words(self) -> str:
        """ "20 units of stage 4", "what lies outside the lungs at stage 3"."""
        counts = {stage: sum(each == stage for each, _ in set(self.units)) for stage, _ in self.units}
        parts = [f"{count} {'unit' if count == 1 else 'units'} of {stage}" for stage, count in counts.items()]
        parts += [f"what lies outside the lungs at {stage}" for stage in self.outside]
        return ", ".join(parts) or "nothing"


@dataclass(frozen=True, eq=False)
class AblationResult:
    """The predictions with and without the units.

    before, after: the predictions; `after` has its own checkpoint key, so that no cache mixes them.
    explanations:  the maps of the changed network, in the order of the requests.
    description:   the fill, in one sentence.
    """

    before: Prediction
    after: Prediction
    explanations: tuple[Explanation, ...]
    description: str


def ablation_result(
    classifier: Classifier,
    radiograph: Radiograph,
    switched: UnitSwitches,
    requests: Sequence[Request] = (),
    *,
    usual: UsualMeans | None = None,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> AblationResult:
    """The prediction without some units, and maps of the changed network.

    usual:  the units' means, for the fill "mean"; None for their means over this film.
    Raises: UnknownName for a stage; BadSetting for an unknown unit; NoLungs if the lungs are needed; OneCell for
            "outside" at a stage with a single cell; as `explain_many`; Stopped by `work`.
    """
    start = time.perf_counter()
    card, cleaning, work = classifier.checkpoint, cleaning or Cleaning(), work or Work()
    with torch.inference_mode(False):
        prepared = prepare(radiograph, card.input, cleaning)
    with torch.inference_mode(False), classifier.alone(work) as network:
        for stage in switched.stages:
            known_stage(card, network, stage)
        tape = Tape(network, prepared.image[None].to(classifier.device), grad_from=network.last_stage)
        features = {stage: tape.features(stage)[0] for stage in switched.stages}
        before = prediction(card, radiograph, tape.logits[0].cpu().numpy(), time.perf_counter() - start)
    check(switched, {stage: len(maps) for stage, maps in features.items()})
    means = _means(switched, features, usual)
    inside: dict[str, Tensor] = {}
    if switched.outside:
        lungs = torch.from_numpy(dilated(lungs_seen(radiograph, cleaning, prepared)())).float()
        for stage in switched.outside:
            refuse_one_cell(card, stage, features[stage].shape)
            high, wide = features[stage].shape[-2:]
            inside[stage] = functional.adaptive_avg_pool2d(lungs[None], (high, wide))[0] >= _INSIDE
    other = Classifier(
        replace(
            card,
            name=f"{card.name} without {switched.words}",
            sha256=digest(card.sha256, switched, *(mean.cpu().numpy() for mean in means.values())),
        ),
        ablated(network, switched, means=means, inside=inside),
        door=classifier.door,  # the layers are shared: behind two doors, hooks and swapped weights would collide
    )
    after, explanations = explain_many(other, radiograph, requests, cleaning=cleaning, work=work)
    return AblationResult(before, after, explanations, _description(switched, usual))


def ablated(
    network: Network, switched: UnitSwitches, *, means: Mapping[str, Tensor], inside: Mapping[str, Tensor] | None = None
) -> Network:
    """The network without those units: its own layers, not copies, with switches between them.

    A switch belongs to its stage, so that maps of the stage show the remaining units.

    means:  stage -> (K,) the fill of its units; for every stage with a switch.
    inside: stage -> (h, w) bool, the cells that stay; for every stage of `switched.outside`.
    """
    ends = {child: stage for stage, child in network.stages.items()}
    children: OrderedDict[str, nn.Module] = OrderedDict()
    stages = {}
    weights = next(network.parameters())
    for child, module in network.features.named_children():
        children[child] = module
        stage = ends.get(child)
        if stage is None:
            continue
        stages[stage] = child
        channels = [channel for each, channel in switched.units if each == stage]
        parts: list[tuple[str, nn.Module]] = []
        if channels:
            parts.append(("units", _without_units(channels, means[stage])))
        if stage in switched.outside:
            parts.append(("cells", _Inside((inside or {})[stage], means[stage])))
        for name, part in parts:
            stages[stage] = f"{child} without {name}"
            children[stages[stage]] = part.to(weights)
    return Network(nn.Sequential(children), stages, network.head).eval()


def check(switched: UnitSwitches, widths: Mapping[str, int]) -> None:
    """Raises: BadSetting for a unit that its stage does not have; widths: stage -> its number of units."""
    for stage, channel in switched.units:
        if not 0 <= channel < widths[stage]:
            raise BadSetting(
                f"{stage} has no unit {channel}; it has units 0 to {widths[stage] - 1}. Choose one of them."
            )


def top_units(
    activations: Activations, finding: str, count: int, *, by: Ranking = "relevance", seed: int = 0
) -> tuple[Unit, ...]:
    """The first `count` units of a stage, in one of three orders; the same as in an ablation curve.

    finding: for "relevance"; a key of `activations.relevance`.
    seed:    for "random".
    Raises:  BadSetting if the stage has fewer units.
    """
    if not 0 < count <= len(activations.maps):
        raise BadSetting(
            f"{activations.stage} has {len(activations.maps)} units; {count} are not possible. Choose 1 to "
            f"{len(activations.maps)}."
        )
    if by == "random":
        order = np.random.default_rng(seed).permutation(len(activations.maps))
    else:
        order = ranked(activations, "relevance" if by == "relevance" else "mean", finding=finding)
    return tuple((activations.stage, int(channel)) for channel in order[:count])


class _Inside(nn.Module):
    """Keeps the cells inside and sets the others to each unit's mean.

    Separate multiplications, so that a method without a rule for them reports it.
    """

    def __init__(self, inside: Tensor, mean: Tensor) -> None:
        super().__init__()
        inside_share = inside.float()[None, None]
        self.register_buffer("kept", inside_share)
        self.register_buffer("rest", (1 - inside_share) * mean[None, :, None, None])

    def forward(self, features: Tensor) -> Tensor:
        """(N, K, h, w) to the same shape."""
        inside_share, rest = (self.get_buffer(name) for name in ("kept", "rest"))
        if (
            isinstance(features, Tensor) and features.shape[-2:] != inside_share.shape[-2:]
        ):  # methods are tried at another input size
            inside_share, rest = (functional.interpolate(each, features.shape[-2:]) for each in (inside_share, rest))
        return torch.add(torch.mul(features, inside_share), rest)


def _without_units(channels: Sequence[int], mean: Tensor) -> nn.BatchNorm2d:
    """Multiplies the units by zero and adds their mean (K,); multiplies all others by one, so they stay bit-exact.

    It is a batch norm, for which every method has a rule.
    """
    layer = nn.BatchNorm2d(len(mean), eps=0.0)
    chosen = torch.tensor(sorted(set(channels)))
    with torch.no_grad():
        layer.weight[chosen] = 0.0
        layer.bias[chosen] = mean[chosen]
    return layer.eval().requires_grad_(False)


def _means(switched: UnitSwitches, features: Mapping[str, Tensor], usual: UsualMeans | None) -> dict[str, Tensor]:
    """Stage -> (K,) the fill of its units."""
    means = {}
    for stage, maps in features.items():
        if switched.fill == "zero":
            means[stage] = torch.zeros(len(maps))
        elif usual is not None and stage in usual:
            means[stage] = torch.from_numpy(np.array(usual[stage], np.float32))
        else:
            means[stage] = maps.mean(dim=(1, 2)).float().cpu()
    for stage, mean in means.items():
        if len(mean) != len(features[stage]):
            raise BadSetting(
                f"The atlas has {len(mean)} units of {stage}, the network {len(features[stage])}. "
                "Build it for this network."
            )
    return means


def _description(switched: UnitSwitches, usual: UsualMeans | None) -> str:
    begin = f"Switched off: {switched.words}"
    if switched.fill == "zero":
        return f"{begin}, set to zero."
    if usual is not None and set(switched.stages) <= set(usual):
        return f"{begin}, set to their mean over the reference set."
    return f"{begin}, set to their mean over this film, since there is no atlas."
