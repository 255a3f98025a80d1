"""Requests for predictions and maps, and whether a model's answers are shown."""

from collections.abc import Sequence
from dataclasses import replace

from core.explain.method import methods
from core.explain.run import Explained, Request, explain_many
from core.explain.sharing import all_stages, batch, first_look_requests
from core.image.film_checks import withheld
from core.trust.admission import Admission, admission_by
from core.trust.gate import read_gate
from core.types import Checkpoint, Cleaning, Prediction, Radiograph
from core.work import Work
from dashboard.cache import film_properties, networks
from dashboard.cache.keys import QUEUE
from dashboard.request_queue import QueuedRequest, ReportProgress


@QUEUE.queued(
    slow=lambda checkpoint, radiograph, cleaning, requests: any(methods[each.method].slow for each in requests)
)
def maps(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, requests: tuple[Request, ...]
) -> Explained:
    """The prediction and these maps, in the fewest passes."""
    return explain_many(networks.classifier(checkpoint), radiograph, requests, cleaning=cleaning, work=work)


@QUEUE.queued()
def _admission(
    work: Work, checkpoints: tuple[Checkpoint, ...], radiograph: Radiograph, cleaning: Cleaning
) -> Admission:
    models = [networks.classifier(checkpoint) for checkpoint in checkpoints]
    return admission_by(film_properties.quality(radiograph, cleaning), models, radiograph, cleaning)


def first_look(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> QueuedRequest[Explained]:
    """The prediction, with the maps of the same forward pass, for the first view of a film."""
    return maps(
        checkpoint, radiograph, cleaning, first_look_requests(checkpoint.findings, networks.stage_sizes(checkpoint))
    )


def admission(
    checkpoints: Sequence[Checkpoint], radiograph: Radiograph, cleaning: Cleaning
) -> QueuedRequest[Admission] | Admission:
    """Whether the answers of these models are shown; a request only if a gate has to check the film."""
    checks = film_properties.quality(radiograph, cleaning)
    if withheld(checks) or radiograph.drawn or not any(map(read_gate, checkpoints)):
        return admission_by(checks, (), radiograph, cleaning)
    return _admission(tuple(checkpoints), radiograph, replace(cleaning, anyway=False))


def predict(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, *, report: ReportProgress | None = None
) -> Prediction:
    """The prediction; waits for it."""
    return first_look(checkpoint, radiograph, cleaning).result(report).prediction


def explain(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, request: Request
) -> QueuedRequest[Explained]:
    """The map and those that share its passes; `Explained.of` gets it from them."""
    stages = networks.fitting(checkpoint, request.method) if methods[request.method].layered else []
    requests = batch(request, findings=checkpoint.findings, sizes=networks.stage_sizes(checkpoint), stages=stages)
    return maps(checkpoint, radiograph, cleaning, requests)


def stages(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, request: Request
) -> QueuedRequest[Explained]:
    """The same map of each stage that can have one."""
    return maps(checkpoint, radiograph, cleaning, all_stages(request, networks.fitting(checkpoint, request.method)))
