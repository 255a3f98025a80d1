"""Explanations of a radiograph: one, or many in the fewest passes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core import lung_network
from core.errors import BadSetting, OneCell, Unfit
from core.explain import memory
from core.explain.caveat import caveat
from core.explain.evidence import Evidence, Tape, earliest
from core.explain.method import Method, methods
from core.explain.replay import IMAGES
from core.image.prepare import Prepared, enlarge, prepare
from core.models.architecture import Network
from core.models.classifier import Classifier, prediction
from core.models.findings import place_of
from core.registry import unknown
from core.types import FUSED, Checkpoint, Cleaning, Explanation, Placement, Prediction, Radiograph
from core.work import Work


@dataclass(frozen=True)
class Request:
    """A request for one map.

    layer: a stage name, or several joined by "+" for one map fused from them; None for the last stage, or for
           methods of the input.
    """

    method: str
    finding: str
    layer: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


class Explained(NamedTuple):
    """The result of one call: the prediction, and the maps in the order of the requests."""

    prediction: Prediction
    maps: tuple[Explanation, ...]

    def of(self, request: Request) -> Explanation:
        """The map for the request. Raises: ValueError if the call did not include it."""
        settings = methods[request.method].parse(request.settings)
        for map_ in self.maps:
            if (map_.method, map_.finding, map_.settings) == (request.method, request.finding, settings) and (
                request.layer in (None, map_.layer)
            ):
                return map_
        raise ValueError(f"no map for {request}")

    @property
    def passes(self) -> tuple[int, int]:
        """(forward, backward) passes of all maps together."""
        return total_passes(self.maps)

    @property
    def seconds(self) -> float:
        """Time of all maps together."""
        return sum(map_.seconds for map_ in self.maps)


def explain(
    classifier: Classifier,
    radiograph: Radiograph,
    *,
    finding: str,
    method: str = "grad-cam",
    layer: str | None = None,
    cleaning: Cleaning | None = None,
    settings: Mapping[str, Any] | None = None,
    work: Work | None = None,
) -> Explanation:
    """One map of one radiograph.

    settings: those of the method, as `python -m core methods` lists them.
    Raises:   UnknownName for an unknown finding, method, layer or setting; BadSetting outside its bounds;
              Unfit where the network or the layer does not support the method; Stopped as `work` says.
    """
    request = Request(method, finding, layer, settings or {})
    return explain_many(classifier, radiograph, [request], cleaning=cleaning, work=work).maps[0]


def explain_many(
    classifier: Classifier,
    radiograph: Radiograph,
    requests: Sequence[Request],
    *,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
    bfloat16: bool = False,
    budget: float = memory.BUDGET,
) -> Explained:
    """The prediction and all maps, in the fewest passes: one forward, at most one backward per finding, plus the passes
    of path and sampling methods, shared by findings with equal settings.

    work:     progress, cancel and time limit.
    bfloat16: run the network in bfloat16; the maps say so.
    budget:   bytes that a batch may take.
    Returns:  explanations in the order of the requests; the `passes` of each exclude those of the maps before it.
    Raises:   as `explain`, and BadSetting where one of the maps is not offered in bfloat16; nothing is returned then.
    """
    start = time.perf_counter()
    work, cleaning = work or Work(), cleaning or Cleaning()
    with torch.inference_mode(False):  # the caller may be in inference mode, whose tensors take no gradients
        prepared = prepare(radiograph, classifier.checkpoint.input, cleaning)
    with torch.inference_mode(False), classifier.alone(work) as network:
        plans = planned_maps(requests, classifier, network, bfloat16=bfloat16)
        tape = Tape(
            network,
            prepared.image[None].to(classifier.device),
            grad_from=first_gradient(plans, network),
            wanted=sources_by_finding(plans, network),
            bfloat16=bfloat16,
        )
        logits = tape.logits[0].cpu().numpy()
        result = prediction(classifier.checkpoint, radiograph, logits, time.perf_counter() - start)
        context = _Context(
            classifier, radiograph, prepared, cleaning, result, work, budget, lungs_seen(radiograph, cleaning, prepared)
        )
        explanations = []
        spent = (0, 0)  # the first map carries the shared forward pass, in passes and in seconds
        for plan in plans:
            work.step(0)
            explanations.append(_map(plan, plans, tape, context, spent, start))
            spent, start = (tape.forwards, tape.backwards), time.perf_counter()
    return Explained(result, tuple(explanations))


def check(classifier: Classifier, requests: Sequence[Request], *, bfloat16: bool = False) -> None:
    """Raises what `explain_many` would raise for these requests, before a film is read."""
    with classifier.alone() as network:
        planned_maps(requests, classifier, network, bfloat16=bfloat16)


def total_passes(explanations: Sequence[Explanation]) -> tuple[int, int]:
    """(forward, backward) network passes of the maps together."""
    return sum(each.passes[0] for each in explanations), sum(each.passes[1] for each in explanations)


@dataclass(frozen=True)
class PlannedMap:
    """A request that the network can serve. finding: index of its logit."""

    request: Request
    method: Method
    finding: int
    layers: tuple[str, ...]
    settings: dict[str, Any]

    @property
    def layer(self) -> str | None:
        return FUSED.join(self.layers) or None


@dataclass(frozen=True, eq=False)
class _Context:
    """The context that all maps of one call share."""

    classifier: Classifier
    radiograph: Radiograph
    prepared: Prepared
    cleaning: Cleaning
    prediction: Prediction
    work: Work
    budget: float
    lungs: Callable[[], NDArray[np.bool_]]


def planned_maps(
    requests: Sequence[Request], classifier: Classifier, network: Network, *, bfloat16: bool = False
) -> list[PlannedMap]:
    """The requests with their method, layers and settings looked up. Raises: as `explain`."""
    plans = [_plan(request, classifier, network) for request in requests]
    if bfloat16:
        _refuse_bfloat16(plans, network)
    return plans


def _plan(request: Request, classifier: Classifier, network: Network) -> PlannedMap:
    method = methods[request.method]
    findings = classifier.checkpoint.findings
    place = place_of(findings, request.finding)
    settings = method.parse(request.settings)
    layers: tuple[str, ...] = ()
    named = () if request.layer is None else tuple(part.strip() for part in request.layer.split(FUSED))
    for layer in named:
        if layer not in network.stages:
            raise unknown(f"layer of {classifier.checkpoint.architecture}", layer, list(network.stages))
    if method.layered:
        layers = named or (network.last_stage,)
        if len(set(layers)) < len(layers):
            raise BadSetting(f"The layers to fuse are {request.layer!r}. Name each one once.")
    for stage in layers or (None,):
        if reason := method.fits(network, stage):
            at = f" at {stage}" if stage else ""
            raise Unfit(f"{method.title} is not available for {classifier.checkpoint.name}{at}: {reason}")
    return PlannedMap(request, method, place, layers, settings)


def _sources(plan: PlannedMap) -> list[str]:
    """The sources whose gradients the plan needs from the shared tape."""
    images = [IMAGES] if plan.method.needs in ("images", "both") else []
    return images + (list(plan.layers) if plan.method.needs in ("stage", "both") else [])


def first_gradient(plans: Sequence[PlannedMap], network: Network) -> str:
    """The earliest source of a gradient that the plans need: "images" or a stage."""
    return earliest([source for plan in plans for source in _sources(plan)], network.stages)


def _refuse_bfloat16(plans: Sequence[PlannedMap], network: Network) -> None:
    for plan in plans:
        if not plan.method.rounds(plan.settings):
            signed = f"; signed {plan.method.title} is" if plan.method.bfloat16 else ""
            raise BadSetting(
                f"{plan.method.title} is not offered in bfloat16: its maps may differ from those in float32{signed}. "
                "Use float32."
            )
        if set(plan.layers) - {network.last_stage}:  # Grad-CAM at inner stages correlates down to 0.997
            raise BadSetting(
                f"At {plan.layer} maps in bfloat16 may differ from those in float32; they are offered at "
                f"{network.last_stage} alone. Use float32."
            )


def sources_by_finding(plans: Sequence[PlannedMap], network: Network) -> dict[int, list[str]]:
    """Finding -> its sources; the last stage's gradient is left out, since the head alone gives it."""
    wanted: dict[int, list[str]] = {}
    for plan in plans:
        wanted.setdefault(plan.finding, []).extend(source for source in _sources(plan) if source != network.last_stage)
    return wanted


def alike(plan: PlannedMap, plans: Sequence[PlannedMap]) -> tuple[int, ...]:
    """The findings of all plans with the same method, layers and settings."""
    same = {
        each.finding
        for each in plans
        if (each.method, each.layers, each.settings) == (plan.method, plan.layers, plan.settings)
    }
    return tuple(sorted(same))


def refuse_one_cell(plan: PlannedMap, tape: Tape, stage: str, checkpoint: Checkpoint) -> None:
    """Raises: OneCell if the stage has a single cell."""
    if plan.layers and min(tape.features(stage).shape[-2:]) < 2:
        raise OneCell(
            f"{stage} of {checkpoint.name} gives 1 × 1 maps, which have no place on the film. Choose an earlier layer."
        )


def _heat(plan: PlannedMap, plans: Sequence[PlannedMap], tape: Tape, context: _Context, stage: str) -> Tensor:
    """(h, w) the heat of the plan at one stage, on the tape's device. Raises: OneCell."""
    evidence = Evidence(
        tape,
        plan.finding,
        stage,
        context.prepared.black.to(tape.images),
        context.prepared.white.to(tape.images),
        together=alike(plan, plans),
        lungs=context.lungs,
        work=context.work,
        budget=context.budget,
    )
    refuse_one_cell(plan, tape, stage, context.classifier.checkpoint)
    return plan.method.rule(evidence, **plan.settings)[0].detach()


def _map(
    plan: PlannedMap, plans: Sequence[PlannedMap], tape: Tape, context: _Context, spent: tuple[int, int], start: float
) -> Explanation:
    heats = [_heat(plan, plans, tape, context, stage) for stage in plan.layers or (tape.network.last_stage,)]
    heat = fused(heats) if len(heats) > 1 else heats[0]
    return explanation(
        plan,
        heat,
        context.prediction,
        placement=context.prepared.placement,
        cleaning=context.cleaning,
        seconds=time.perf_counter() - start,
        passes=(tape.forwards - spent[0], tape.backwards - spent[1]),
        bfloat16=tape.bfloat16,
    )


def explanation(
    plan: PlannedMap,
    heat: Tensor,
    prediction: Prediction,
    *,
    placement: Placement,
    cleaning: Cleaning,
    seconds: float,
    passes: tuple[int, int],
    bfloat16: bool = False,
) -> Explanation:
    """The heat (h, w) with its placement, caveat, settings and cost."""
    values = heat.to(torch.float32).cpu().numpy().copy()
    signed = plan.method.signs(plan.settings)
    finding = plan.request.finding
    sentence, void = caveat(
        values, plan.method, finding=finding, probability=prediction.probability(finding), signed=signed
    )
    return Explanation(
        radiograph=prediction.radiograph,
        checkpoint=prediction.checkpoint,
        heat=values,
        placement=placement,
        signed=signed,
        unit="share of each stage's peak" if len(plan.layers) > 1 else plan.method.unit,
        method=plan.method.name,
        finding=finding,
        layer=plan.layer,
        settings=plan.settings,
        seconds=seconds,
        passes=passes,
        title=plan.method.title,
        computed_by=plan.method.computed_by,
        cleaning=cleaning,
        bfloat16=bfloat16,
        caveat=sentence,
        void=void,
        by_region=plan.method.by_region,
        changed=_changed(plan),
    )


def _changed(plan: PlannedMap) -> dict[str, Any]:
    """The settings that differ from the method's defaults."""
    values = plan.settings
    return {each.name: values[each.name] for each in plan.method.settings if values[each.name] != each.default}


def fused(heats: Sequence[Tensor]) -> Tensor:
    """One map of several stages: each as a share of its own peak, enlarged to the finest, averaged.

    heats:   (h, w) each, any unit.
    Returns: (H, W) of the largest, from -1 to 1; a stage whose map is flat at zero adds nothing.
    Source:  after Jiang et al. 2021 (Layer-CAM), who take the maximum; the mean also serves signed maps.
    """
    size = max((tuple(heat.shape) for heat in heats), key=lambda shape: shape[0] * shape[1])
    shares = [heat.float() / heat.abs().max().clamp(min=torch.finfo(torch.float32).tiny) for heat in heats]
    enlarged = [
        functional.interpolate(share[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
        for share in shares
    ]
    return torch.stack(enlarged).mean(dim=0)


def lungs_seen(radiograph: Radiograph, cleaning: Cleaning, prepared: Prepared) -> Callable[[], NDArray[np.bool_]]:
    """Computes the lungs on first use, (S, S) bool in the network's square; raises NoLungs."""

    @cache
    def mask() -> NDArray[np.bool_]:
        outline, lies = lung_network.outline(radiograph, cleaning)
        square, side = prepared.placement, prepared.image.shape[-1]
        across, down = side / (square.x1 - square.x0), side / (square.y1 - square.y0)
        there = Placement(
            (lies.x0 - square.x0) * across,
            (lies.y0 - square.y0) * down,
            (lies.x1 - square.x0) * across,
            (lies.y1 - square.y0) * down,
            lies.turn,
        )
        upright = np.nan_to_num(enlarge(outline, there, (side, side)), nan=0.0)
        return np.rot90(upright, square.turn) > 0.5

    return mask
