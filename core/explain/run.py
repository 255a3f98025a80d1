"""Explanations of a radiograph: one, or many in the fewest passes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from core.explain.evidence import Evidence, Tape, earliest
from core.explain.method import Method, methods
from core.image.prepare import Prepared, prepare
from core.models.architecture import Network
from core.models.classifier import Classifier, prediction
from core.registry import unknown
from core.types import Cleaning, Explanation, Prediction, Radiograph


@dataclass(frozen=True)
class Request:
    """One map that is wanted. layer: a stage name; None for the last stage, or for methods of the input."""

    method: str
    finding: str
    layer: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def explain(
    classifier: Classifier,
    radiograph: Radiograph,
    *,
    finding: str,
    method: str = "grad-cam",
    layer: str | None = None,
    cleaning: Cleaning | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Explanation:
    """One map of one radiograph.

    Raises: UnknownName for a finding, method, layer or setting that is not there; BadSetting outside its bounds.
    """
    request = Request(method, finding, layer, settings or {})
    return explain_many(classifier, radiograph, [request], cleaning=cleaning)[1][0]


def explain_many(
    classifier: Classifier,
    radiograph: Radiograph,
    requests: Sequence[Request],
    *,
    cleaning: Cleaning | None = None,
) -> tuple[Prediction, tuple[Explanation, ...]]:
    """The prediction and all maps, from one shared forward and at most one shared backward a finding.

    Returns: explanations in the order of the requests; the `passes` of each are what it added to those before it.
    Raises:  as `explain`.
    """
    start = time.perf_counter()
    prepared = prepare(radiograph, classifier.checkpoint.input, cleaning)
    with classifier.alone() as network:
        plans = [_plan(request, classifier, network) for request in requests]
        tape = Tape(network, prepared.image[None], grad_from=_grad_from(plans, network))
        said = prediction(classifier.checkpoint, radiograph, tape.logits[0].numpy(), time.perf_counter() - start)
        explanations = []
        spent = (0, 0)  # the first map carries the shared forward pass, in passes and in seconds
        for plan in plans:
            one = _map(plan, tape, prepared, classifier, radiograph, spent, start)
            explanations.append(replace(one, cleaning=cleaning or Cleaning()))
            spent, start = (tape.forwards, tape.backwards), time.perf_counter()
    return said, tuple(explanations)


@dataclass(frozen=True)
class _Plan:
    request: Request
    method: Method
    finding: int
    layer: str | None
    settings: dict[str, Any]


def _plan(request: Request, classifier: Classifier, network: Network) -> _Plan:
    method = methods[request.method]
    findings = classifier.checkpoint.findings
    if request.finding not in findings:
        raise unknown("finding", request.finding, list(findings))
    layer = None
    if method.layered:
        layer = request.layer or network.last_stage
        if layer not in network.stages:
            raise unknown(f"layer of {classifier.checkpoint.architecture}", layer, list(network.stages))
    return _Plan(request, method, findings.index(request.finding), layer, method.parse(request.settings))


def _grad_from(plans: Sequence[_Plan], network: Network) -> str:
    sources = [
        "images" if plan.method.needs == "images" else str(plan.layer) for plan in plans if plan.method.needs != "none"
    ]
    return earliest(sources, network.stages)


def _map(
    plan: _Plan,
    tape: Tape,
    prepared: Prepared,
    classifier: Classifier,
    radiograph: Radiograph,
    spent: tuple[int, int],
    start: float,
) -> Explanation:
    evidence = Evidence(tape, plan.finding, plan.layer or tape.network.last_stage, prepared.black)
    heat = plan.method.rule(evidence, **plan.settings)[0].detach()
    return Explanation(
        radiograph=radiograph.key,
        checkpoint=classifier.checkpoint.key,
        heat=heat.to(torch.float32).cpu().numpy().copy(),
        placement=prepared.placement,
        signed=plan.method.signed,
        unit=plan.method.unit,
        method=plan.method.name,
        finding=plan.request.finding,
        layer=plan.layer,
        settings=plan.settings,
        seconds=time.perf_counter() - start,
        passes=(tape.forwards - spent[0], tape.backwards - spent[1]),
        title=plan.method.title,
    )
